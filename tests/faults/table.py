"""The long forms, and the tables of docs/reliability.md that are made of what they found.

python -m tests.faults.table run      everything, an hour or more; writes benchmarks/reliability.json
python -m tests.faults.table write    the tables of docs/reliability.md from that file
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FACTS, PAGE = ROOT / "benchmarks" / "reliability.json", ROOT / "docs" / "reliability.md"
CAMPAIGNS = {12: (31, None), 13: (31, None), 14: (31, None), 15: (31, None), 16: (20, "2012"), 17: (20, "2012")}
"""Kills and recipe (None for all) by seed."""

OWN, ATHERIS = 80_000, 40_000  # inputs a reader
LED = ("idx", "recipe", "cifar", "tar", "safetensors", "image")
WHERE = {
    "time": "at a random time",
    "write": "half of a file written",
    "fsync": "before the n-th sync of a file or folder",
    "rename": "before the n-th rename",
    "after rename": "after the n-th rename",
    "evaluation": "in the n-th step of an evaluation",
    "cache write": "in the n-th write of the cache of decoded images",
}


def lines(*arguments: str) -> list[dict[str, Any]]:
    """The JSON lines that a module of this folder prints."""
    found = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {found.returncode}: {found.stderr[-3000:]}")
    return [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]


def run() -> None:
    from tests.faults.readers import READERS
    from tests.faults.test_faults import LONG_TRIALS

    kills = []
    for seed, (count, recipe) in CAMPAIGNS.items():
        only = ("--recipes", recipe) if recipe else ()
        kills += lines("-m", "tests.faults.campaign", "--kills", str(count), "--seed", str(seed), *only)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--long", "tests/faults/test_faults.py", "-k", "before_long"],
        cwd=ROOT,
        check=True,
    )
    fuzz = [
        facts
        for name in READERS
        for facts in lines("-m", "tests.faults.fuzz", "--inputs", str(OWN), "--seed", "1", "--readers", name)
    ]
    if find_spec("atheris"):
        for name in LED:
            with tempfile.TemporaryDirectory() as found:
                engine = ("--engine", "atheris", "--inputs", str(ATHERIS), "--seed", "1", "--found", found)
                lines("-m", "tests.faults.fuzz", *engine, "--readers", name)
                fuzz.append(
                    {"reader": name, "engine": "atheris", "inputs": ATHERIS, "faults": len(list(Path(found).iterdir()))}
                )
    facts = {"kills": kills, "damaged": LONG_TRIALS, "fuzz": fuzz, "saving": lines("benchmarks/saving.py")}
    FACTS.write_text(json.dumps(facts, indent=1) + "\n")


def table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def kills_table(facts: dict[str, Any]) -> str:
    moments: Counter[str] = Counter()
    recipes: Counter[str] = Counter()
    for each in facts["kills"]:
        moments.update(each["moments"])
        recipes.update(each["recipes"])
    rows = [[where, str(moments[moment]), str(moments[moment])] for moment, where in WHERE.items() if moments[moment]]
    whole = sum(moments.values())
    rows.append(["**in all**", f"**{whole}**", f"**{whole}**"])
    runs = sum(each["runs"] for each in facts["kills"])
    by = ", ".join(f"{name} {recipes[name]}" for name in sorted(recipes))
    return (
        table(["killed with SIGKILL", "kills", "went on to the same bytes"], rows)
        + f"\n\n{runs} runs; kills by recipe: {by}."
    )


def fuzz_table(facts: dict[str, Any]) -> str:
    rows = []
    for name in dict.fromkeys(each["reader"] for each in facts["fuzz"]):
        own = next(each for each in facts["fuzz"] if each["reader"] == name and each["engine"] == "own")
        led = sum(each["inputs"] for each in facts["fuzz"] if each["reader"] == name and each["engine"] == "atheris")
        faults = sum(each["faults"] for each in facts["fuzz"] if each["reader"] == name)
        slowest, memory = f"{own['slowest']:.3f} s", f"{own['memory'] / 1e6:.0f} MB"
        counts = [f"{own['inputs']:,}", f"{led:,}" if led else "", f"{own['taken']:,}"]
        rows.append([name, *counts, str(faults), slowest, memory])
    whole = sum(each["inputs"] for each in facts["fuzz"])
    heads = [
        "reader",
        "changed files",
        "led by coverage",
        "of the first, taken for good",
        "faults",
        "slowest",
        "memory",
    ]
    return table(heads, rows) + f"\n\n{whole:,} inputs in all."


def saving_table(facts: dict[str, Any]) -> str:
    rows = [
        [
            each["network"], f"{each['megabytes']:,.1f} MB", f"{each['stops_s']:.3f} s", f"{each['beside_s']:.3f} s",
            f"{each['processor_s']:.3f} s", f"{max(300, each['soonest_s']):,.0f} s", f"{100 * min(each['of_five_minutes'], 0.02):.2f} %",
        ]
        for each in facts["saving"]
    ]  # fmt: skip
    heads = ["network", "checkpoint", "training stops", "beside it", "processor time", "interval", "share of the time"]
    return table(heads, rows)


def write() -> None:
    facts = json.loads(FACTS.read_text())
    text = PAGE.read_text(encoding="utf-8")
    for name, made in (("kills", kills_table(facts)), ("fuzz", fuzz_table(facts)), ("saving", saving_table(facts))):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    {"run": run, "write": write}[sys.argv[1]]()
