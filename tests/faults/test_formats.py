"""Runs that earlier commits of the project made still open, evaluate and go on (tests/fixtures/README.md)."""

import json
import shutil
from pathlib import Path

import pytest

import alexlab
from alexlab.errors import UserError
from alexlab.training import train as training
from tests.conftest import ROOT

FORMAT_1 = ROOT / "tests" / "fixtures" / "format-1"


def test_a_finished_run_of_format_1_opens_and_evaluates() -> None:
    run = alexlab.Run(FORMAT_1 / "finished")
    assert run.result["state"] == "finished" and len(run.metrics("epoch")) == 4
    found = run.evaluate(device="cpu")
    assert run.final is not None and found.images == 297
    assert found.top1 == run.final["top1"] and found.loss == pytest.approx(run.final["loss"], rel=1e-5)


def test_an_interrupted_run_of_format_1_goes_on_to_what_the_finished_one_reached() -> None:
    shutil.copytree(FORMAT_1 / "interrupted", "run")
    done = training.resume("run", device="cpu")
    before = alexlab.Run(FORMAT_1 / "finished")
    assert done.result["state"] == "finished" and not list(Path("run").glob("checkpoint*"))
    found, expected = done.metrics(), before.metrics()
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    # Another processor may round otherwise; 46 updates of so small a network keep it within this.
    assert [line["loss"] for line in found] == pytest.approx([line["loss"] for line in expected], rel=1e-3)
    # What was recorded before the interruption is kept as it was.
    assert found[:12] == expected[:12]


def test_a_run_of_a_format_to_come_is_refused() -> None:
    shutil.copytree(FORMAT_1 / "finished", "run")
    facts = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps({**facts, "format": 2}))
    with pytest.raises(UserError, match="a run of format 2; this alexlab reads 1"):
        alexlab.Run("run")
