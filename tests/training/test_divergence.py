"""Numbers that go wrong: found at their step, never written, gone back from with a tenth of the rate."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import alexlab
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.runs import saving
from alexlab.runs.checkpoint import checkpoints
from alexlab.training import train as training
from alexlab.weights.finite import not_finite
from alexlab.weights.tensors import NotFinite, load_tensors, to_bytes
from tests.faults.campaign import TINY, TRAINED, differences

HOW: dict[str, Any] = {**TRAINED["rollback"], "device": "cpu"}


@pytest.fixture(autouse=True)
def tiny(own_folder: None) -> None:
    torch.set_num_threads(1)
    Path("tiny.py").write_text(TINY)


def test_weights_stop_the_run_at_their_step_and_the_checkpoint_before_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SHARE", 1e12)
    with pytest.raises(
        UserError, match=r"became infinite or nan at step \d+ .*\(1\) the learning rate 1000 .*datasets check"
    ) as error:
        training.train(recipe="quick", out="run", checkpoint_every=1e-9, **{**HOW, "on_nan": "stop"})
    step = int(str(error.value).split(" at step ")[1].split()[0])
    found = checkpoints(Path("run"))
    assert found and json.loads(Path("run/result.json").read_text())["state"] == "failed"
    for path in found:
        tensors, facts = load_tensors(path)
        assert facts["standing"]["step"] < step
        assert all(torch.isfinite(tensor).all() for tensor in tensors.values() if tensor.is_floating_point())


def test_rolling_back_is_recorded_and_bounded() -> None:
    run = alexlab.train(recipe="quick", out="run", **HOW)
    recorded = run.metrics("rollback")
    assert run.result["state"] == "finished" and run.result["rollbacks"] == len(recorded) == 2
    assert [line["rate_divided_by"] for line in recorded] == [10, 100]
    assert all(
        line["step"] % 22 == 0 and line["from_step"] > line["step"] and "infinite" in line["why"] for line in recorded
    )
    assert all(point["rate"] == 10.0 for point in run.metrics("point"))
    assert "went back to the beginning of the epoch" in (run.folder / "report.html").read_text()
    with pytest.raises(UserError, match="after 3 rollbacks"):
        training.train(recipe="quick", out="hopeless", **{**HOW, "rate": 1e12})
    assert json.loads(Path("hopeless/result.json").read_text())["rollbacks"] == 3


@pytest.mark.parametrize("stop", [3, 9, 30])
def test_a_run_that_rolled_back_goes_on_as_if_it_had_not_stopped(stop: int) -> None:
    training.train(recipe="quick", out="whole", **HOW)
    training.train(recipe="quick", out="part", steps=stop, **HOW)
    training.resume("part", device="cpu")
    assert not differences(Path("whole"), Path("part"))


def test_what_is_not_finite_is_never_written() -> None:
    with pytest.raises(NotFinite, match="b holds values that are not finite"):
        to_bytes({"a": torch.zeros(2), "b": torch.tensor([1.0, math.inf])}, {})
    network = build("lenet5")
    assert not_finite(network) is None
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] = 3e38  # finite, although the norm is not
        assert not_finite(network) is None
        next(network.parameters())[0, 0, 0, 0] = math.nan
    assert not_finite(network) == next(name for name, _ in network.named_parameters())
