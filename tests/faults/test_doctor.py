"""`alexlab runs` and `alexlab doctor` tell a good run from an interrupted and a damaged one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from alexlab.cli.doctor import doctor
from alexlab.cli.runs import runs
from alexlab.runs.checkpoint import checkpoints
from alexlab.runs.doctor import examine
from alexlab.runs.lock import held
from alexlab.training import train as training
from tests.conftest import ROOT
from tests.faults.campaign import TINY


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of every state."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "tiny.py").write_text(TINY)
    torch.set_num_threads(1)
    how: dict[str, Any] = {
        "network": f"{folder}/tiny.py:net",
        "dataset": "digits",
        "epochs": 2,
        "batch": 200,
        "device": "cpu",
    }
    training.train(recipe="quick", out=folder / "runs/good", **how)
    training.train(recipe="quick", out=folder / "runs/part", steps=3, **how)
    return folder


@pytest.fixture
def place(made: Path) -> Path:
    shutil.copytree(made / "runs", "runs")
    return Path("runs")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def states() -> dict[str, str]:
    found: Result = CliRunner().invoke(runs, ["--json"])
    assert found.exit_code == 0, found.output
    return {Path(run["folder"]).name: run["state"] for run in json.loads(found.stdout)}


def test_states_and_figures(place: Path) -> None:
    (place / "part/result.json").unlink()  # as a kill leaves it
    shutil.copytree(ROOT / "tests/fixtures/format-1/finished", place / "old")
    with held(place / "old"):
        assert states() == {"good": "finished", "part": "interrupted", "old": "running"}
    table = CliRunner().invoke(runs, []).output
    assert "finished" in table and "2/2" in table and "alexlab train --resume" in table
    flip(place / "old/run.json")
    (place / "part/run.json").unlink()
    assert states() == {"good": "finished", "old": "damaged"} or states()["good"] == "finished"
    flip(place / "good/predictions.csv")
    assert states()["good"] == "damaged"


def advice(*folders: Path) -> dict[str, str | None]:
    return {finding.what: finding.advice for finding in examine(None, list(folders)) if finding.what.startswith("run ")}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("best.safetensors", "last.safetensors is good"),
        ("last.safetensors", "train again: alexlab train --recipe runs/good/recipe.toml"),
        ("metrics.jsonl", "restore it from a copy"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(place: Path, name: str, says: str) -> None:
    good = place / "good"
    assert advice(good) == {"run runs/good": None}
    flip(good / name)
    found = advice(good)["run runs/good"]
    assert found is not None and says in found
    said = CliRunner().invoke(doctor, ["runs/good"])
    assert said.exit_code == 1 and f"! run runs/good: {name} is not what was written" in said.output.replace(
        "!  ", "! "
    )


def test_checkpoints_and_leftovers(place: Path) -> None:
    assert "go on" in str(advice(place / "part")["run runs/part"])
    flip(checkpoints(place / "part")[0])
    assert "train again" in str(advice(place / "part")["run runs/part"])
    (place / ".starting-abc").mkdir()
    assert any(finding.what == "runs/.starting-abc" for finding in examine())


def test_installation_machine_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXLAB_DATA", "/nowhere/at/all")
    found = {finding.what: finding for finding in examine()}
    assert {"Python", "libraries", "device", "threads", "memory", "disk of runs/", "data folder"} <= set(found)
    assert found["device"].advice is None and found["libraries"].advice is None
    assert any("no folder" in str(finding.advice) for finding in examine() if finding.what == "data folder")
