"""IDX files: what is read is what was written, and every damage is one clear error."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alexlab.data.sources.idx import read_idx
from alexlab.errors import UserError


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, values.ndim) + b"".join(struct.pack(">I", n) for n in values.shape)
    return header + values.astype(np.uint8).tobytes()


@given(arrays(np.uint8, st.tuples(*[st.integers(0, 5)] * 3)), st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, zipped: bool) -> None:
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(gzip.compress(idx(values), mtime=0) if zipped else idx(values))
    assert np.array_equal(read_idx(path, 3), values)


IMAGES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not an IDX file"),
        (b"hello, I am text", "not an IDX file"),
        (idx(np.zeros(4)), r"1 dimensions \(labels\); expected 3 \(images\)"),
        (idx(IMAGES)[:-5], "found 13 bytes of values where its header promises 18"),
        (idx(IMAGES) + b"more", "found more bytes"),
        (idx(IMAGES)[:9], "header is cut off"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-9], "gzip file is damaged"),
        (gzip.compress(idx(IMAGES), mtime=0)[:20] + b"\xff" * 20, "gzip file is damaged"),
        (struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**16, 2**16), "header promises"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says) as error:
        read_idx(path, 3)
    assert str(path) in str(error.value)


@given(st.binary(max_size=64))
def test_anything_at_all_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "images"
    path.write_bytes(data)
    try:
        assert read_idx(path, 3).ndim == 3
    except UserError:
        pass
