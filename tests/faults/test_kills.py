"""Trainings that are killed go on to the same bytes. The long form: pytest --long tests/faults/test_kills.py"""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SHORT_KILLS, LONG_KILLS = 6, 120


def campaign(kills: int, seed: int, recipes: str) -> dict[str, object]:
    command = [
        sys.executable,
        "-m",
        "tests.faults.campaign",
        "--kills",
        str(kills),
        "--seed",
        str(seed),
        "--recipes",
        recipes,
    ]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=7200)
    assert found.returncode == 0, found.stderr[-4000:]
    facts: dict[str, object] = json.loads(found.stdout)
    return facts


@pytest.mark.timeout(280)
def test_killed_at_random_moments() -> None:
    facts = campaign(SHORT_KILLS, 1, "quick,rollback,2012")
    assert facts["kills"] >= SHORT_KILLS and len(facts["recipes"]) == 3  # type: ignore[arg-type,operator]


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_killed_at_random_moments_long() -> None:
    facts = campaign(LONG_KILLS, 2, "quick,plateau,rollback,2012")
    assert facts["kills"] >= LONG_KILLS  # type: ignore[operator]
