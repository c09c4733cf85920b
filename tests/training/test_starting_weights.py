"""Weights to start from bring the path from image to input by which they were trained, where anything tells it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from alexlab.networks.building import build
from alexlab.runs.run import Run
from alexlab.training import train as training
from alexlab.training.callbacks import Silent
from alexlab.training.starting_weights import PATH


class Notes(Silent):
    """Keeps what is noted."""

    def noted(self, text: str) -> None:
        notes.append(text)


notes: list[str] = []


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose pixels are at another scale, size and mean than the recipe quick has them."""
    monkeypatch.chdir(tmp_path)
    notes.clear()
    how: dict[str, Any] = {"pixels": "0-255", "mean": [0.25], "std": [0.5], "store": 24, "fit": "pad"}
    return training.train("lenet-relu", "digits", epochs=1, out="first", device="cpu", **how)


def path_of(run: Run) -> dict[str, Any]:
    return run.recipe.model_dump(include=set(PATH))


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_run_brings_its_path(first: Run, given: str) -> None:
    pretrained = str(first.folder if given == "folder" else first.weights)
    run = training.train(
        "lenet-relu", "digits", steps=1, out="run", device="cpu", pretrained=pretrained, callback=Notes()
    )
    assert path_of(run) == path_of(first)
    assert run.recipe.pretrained == str(first.weights.resolve())
    assert not [note for note in notes if "shown images" in note]


def test_what_the_user_sets_stands(first: Run) -> None:
    how: dict[str, Any] = {"pretrained": str(first.folder), "mean": [0.4], "steps": 1, "device": "cpu"}
    run = training.train("lenet-relu", "digits", out="run", **how)
    assert path_of(run) == {**path_of(first), "mean": (0.4,)}


def test_a_recipe_that_was_chosen_keeps_its_path(first: Run) -> None:
    how: dict[str, Any] = {"pretrained": str(first.folder), "steps": 1, "device": "cpu", "network": "lenet-relu"}
    plain = training.train(recipe="digits", out="plain", **{**how, "pretrained": ""})
    assert path_of(training.train(recipe="digits", out="run", **how)) == path_of(plain)


def test_a_mean_image_becomes_its_colour(first: Run) -> None:
    how: dict[str, Any] = {"steps": 1, "device": "cpu"}
    dark = training.train("lenet-relu", "digits", out="dark", mean="image", epochs=1, device="cpu")
    run = training.train("lenet-relu", "digits", out="run", pretrained=str(dark.folder), **how)
    statistics = dark.transform.statistics
    assert statistics is not None
    assert run.recipe.mean == pytest.approx((float(statistics.mean_image_CHW.mean()) / 255,))


def test_of_a_bare_file_it_is_said_what_was_assumed(first: Run) -> None:
    torch.manual_seed(0)
    save_file(build("lenet-relu").state_dict(), "bare.safetensors")
    how: dict[str, Any] = {"steps": 1, "device": "cpu"}
    run = training.train("lenet-relu", "digits", out="run", pretrained="bare.safetensors", callback=Notes(), **how)
    assert path_of(run) == path_of(training.train("lenet-relu", "digits", out="plain", **how))
    (said,) = [note for note in notes if "shown images" in note]
    assert "bare.safetensors" in said and "assumed" in said and "\n" not in said


def test_a_file_called_as_torchvisions_is_not_yet_torchvisions(first: Run) -> None:
    """What a run exports has such a name too."""
    from alexlab.training.starting_weights import _is_published

    Path("alexnet-owt-7be5be79.pth").write_bytes(b"other")
    assert not _is_published(Path("alexnet-owt-7be5be79.pth"))
