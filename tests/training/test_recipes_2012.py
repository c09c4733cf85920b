"""The pieces of 2012 at work in a training: mean image, colour noise, update, schedules, views, several runs, old weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import alexlab
from alexlab.data.input.store import Store
from alexlab.errors import UserError
from alexlab.recipes import overridden, read_recipe
from alexlab.runs.run import evaluate_together
from alexlab.training import train as training
from alexlab.training.optimisers import make_optimiser
from alexlab.training.schedule import set_rates
from alexlab.weights.tensors import load_tensors
from tests.conftest import write_photographs

NETWORK = """
from torch import nn
def small(classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(72, classes))
"""
HOW: dict[str, Any] = {
    "network": "mine.py:small", "dataset": "folder:photos", "recipe": "alexnet-2012", "input": [3, 14, 14], "store": 16,
    "initialisation": "network", "rate": 0.0005, "batch": 8, "device": "cpu",
}  # fmt: skip


@pytest.fixture(autouse=True)
def material() -> None:
    Path("mine.py").write_text(NETWORK)
    write_photographs(Path("photos"), each=20)


def test_as_it_ran_learns_stops_and_goes_on_to_the_same_weights() -> None:
    whole = training.train(**HOW, epochs=3, out="whole")
    training.train(**HOW, epochs=3, out="part", steps=6)
    done = training.resume("part", device="cpu")
    for name in ("last.safetensors", "metrics.jsonl", "pixels.safetensors"):
        assert (whole.folder / name).read_bytes() == (done.folder / name).read_bytes()
    assert whole.metrics("epoch")[-1]["loss"] < whole.metrics("epoch")[0]["loss"]


def test_the_mean_image_is_the_training_sets_and_is_cropped_with_its_window() -> None:
    run = training.train(**HOW, epochs=1, out="run")
    split = run.dataset().train
    out = [name not in _watched(run) for name in split.images.names]
    stored = np.stack([run.transform.stored(split.images.picture(i)) for i in np.flatnonzero(out).tolist()])
    stored = stored.transpose(0, 3, 1, 2).astype(float)
    tensors, _ = load_tensors(run.folder / "pixels.safetensors")
    assert np.allclose(tensors["mean_image_CHW"].numpy(), stored.mean(axis=0))
    inputs = run.transform(torch.from_numpy(stored[:2]).byte())
    by_hand = (stored[:2] - stored.mean(axis=0))[:, :, 1:15, 1:15]
    assert np.allclose(inputs.numpy(), by_hand, atol=1e-3)


def _watched(run: alexlab.Run) -> set[str]:
    return set(json.loads((run.folder / "split.json").read_text(encoding="utf-8"))["watched"]["names"])


def test_rates_are_those_that_ran() -> None:
    from alexlab.networks.building import build

    recipe = overridden(read_recipe("alexnet-2012"), {"rate": 0.02})
    optimiser = make_optimiser(build("lenet5"), recipe)
    for epoch, weights, conv1, biases in ((0, 0.02, 0.02, 0.04), (25, 0.002, 0.002, 0.04), (72, 0.0002, 0.0, 0.04)):
        set_rates(optimiser, recipe, 0, 100, epoch, 0)
        found = {group["name"]: group["lr"] for group in optimiser.param_groups}
        assert found["weights"] == pytest.approx(weights) and found["conv1_weights"] == pytest.approx(conv1)
        assert found["biases"] == pytest.approx(biases)


def test_a_plateau_divides_the_rate_three_times_and_then_ends() -> None:
    how = {**HOW, "recipe": "alexnet-paper", "rate": 1e-9, "patience": 1, "epochs": 40}
    run = training.train(**how, out="run")
    rates = [point["rate"] for point in run.metrics("point")]
    kept = sorted({f"{rate:.0e}" for rate in rates})
    assert kept == ["1e-09", "1e-10", "1e-11", "1e-12"] and len(run.metrics("epoch")) < 40


def test_views_and_several_runs_are_means_of_probabilities() -> None:
    runs = [training.train(**HOW, epochs=1, out=f"run{seed}", seed=0, label_smoothing=0.1 * seed) for seed in range(2)]
    split = runs[0].dataset().test
    assert split is not None
    each = []
    for run in runs:
        stored, _ = next(Store(split, run.transform).batches(np.arange(len(split)), 100))
        network = run.network()
        with torch.inference_mode():
            views = [network(run.transform.views(stored, 10)[:, v]).double().softmax(1) for v in range(10)]
        each.append(torch.stack(views).mean(0))
    one = runs[0].evaluate(views=10, device="cpu")
    both = evaluate_together(runs, views=10, device="cpu")
    for found, expected in ((one, each[0]), (both, (each[0] + each[1]) / 2)):
        loss = -expected.log().gather(1, torch.from_numpy(split.labels)[:, None]).mean().item()
        assert found.loss == pytest.approx(loss, rel=1e-6)
        assert found.predicted_N.tolist() == expected.argmax(1).tolist()
    assert "mean of 2 runs, 10 views" in both.on


def test_runs_that_cannot_be_averaged_and_views_that_do_not_fit() -> None:
    first = training.train(**HOW, epochs=1, out="first")
    other = training.train(**HOW, epochs=1, out="other", seed=5)
    with pytest.raises(UserError, match="tested on other images"):
        evaluate_together([first, other], device="cpu")
    digits = training.train("lenet5", "digits", epochs=1, out="digits", device="cpu")
    with pytest.raises(UserError, match="other classes apart"):
        evaluate_together([first, digits], device="cpu")
    with pytest.raises(UserError, match="does not fit into images of 8x8"):
        digits.evaluate(views=5, device="cpu")
    whole = training.train("lenet5", "digits", epochs=1, out="whole", store=28, device="cpu")
    with pytest.raises(UserError, match="5 views of 28x28 images at 28x28 are all the same"):
        whole.evaluate(views=5, device="cpu")


def test_old_weights_are_a_start_and_the_rest_can_be_frozen() -> None:
    first = training.train("lenet5", "digits", epochs=1, out="first", device="cpu")
    how: dict[str, Any] = {
        "pretrained": str(first.weights),
        "freeze": True,
        "mean": [0.5],
        "std": [0.5],
        "device": "cpu",
    }
    run = training.train("lenet5", "folder:photos", epochs=1, out="run", **how)
    before, _ = load_tensors(first.weights)
    after, _ = load_tensors(run.weights)
    head = ("11.weight", "11.bias")
    assert all(torch.equal(before[key], after[key]) for key in before if key not in head)
    assert after["11.weight"].shape == (2, 84)
    training.train("lenet5", "folder:photos", epochs=2, out="part", steps=1, **how)
    first.weights.rename("moved.safetensors")  # a run that goes on has weights of its own
    assert training.resume("part", device="cpu").result["state"] == "finished"
    Path("moved.safetensors").rename(first.weights)
    with pytest.raises(UserError, match="lenet5"):
        training.train("lenet-relu", "digits", pretrained=str(first.weights), device="cpu")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schedule": "plateau"}, "set patience"),
        ({"optimiser": "sgd"}, "sets the rates of weights and biases apart"),
        ({"augment": ["colour", "colour-as-written"]}, "choose one"),
    ],
)
def test_contradictions(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        training.train(**{**HOW, **values})
