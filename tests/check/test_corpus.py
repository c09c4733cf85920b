"""The programs of the comparison: nearly all mistakes found, and nothing said of the mended ones."""

import sys
from pathlib import Path

from alexlab.check import check_script

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "check"))
from programs import programs


def test_recall_and_silence() -> None:
    found, missed, alarms = 0, [], []
    for program in programs():
        path = Path("program.py")
        path.write_text(program.mistaken, encoding="utf-8")
        findings = check_script(path).findings
        rules = {finding.rule for finding in findings}
        found += program.rule in rules
        missed += [program.name] if program.rule not in rules else []
        known = {program.rule, *program.also}
        alarms += [(program.name, f.rule) for f in findings if f.severity != "note" and f.rule not in known]
        path.write_text(program.mended, encoding="utf-8")
        findings = check_script(path).findings
        alarms += [(f"{program.name}, mended", f.rule) for f in findings if f.severity != "note"]
    assert found + len(missed) >= 40 and found / (found + len(missed)) >= 0.95, missed
    assert alarms == []


def test_every_program_has_a_thread() -> None:
    assert all(program.link.startswith("https://github.com/") for program in programs())
    assert all(program.mistaken != program.mended for program in programs())
