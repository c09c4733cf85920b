"""Batches made by workers: the same for any number of them, and no more of them than agreed."""

from pathlib import Path
from types import GeneratorType

import numpy as np
import pytest
import torch

from alexlab.data.images import Split
from alexlab.data.input import store as storing
from alexlab.data.input import workers as working
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.training.seeds import generator_for
from tests.conftest import write_photographs
from tests.typed import as_a

AUGMENT = ("random-resized-crop", "mirror")
READY = Transform((3, 20, 20), "crop", (3, 16, 16), mean=(0.4,), std=(0.2, 0.3, 0.4), augment=AUGMENT)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return open_dataset(f"folder:{write_photographs(tmp_path / 'p', each=15)}", whole=True).train


def finish(number: int, images: torch.Tensor) -> torch.Tensor:
    return READY(images, generator_for(0, "augment", number))


@pytest.mark.parametrize("cores", [1, 3, 8])
def test_batches_are_the_same_for_any_number_of_workers(
    split: Split, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(len(split))
    plain = Store(split, READY, budget=0, disk=0)
    expected = [(finish(i, images), labels) for i, (images, labels) in enumerate(plain.batches(order, 4))]
    monkeypatch.setattr(working, "cores", lambda: cores)
    monkeypatch.setattr(storing, "workers", working.workers.__wrapped__)
    pool = working.workers.__wrapped__()
    monkeypatch.setattr(storing, "workers", lambda: pool)
    for budget in (0, 10**9):
        found = list(Store(split, READY, budget=budget, disk=0).batches(order, 4, finish))
        assert len(found) == len(expected)
        for (images, labels), (images_then, labels_then) in zip(found, expected, strict=True):
            assert torch.equal(images, images_then) and torch.equal(labels, labels_then)
    pool.shutdown()


def test_going_on_in_the_middle_of_an_epoch_gives_the_same_batches(split: Split) -> None:
    """What training does after an interruption: the order from batch 3 on, with the numbers from 3 on."""
    store, order = Store(split, READY, budget=0, disk=0), np.arange(len(split))
    whole = list(store.batches(order, 4, finish))
    rest = store.batches(order[3 * 4 :], 4, lambda number, images: finish(number + 3, images))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(whole[3:], rest, strict=True))


def test_no_more_batches_are_made_than_agreed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def noted(number: int, images: torch.Tensor) -> torch.Tensor:
        made.append(number)
        return images

    batches = Store(split, READY, budget=0, disk=0).batches(np.arange(len(split)), 2, noted)
    next(batches)
    working.workers().submit(int).result()
    assert max(made) <= max(2, working.cores() // 2)
    as_a(GeneratorType, batches).close()


def test_a_worker_computes_alone_and_leaves_others_their_threads() -> None:
    before = torch.get_num_threads()
    assert working.workers().submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == before


def test_an_unreadable_image_is_named_when_its_batch_comes(split: Split, tmp_path: Path) -> None:
    (tmp_path / "p" / "blue" / "3.png").write_text("not an image")
    with pytest.raises(UserError, match=r"blue/3.png: not an image"):
        for _ in Store(split, READY, budget=0, disk=0).batches(np.arange(len(split)), 4, finish):
            pass
