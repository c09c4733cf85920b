"""Classes of unequal size: said before, weighed or drawn against, and seen in the figures."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

import alexlab
from alexlab.data.balance import balanced_order, balanced_weights, unequal
from alexlab.data.images import ArrayImages, Split
from alexlab.errors import UserError
from alexlab.inference.evaluation import from_logits
from alexlab.recipes import overridden, read_recipe
from alexlab.training.loss import class_weights, loss_of
from tests.conftest import write_photographs

Command = Callable[..., CompletedProcess[str]]
LABELS = np.repeat([0, 1, 3], [60, 30, 7])
SMALL: dict[str, Any] = {"input": [3, 16, 16], "epochs": 2, "batch": 16, "device": "cpu"}


def split(labels: np.ndarray) -> Split:
    return Split(ArrayImages(np.zeros((len(labels), 1, 2, 2), np.uint8), list(map(str, range(len(labels))))), labels)


def test_weights_are_scikit_learns() -> None:
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=LABELS)
    assert balanced_weights(LABELS, 4).tolist() == pytest.approx([expected[0], expected[1], 1.0, expected[2]])
    assert balanced_weights(LABELS, 4)[LABELS].mean() == pytest.approx(1)


def test_an_order_shows_each_class_as_often() -> None:
    order = balanced_order(np.random.default_rng(0), LABELS)
    assert len(order) == 97 and sorted(np.bincount(LABELS[order], minlength=4).tolist()) == [0, 32, 32, 33]
    of_smallest = np.bincount(order, minlength=97)[90:]
    assert of_smallest.max() - of_smallest.min() <= 1 and of_smallest.min() == 4
    assert np.bincount(order, minlength=97)[:60].max() == 1
    assert not np.array_equal(order, balanced_order(np.random.default_rng(1), LABELS))
    assert np.bincount(balanced_order(np.random.default_rng(0), np.repeat([0, 1], [1, 4]))).sum() == 5


def test_a_doubt_names_the_smallest_classes() -> None:
    names = ("daisy", "rose", "none", "tulip")
    (said,) = unequal(split(LABELS), names)
    assert "60 training images of daisy beside 7 of tulip." in said and "rose" not in said
    assert 'class_weights="balanced"' in said
    assert unequal(split(np.repeat([0, 1], [39, 10])), ("a", "b")) == []
    assert (
        "beside 1 of f, 1 of e, 1 of d and 2 more such"
        in unequal(split(np.repeat(range(6), [9, 1, 1, 1, 1, 1])), "abcdef")[0]
    )


def test_the_loss_is_weighed_by_the_class_of_each_image() -> None:
    recipe = overridden(read_recipe("quick"), {"class_weights": "balanced", "classes": 4})
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(9, 4, generator=random), torch.tensor([0, 0, 0, 0, 1, 1, 3, 3, 0])
    weights = class_weights(recipe, torch.from_numpy(LABELS))
    assert weights is not None
    expected = sum(
        weights[label] * F.cross_entropy(row[None], label[None], label_smoothing=0.1)
        for row, label in zip(logits, labels, strict=True)
    )
    loss = loss_of(recipe, weights, torch.device("cpu"))
    assert loss(logits, labels).item() == pytest.approx(float(expected) / 9, rel=1e-6)
    assert class_weights(overridden(recipe, {"class_weights": "none"}), torch.from_numpy(LABELS)) is None


def test_macro_f1_and_balanced_accuracy_are_scikit_learns() -> None:
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(300, 6, generator=random), torch.randint(0, 4, (300,), generator=random)
    logits[:, 5] = -9.0  # a class that is neither there nor named
    found = from_logits(logits, labels, "noise", tuple("abcdef"), tuple(map(str, range(300))))
    predicted = logits.argmax(1)
    assert found.f1[5] is None and found.f1[4] == 0
    assert found.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))
    recall = [(predicted[labels == each] == each).double().mean().item() for each in range(4)]
    assert found.facts()["balanced_accuracy"] == pytest.approx(sum(recall) / 4)
    named = from_logits(logits[:, :4], labels, "noise", tuple("abcd"), tuple(map(str, range(300))))
    assert named.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, logits[:, :4].argmax(1)))


@pytest.fixture
def unequal_folder() -> Path:
    folder = write_photographs(Path("photos"), ("daisy",), each=40, size=16)
    return write_photographs(folder, ("daisy", "tulip"), each=8, size=16)


def test_a_training_says_it_before_and_after(unequal_folder: Path, alexlab: Command) -> None:
    settings = ("--set", "input=[3,16,16]", "--set", "rate=1e-9", "--epochs", "1", "--device", "cpu", "--out", "run")
    done = alexlab("train", "lenet-relu", f"folder:{unequal_folder}", *settings)
    assert done.returncode == 0, done.stderr
    assert "classes of unequal size: " in done.stderr
    assert "balanced accuracy 0.5000, macro-F1 " in done.stdout and "never recognised: " in done.stdout
    final, result = (json.loads(Path("run", f"{name}.json").read_text()) for name in ("evaluation", "result"))
    assert result["balanced_accuracy"] == final["balanced_accuracy"] == 0.5
    assert result["macro_f1"] == final["macro_f1"] < 0.5
    page = Path("run", "report.html").read_text()
    assert "balanced accuracy" in page and "macro-F1" in page


@pytest.mark.parametrize("how", [{"class_weights": "balanced"}, {"sampler": "balanced"}])
def test_balanced_trainings_say_nothing_and_go_on_as_if_they_had_not_stopped(
    how: dict[str, Any], unequal_folder: Path
) -> None:
    from safetensors.torch import load_file

    asked = {**SMALL, **how, "dataset": f"folder:{unequal_folder}"}
    whole = alexlab.train("lenet-relu", out="whole", **asked)
    assert not any("unequal" in doubt for doubt in whole.facts["doubts"])
    part = alexlab.train("lenet-relu", out="part", steps=3, **asked)
    assert part.result["state"] == "stopped"
    done = alexlab.resume("part", device="cpu")
    plain = alexlab.train(
        "lenet-relu", out="plain", **{**asked, **dict.fromkeys(how, "none" if "class_weights" in how else "shuffle")}
    )
    weights = [load_file(run.folder / "last.safetensors") for run in (whole, done, plain)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


def test_an_optimiser_that_weighs_all_images_alike_says_so() -> None:
    with pytest.raises(UserError, match='weighs all images alike; take sampler = "balanced"'):
        alexlab.train(dataset="digits", recipe="lenet-1998", class_weights="balanced", out="run", device="cpu")
