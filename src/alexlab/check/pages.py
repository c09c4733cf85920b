"""The page of a rule: what happens, how to mend it, and the smallest example, with the mistake and without."""

from alexlab.check.finding import Language
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES
from alexlab.errors import unknown

SITE = "https://alexlab.readthedocs.io"
"""Where the docs are read online; `docs/check/` is `check/` there."""
_WORDS = {
    "en": {
        "why": "What happens",
        "mend": "How to mend it",
        "cost": "What it costs",
        "bad": "With the mistake",
        "good": "Mended",
        "silence": "To silence it on one line, with the reason: `# alexlab: ignore[{name}] why it is meant`.",
    },
    "zh": {
        "why": "会发生什么",
        "mend": "怎样改",
        "cost": "代价",
        "bad": "有错误的写法",
        "good": "改正后",
        "silence": "要在某一行关闭这条规则并写明理由：`# alexlab: ignore[{name}] 理由`。",
    },
}


def find_rule(name: str) -> Rule:
    """Return the rule called `name`. Raises UserError, with the nearest name, where there is none."""
    for rule in RULES:
        if rule.name == name:
            return rule
    raise unknown("rule", name, [rule.name for rule in RULES])


def page_of(rule: Rule, language: Language = "en", beneath: str = "", cost: str = "") -> str:
    """Return the page of a rule as Markdown.

    Args:
        beneath: what stands beneath the title, e.g. a link to the page in another language.
        cost: what the mistake was measured to cost; without it the page has no such part.
    """
    words = _WORDS[language]
    parts = [f"# {rule.name}: {rule.title.in_(language)}", beneath]
    parts += [f"## {words['why']}", rule.why.in_(language), f"## {words['mend']}", rule.mend.in_(language)]
    parts += [f"## {words['cost']}", cost] if cost else []
    for key, example in (("bad", rule.bad), ("good", rule.good)):
        parts += [f"## {words[key]}", f"```python\n{example}```"]
    return "\n\n".join(part for part in [*parts, words["silence"].format(name=rule.name)] if part) + "\n"


def address(rule: str, language: Language = "en") -> str:
    """Return where the page of a rule is read online."""
    return f"{SITE}/check/{'zh/' if language == 'zh' else ''}{rule}"
