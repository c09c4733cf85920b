"""Findings as text for people, as JSON for programs, and as SARIF for editors and CI."""

from pathlib import Path
from typing import Any

from alexlab import __version__
from alexlab.check.checking import Checked
from alexlab.check.finding import Language
from alexlab.check.pages import address, page_of
from alexlab.check.rules import RULES
from alexlab.valid_json import to_json

_WORDS = {
    "en": {"error": "error", "warning": "warning", "note": "note", "fix": "mend", "evidence": "evidence",
           "none": "no mistakes found", "more": "more",
           "nothing": "nothing of PyTorch to look at", "unlooked": "nothing was looked at",
           "parts": "looked at", "lost": "not followed", "nowhere": "nothing", "rest": "and {} more"},
    "zh": {"error": "错误", "warning": "警告", "note": "提示", "fix": "改法", "evidence": "依据", "none": "没有发现错误",
           "more": "详情", "nothing": "没有可检查的 PyTorch 内容", "unlooked": "没有检查任何内容",
           "parts": "已检查", "lost": "未能跟踪", "nowhere": "无", "rest": "另有 {} 处"},
}  # fmt: skip
MOST_LISTED = 12
_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def as_text(checked: Checked, language: Language = "en") -> str:
    """Return one block for each finding: place, severity, rule, the line itself, what happens, how to mend it; then how that is known."""
    words = _WORDS[language]
    blocks = []
    for finding in checked.findings:
        where = str(finding.place) if finding.place is not None else (finding.layer or "network")
        layer = f" ({finding.layer})" if finding.layer and finding.place is not None else ""
        lines = [f"{where}: {words[finding.severity]}[{finding.rule}]{layer}"]
        code = checked.lines.get(finding.place) if finding.place is not None else None
        if code:
            lines.append(f"    | {code}")
        lines.append(f"    {finding.message.in_(language)}")
        lines.append(f"    {words['fix']}: {finding.fix.in_(language)}")
        if finding.diff is not None:
            lines += [f"    {each}" for each in finding.diff.splitlines()]
        more = f"alexlab check --explain {finding.rule}" + (" --lang zh" if language == "zh" else "")
        lines.append(f"    {words['more']}: `{more}`, {address(finding.rule, language)}")
        blocks.append("\n".join(lines))
    summary = _summary(checked, language)
    unseen = [f"not looked at: {each}" if language == "en" else f"未检查：{each}" for each in checked.unseen]
    evidence = dict.fromkeys(finding.evidence.in_(language) for finding in checked.findings)
    known = [f"{words['evidence']}: {each}" for each in evidence]
    return "\n\n".join([*blocks, "\n".join([*unseen, summary, *known, scope(checked, language)])])


def _summary(checked: Checked, language: Language) -> str:
    """Return how many mistakes of each severity were found, or that there was nothing to look at."""
    words = _WORDS[language]
    if checked.found_nothing:
        colon = ": " if language == "en" else "："
        return f"{words['nothing']}{colon}{checked.instead.in_(language)}" if checked.instead else words["unlooked"]
    if not checked.findings:
        return words["none"]
    counts = [sum(f.severity == severity for f in checked.findings) for severity in ("error", "warning", "note")]
    if language == "zh":
        return f"{counts[0]} 个错误，{counts[1]} 个警告，{counts[2]} 个提示"
    parts = zip(counts, ("error", "warning", "note"), strict=True)
    return ", ".join(f"{n} {w}{'s' * (n != 1)}" for n, w in parts)


def scope(checked: Checked, language: Language = "en") -> str:
    """Return what was looked at, and what could not be followed, in one line."""
    words, colon, comma, end = _WORDS[language], *((": ", ", ", "; ") if language == "en" else ("：", "，", "；"))

    def listed(each: list[str]) -> str:
        more = [words["rest"].format(len(each) - MOST_LISTED)] if len(each) > MOST_LISTED else []
        return comma.join([*each[:MOST_LISTED], *more])

    looked = listed([part.in_(language) for part in checked.parts]) or words["nowhere"]
    lost = f"{end}{words['lost']}{colon}{listed(list(map(str, checked.lost)))}" if checked.lost else ""
    return f"{words['parts']}{colon}{looked}{lost}"


def as_list(checked: Checked, language: Language = "en") -> list[dict[str, Any]]:
    """Return the findings as plain values: rule, severity, file, line, cell, layer, message, fix, diff, evidence.

    `fix` says in words how to mend it; `diff` is that change as a unified diff where it is mechanical, else null.
    """
    return [
        {
            "rule": finding.rule,
            "severity": finding.severity,
            "file": finding.place.file if finding.place else None,
            "line": finding.place.line if finding.place else None,
            "cell": finding.place.cell if finding.place else None,
            "layer": finding.layer,
            "message": finding.message.in_(language),
            "fix": finding.fix.in_(language),
            "diff": finding.diff,
            "evidence": finding.evidence.in_(language),
        }
        for finding in checked.findings
    ]


def as_json(checked: Checked, language: Language = "en") -> str:
    """Return the findings as a JSON list, with the keys of `as_list`; where there was nothing to look at, one note says so."""
    found = as_list(checked, language)
    if checked.found_nothing:
        note = {"rule": None, "severity": "note", "message": _summary(checked, language), "fix": None}
        found = [{**dict.fromkeys(("file", "line", "cell", "layer", "diff", "evidence")), **note}]
    return to_json(found, indent=2, ascii=False)


def as_sarif(checked: Checked, language: Language = "en") -> str:
    """Return the findings as SARIF 2.1.0 (OASIS), one run."""
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.title.in_(language)},
            "fullDescription": {"text": rule.why.in_(language)},
            "help": {"text": rule.mend.in_(language), "markdown": page_of(rule, language)},
            "helpUri": address(rule.name, language),
        }
        for rule in RULES
    ]
    results = []
    for finding in checked.findings:
        result: dict[str, Any] = {
            "ruleId": finding.rule,
            "level": _LEVELS[finding.severity],
            "message": {"text": f"{finding.message.in_(language)} {finding.fix.in_(language)}"},
        }
        if finding.place is not None:
            region = {} if finding.place.cell is not None else {"region": {"startLine": finding.place.line}}
            result["locations"] = [
                {"physicalLocation": {"artifactLocation": {"uri": Path(finding.place.file).as_posix()}, **region}}
            ]
        elif finding.layer:
            result["locations"] = [{"logicalLocations": [{"fullyQualifiedName": finding.layer}]}]
        results.append(result)
    driver = {"name": "alexlab", "version": __version__, "rules": rules}
    return to_json(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results, "invocations": [_invocation(checked, language)]}],
        },
        indent=2,
        ascii=False,
    )


def _invocation(checked: Checked, language: Language) -> dict[str, Any]:
    """Return how the check went, as SARIF says it: what was looked at, and what was not."""
    told = [
        *checked.unseen,
        *([_summary(checked, language)] if checked.found_nothing else []),
        scope(checked, language),
    ]
    return {
        "executionSuccessful": True,
        "exitCode": checked.exit_code,
        "toolExecutionNotifications": [{"level": "note", "message": {"text": each}} for each in told],
    }
