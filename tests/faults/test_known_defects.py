"""What other trainers got wrong when they went on, each with where it is told, and here with a test that would show it.

The trainings stop at every update, or are looked at from within; what is compared is what was drawn, not only what came of it.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alexlab.data.input.workers import workers
from alexlab.errors import UserError
from alexlab.runs.checkpoint import checkpoints
from alexlab.runs.run import Run
from alexlab.training import train as training
from alexlab.training.callbacks import Silent
from alexlab.training.loop import Loop
from tests.conftest import write_photographs
from tests.faults.campaign import TINY, differences

HOW: dict[str, Any] = {
    "network": "tiny.py:net",
    "dataset": "digits",
    "epochs": 2,
    "batch": 300,
    "augment": ["shift"],
    "device": "cpu",
}
STEPS = 10  # 2 epochs of 5


@pytest.fixture(autouse=True)
def tiny(own_folder: None) -> None:
    torch.set_num_threads(1)
    Path("tiny.py").write_text(TINY)


class Seen:
    """The labels, the pixels after augmentation, and dropout's state of each update."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.updates: list[tuple[int, list[int], bytes, float]] = []
        update = Loop._update

        def watched(loop: Loop, inputs: torch.Tensor, labels: torch.Tensor, whole: int) -> None:
            step = loop.state.step
            update(loop, inputs, labels, whole)
            self.updates.append((step, labels.tolist(), inputs.numpy().tobytes(), torch.rand(()).item()))

        monkeypatch.setattr(Loop, "_update", watched)


def whole_and_parts(monkeypatch: pytest.MonkeyPatch, stops: list[int], **more: Any) -> tuple[list[Any], list[Any]]:
    seen = Seen(monkeypatch)
    training.train(recipe="quick", out="whole", **{**HOW, **more})
    whole, seen.updates = seen.updates, []
    training.train(recipe="quick", out="part", steps=stops[0], **{**HOW, **more})
    for stop in [*stops[1:], None]:
        training.resume("part", device="cpu", steps=stop)
    return whole, seen.updates


@pytest.mark.parametrize("stops", [[3], [5], [4, 5, 6], list(range(1, STEPS))], ids=str)
def test_order_augmentation_and_dropout_after_going_on(monkeypatch: pytest.MonkeyPatch, stops: list[int]) -> None:
    """The sampler's order (huggingface/transformers 11582, pytorch-lightning 19764), the random state inside an epoch and at its
    boundary (transformers 17055, meta-pytorch/data 1437), an epoch dropped or repeated (transformers 16209, pytorch-lightning 18780).
    """
    whole, parts = whole_and_parts(monkeypatch, stops)
    assert [step for step, *_ in whole] == list(range(STEPS))
    assert parts == whole
    assert not differences(Path("whole"), Path("part"))


def test_every_epoch_shows_every_image_once_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    training.train(recipe="quick", out="whole", **HOW)
    first, second = ([label for _, labels, *_ in seen.updates[i : i + 5] for label in labels] for i in (0, 5))
    assert sorted(first) == sorted(second) and first != second
    assert (
        len({pixels for _, _, pixels, _ in seen.updates}) == STEPS and len({draw for *_, draw in seen.updates}) == STEPS
    )


def test_the_global_random_state_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library, or a user's own code, that draws or seeds meanwhile changes nothing, before, between or after."""
    seen = Seen(monkeypatch)
    training.train(recipe="quick", out="whole", **HOW)
    whole, seen.updates = seen.updates, []

    class Meddling(Silent):
        def stepped(self, facts: dict[str, Any]) -> None:
            torch.manual_seed(facts["step"])
            random.seed(0)
            np.random.seed(1)
            torch.rand(7)

    torch.manual_seed(99)
    training.train(recipe="quick", out="other", steps=4, callback=Meddling(), **HOW)
    torch.manual_seed(98)
    training.resume("other", device="cpu", callback=Meddling())
    assert seen.updates == whole and not differences(Path("whole"), Path("other"))


def test_who_decodes_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random states of workers: with any number of them, each image is augmented by its step alone, and going on is the same."""
    write_photographs(Path("photos"), each=12)
    how = {
        "dataset": "folder:photos",
        "input": [3, 12, 12],
        "batch": 4,
        "memory": 0,
        "augment": ["random-resized-crop", "mirror"],
    }
    whole, parts = whole_and_parts(monkeypatch, [3, 4], **how)
    assert parts == whole
    for cores in (1, 5):
        for module in ("store", "workers"):
            monkeypatch.setattr(f"alexlab.data.input.{module}.cores", lambda cores=cores: cores)
        workers.cache_clear()
        training.train(recipe="quick", out=f"cores{cores}", **{**HOW, **how})
        assert not differences(Path("whole"), Path(f"cores{cores}"))


def test_evaluation_is_deterministic() -> None:
    """pytorch/vision 4559: the same figures each time, whatever the batches, the mode and the random state were before."""
    run = training.train(recipe="quick", out="run", **HOW)
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        opened = Run("run")
        opened.network().train(seed == 1)  # dropout and running statistics would show
        found.append(opened.evaluate(device="cpu").facts())
    assert found[0] == found[1] == found[2] == run.final


def test_evaluating_changes_nothing_of_a_training() -> None:
    """Weights, running statistics and mode are the same after it: an epoch more often evaluated ends in the same weights."""
    training.train(recipe="quick", out="whole", **HOW)
    training.train(recipe="quick", out="part", steps=5, **HOW)
    Run("part").evaluate(device="cpu")
    training.resume("part", device="cpu")
    assert not differences(Path("whole"), Path("part"))


def test_early_stopping_and_plateaus_go_on() -> None:
    how = {
        **HOW,
        "epochs": 9,
        "optimiser": "sgd",
        "momentum": 0.9,
        "rate": 0.3,
        "schedule": "plateau",
        "patience": 1,
        "warmup": 0.0,
    }
    whole = training.train(recipe="quick", out="whole", **how)
    assert whole.result["steps"] < 45  # it stopped early
    training.train(recipe="quick", out="part", steps=1, **how)
    for step in range(2, whole.result["steps"]):
        training.resume("part", device="cpu", steps=step)
    assert training.resume("part", device="cpu").result["best_epoch"] == whole.result["best_epoch"]
    assert not differences(Path("whole"), Path("part"))


def test_a_run_without_a_checkpoint_starts_again_at_its_beginning() -> None:
    training.train(recipe="quick", out="whole", **HOW)
    training.train(recipe="quick", out="part", steps=2, **HOW)
    for path in checkpoints(Path("part")):
        path.unlink()
    training.resume("part", device="cpu")
    assert not differences(Path("whole"), Path("part"))


def test_the_same_command_goes_on_with_the_newest_run_of_its_recipe() -> None:
    whole = training.train(recipe="quick", **HOW)
    for seed, steps in ((0, 2), (1, 3), (0, 4)):
        training.train(recipe="quick", steps=steps, seed=seed, **HOW)
    done = training.train(recipe="quick", carry_on=True, **HOW)
    assert done.folder.name.endswith("-4") and not differences(whole.folder, done.folder)
    again = training.train(recipe="quick", carry_on=True, **HOW)
    assert again.folder.name.endswith("-2")  # the one that is left
    assert training.train(recipe="quick", carry_on=True, **HOW).folder.name.endswith("-5")  # none is left: a new one
    assert training.train(recipe="quick", carry_on=True, out=again.folder, **HOW).folder == again.folder
    with pytest.raises(UserError, match="a run of another recipe: batch"):
        training.train(recipe="quick", carry_on=True, out=again.folder, **{**HOW, "batch": 299})
