"""The loop computes what a plain one does, repeats itself bit for bit, and goes on as if it had never stopped."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import alexlab
from alexlab.check.targets import check_target
from alexlab.data.opening import open_dataset
from alexlab.describe.describing import describe
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.recipes import overridden, read_recipe
from alexlab.speed.device import exact
from alexlab.training import train as training
from alexlab.training.loop import Loop
from alexlab.training.optimisers import make_optimiser
from alexlab.training.schedule import rate_at
from alexlab.training.seeds import epoch_order, seed_for

FILLING: Any = torch.utils.deterministic
"""Its attribute is a property of the module, which its types do not say."""
SHORT: dict[str, Any] = {"network": "lenet5", "dataset": "digits", "epochs": 2, "batch": 100, "device": "cpu"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(run: alexlab.Run, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run.folder / f"{name}.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def plain_losses(recipe: str, steps: int, **values: Any) -> list[float]:
    """The textbook's loop, written out: same initial weights, order of images and dropout's draws."""
    r = overridden(read_recipe(recipe), values)
    dataset = open_dataset(r.dataset)
    torch.manual_seed(seed_for(r.seed, "initialisation"))
    side = r.input if isinstance(r.input, int) else 28
    net = build(r.network, 10, (1, side, side), r.initialisation)
    optimiser = torch.optim.SGD(net.parameters(), lr=r.rate, momentum=r.momentum)
    order = epoch_order(r.seed, 0, len(dataset.train))
    losses = []
    for step in range(steps):
        index = order[step * r.batch : (step + 1) * r.batch]
        x = torch.from_numpy(dataset.train.images.pixels_NCHW[index]).float()  # type: ignore[attr-defined]
        x = nn.functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True) / 255
        x = (x - 0.5) / 0.5 if r.mean else x
        torch.manual_seed(seed_for(r.seed, "update", step))
        loss = nn.functional.cross_entropy(net(x), torch.from_numpy(dataset.train.labels[index]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("recipe", "values"),
    [
        ("textbook-lenet", {"dataset": "digits", "batch": 64}),
        ("tutorial-lenet-mnist", {"dataset": "digits", "batch": 64}),
        ("textbook-alexnet", {"dataset": "digits", "batch": 4, "input": 72}),
    ],
)
def test_the_losses_are_those_of_a_plain_loop(
    recipe: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    look = Loop._look

    def listen(loop: Loop) -> None:
        seen.extend(loss.item() for loss, _, _ in loop._unseen)
        look(loop)

    monkeypatch.setattr(Loop, "_look", listen)
    training.train(recipe=recipe, steps=5, out="run", device="cpu", **values)
    assert seen == pytest.approx(plain_losses(recipe, 5, **values), rel=1e-5)


def test_the_same_command_gives_the_same_weights() -> None:
    runs = [training.train(**SHORT, recipe="quick", out=f"run{i}") for i in range(2)]
    assert same(weights(runs[0]), weights(runs[1])) and same(weights(runs[0], "best"), weights(runs[1], "best"))
    assert runs[0].metrics() == runs[1].metrics()
    other = training.train(**SHORT, recipe="quick", out="run2", seed=1)
    assert not same(weights(runs[0]), weights(other))


@pytest.mark.parametrize("stop", [3, 14, 20])
def test_a_run_that_stopped_goes_on_as_if_it_had_not(stop: int) -> None:
    """Stopped inside the first epoch, at its end, and inside the second; dropout, running statistics, augmentation, AdamW."""
    Path("mine.py").write_text(
        "from torch import nn\n"
        "def net(): return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),\n"
        "    nn.Linear(288, 10))\n"
    )
    how = {**SHORT, "network": "mine.py:net", "augment": ["shift"]}
    whole = training.train(**how, recipe="quick", out="whole")
    part = training.train(**how, recipe="quick", out="part", steps=stop)
    assert part.result["state"] == "stopped" and part.result["steps"] == stop
    done = training.resume("part", device="cpu")
    assert done.result["state"] == "finished"
    assert same(weights(whole), weights(done)) and same(weights(whole, "best"), weights(done, "best"))
    assert whole.metrics() == done.metrics()
    assert (whole.folder / "evaluation.json").read_text() == (done.folder / "evaluation.json").read_text()
    with pytest.raises(UserError, match="finished"):
        training.resume("part")


def test_points_five_times_an_epoch_and_a_line_at_its_end() -> None:
    run = training.train(**SHORT, recipe="quick", out="run")
    points, epochs = run.metrics("point"), run.metrics("epoch")
    assert len(points) == 10 and [e["epoch"] for e in epochs] == [1, 2]
    assert points[4]["epoch"] == 1.0 and points[-1]["step"] == epochs[-1]["step"] == run.result["steps"]
    first = points[:5]
    assert epochs[0]["loss"] == pytest.approx(
        np.average([p["loss"] for p in first], weights=np.diff([0] + [min(1350, p["step"] * 100) for p in first]))
    )


def test_validation_is_held_out_of_training_and_the_test_set_is_not_touched() -> None:
    run = training.train(**SHORT, recipe="quick", out="run")
    split = json.loads((run.folder / "split.json").read_text())
    assert split["train"]["images"] + split["watched"]["images"] == 1500
    assert all(name.startswith("train/") for name in split["watched"]["names"])
    assert all(name.startswith("t10k/") for name in split["test"]["names"])


def test_early_stopping_and_best() -> None:
    run = training.train(**{**SHORT, "epochs": 30}, recipe="quick", patience=1, rate=0.0001, out="run")
    accuracies = [e["validation_accuracy"] for e in run.metrics("epoch")]
    assert len(accuracies) < 30 and run.result["best"] == max(accuracies)
    assert accuracies[-1] <= max(accuracies[:-1])


def test_a_loss_that_is_not_finite_stops_at_its_step() -> None:
    with pytest.raises(UserError, match=r"the loss became (nan|inf) at step \d+ .*learning rate 1e\+20") as error:
        training.train(**{**SHORT, "network": "lenet-relu"}, recipe="textbook-lenet", rate=1e20, out="run")
    assert "--set rate=" in str(error.value)
    assert json.loads(Path("run/result.json").read_text())["state"] == "failed"


def test_bfloat16_learns_too() -> None:
    run = training.train(
        **{**SHORT, "network": "lenet-relu", "epochs": 6}, recipe="quick", precision="bfloat16", out="run"
    )
    assert run.metrics("epoch")[-1]["validation_accuracy"] > 0.5
    assert weights(run)["0.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"network": "lenet-5"}, "did you mean 'lenet5'"),
        ({"dataset": "mnst"}, "did you mean 'mnist'"),
        ({"recipe": "quik"}, "did you mean 'quick'"),
        ({"network": "alexnet-textbook", "input": 50}, "65x65 and larger work"),
        ({"device": "cuda:7"}, "no cuda:7 device" if not torch.cuda.is_available() else "device"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"classes": 11}, "says 11 classes"),
        ({"epoch": 3}, "did you mean 'epochs'"),
    ],
)
def test_mistakes_leave_nothing_behind(values: dict[str, Any], says: str) -> None:
    if "cuda:7" in str(values) and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UserError, match=says):
        training.train(**{**SHORT, **values})
    assert not list(Path.cwd().iterdir())


def test_networks_of_the_users_that_do_not_fit() -> None:
    Path("mine.py").write_text(
        "from torch import nn\n"
        "def right(classes): return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))\n"
        "def wide(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 12))\n"
        "def deep(): return nn.Sequential(nn.Flatten(), nn.Linear(65, 10))\n"
    )
    run = training.train(**{**SHORT, "network": "mine.py:right", "epochs": 10}, rate=0.01)
    assert run.metrics("epoch")[-1]["validation_accuracy"] > 0.7
    Path("mine.py").rename("moved.py")  # the run keeps the code that made it
    assert run.final is not None and alexlab.Run(run.folder).evaluate(device="cpu").top1 == run.final["top1"]
    assert describe(str(run.folder)).to_dict()["totals"]["parameters"] == 64 * 10 + 10
    assert not check_target(str(run.folder)).findings
    Path("moved.py").rename("mine.py")
    with pytest.raises(UserError, match=r"makes \(2, 12\) of two images; expected logits of shape \(2, 10\)"):
        training.train(**{**SHORT, "network": "mine.py:wide"})
    with pytest.raises(UserError, match="an input of 1x8x8 failed with .*65"):
        training.train(**{**SHORT, "network": "mine.py:deep"})


def test_a_run_never_overwrites_another() -> None:
    names = [training.train(**{**SHORT, "epochs": 1}).folder.name for _ in range(2)]
    assert names == ["lenet5-digits-1", "lenet5-digits-2"]
    with pytest.raises(UserError, match="exists already"):
        training.train(**SHORT, out="runs/lenet5-digits-1")


def test_no_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1000})())
    with pytest.raises(UserError, match="0 MB free; the run's weights and checkpoints need"):
        training.train(**SHORT)
    assert not list(Path.cwd().iterdir())


def damaged(run: alexlab.Run, change: Any) -> None:
    found = weights(run)
    change(found)
    save_file(found, run.folder / "last.safetensors")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop("0.weight"), "0.weight is missing"),
        (lambda w: w.update(extra=torch.zeros(1)), "extra is not part of this network"),
        (lambda w: w.update({"0.bias": torch.zeros(7)}), "0.bias has shape 7, expected 6"),
        (lambda w: w["0.bias"].fill_(math.nan), "0.bias holds values that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(change: Any, says: str) -> None:
    run = training.train(**{**SHORT, "epochs": 1}, recipe="textbook-lenet", out="run")
    damaged(run, change)
    with pytest.raises(UserError, match=says):
        alexlab.Run("run").evaluate()


def test_runs_that_are_none() -> None:
    with pytest.raises(UserError, match="no such folder"):
        alexlab.Run("gone")
    Path("empty").mkdir()
    with pytest.raises(UserError, match="not a run's folder"):
        alexlab.Run("empty")
    training.train(**{**SHORT, "epochs": 1}, recipe="textbook-lenet", out="run")
    Path("run/last.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(UserError, match="not a whole safetensors file"):
        alexlab.Run("run").evaluate()
    facts = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(UserError, match="format 99"):
        alexlab.Run("run")


def test_schedules() -> None:
    recipe = overridden(read_recipe("quick"), {"rate": 1.0, "warmup": 0.1, "schedule": "linear"})
    rates = [rate_at(recipe, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0 and rates[55] == pytest.approx(0.5) and rates[99] == pytest.approx(1 / 90)
    cosine = overridden(recipe, {"schedule": "cosine"})
    assert rate_at(cosine, 55, 100) == pytest.approx(0.5)
    assert rate_at(read_recipe("textbook-lenet"), 99, 100) == 0.9


def test_weight_decay_spares_biases_and_norms() -> None:
    network = build("alexnet8", classes=2)
    optimiser = make_optimiser(network, overridden(read_recipe("quick"), {"weight_decay": 0.1}))
    decayed, spared = optimiser.param_groups
    assert all(p.ndim > 1 for p in decayed["params"]) and decayed["weight_decay"] == 0.1
    assert all(p.ndim == 1 for p in spared["params"]) and spared["weight_decay"] == 0.0
    assert len(decayed["params"]) + len(spared["params"]) == len(list(network.parameters()))


def test_the_callers_random_state_and_settings_are_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    training.train(**{**SHORT, "epochs": 1}, out="run")
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert FILLING.fill_uninitialized_memory


def test_new_tensors_are_not_filled_while_it_trains() -> None:
    with exact():
        assert torch.are_deterministic_algorithms_enabled()
        assert not FILLING.fill_uninitialized_memory
