"""Memory for batches: given out again when nobody looks at it any more, and never before."""

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import alexlab
from alexlab.data.input import buffers
from alexlab.data.input.buffers import LEAST_BYTES, MOST_KEPT, buffer

SHAPE = (4, LEAST_BYTES)


@pytest.fixture(autouse=True)
def _none_kept() -> None:
    gc.collect()
    buffers._free.clear()


@pytest.mark.parametrize("other", [-1, 0, 1, 1000])
def test_memory_is_given_again_only_when_nobody_holds_it(other: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an interpreter counts: CPython 3.14 counts one reference less to a local than those before."""
    count = sys.getrefcount
    monkeypatch.setattr(sys, "getrefcount", lambda of: count(of) + other)
    held = torch.from_numpy(buffer(SHAPE, np.uint8))
    address, view = held.data_ptr(), held[1:3].permute(1, 0)
    assert buffer(SHAPE, np.uint8).ctypes.data != address
    del held
    assert buffer(SHAPE, np.uint8).ctypes.data != address
    del view
    addresses = [array.ctypes.data for array in [buffer(SHAPE, np.uint8) for _ in range(3)]]
    assert address in addresses and len(set(addresses)) == 3


@pytest.mark.parametrize(
    "view",
    [
        lambda array: array[1:],
        lambda array: array.reshape(-1).view(np.uint16)[::2],
        lambda array: array.transpose(1, 0)[5:],
        lambda array: memoryview(array),
        lambda array: torch.from_numpy(array).view(-1)[7:].detach(),
        lambda array: torch.from_numpy(array).unfold(0, 2, 1).numpy(),
    ],
)
def test_any_view_keeps_the_memory(view: "object") -> None:
    held = view(buffer(SHAPE, np.uint8))  # type: ignore[operator]
    before = np.asarray(held).copy()
    for _ in range(3):
        buffer(SHAPE, np.uint8)[:] = 7
        buffer(SHAPE, np.uint8)[:] = 9
    assert np.array_equal(np.asarray(held), before)


def test_a_smaller_batch_takes_the_memory_of_a_larger_one() -> None:
    address = buffer(SHAPE, np.uint8).ctypes.data
    last = buffer((3, *SHAPE[1:]), np.uint8)
    assert (last.ctypes.data, last.shape) == (address, (3, *SHAPE[1:]))
    assert last.flags.c_contiguous and last.flags.writeable


def test_memory_of_shapes_that_nobody_asks_for_makes_way() -> None:
    """A second training in the process has batches of another shape: they are kept as well as the first one's were."""
    for held in [[buffer(SHAPE, np.uint8) for _ in range(2 * MOST_KEPT)]]:
        held.clear()
    assert len(buffers._free) == MOST_KEPT
    other = (2, LEAST_BYTES)
    for _ in range(3):
        address = buffer((*other, 2), np.uint8).ctypes.data
    assert buffer((*other, 2), np.uint8).ctypes.data == address
    assert len(buffers._free) <= MOST_KEPT


def test_no_line_of_ours_counts_references() -> None:
    source = Path(alexlab.__file__).parent
    assert [path for path in source.rglob("*.py") if "getrefcount" in path.read_text(encoding="utf-8")] == []
