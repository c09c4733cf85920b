"""The index of shards is read, or refused with one clear error, whatever somebody wrote into it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexlab.data.shards.index import INDEX, index_bytes, read_index
from alexlab.data.shards.packing import pack
from alexlab.errors import UserError


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("packed") / "digits"
    pack("digits", out, images=900, processes=1)
    return (out / INDEX).read_bytes()


def test_written_and_read_again(good: bytes) -> None:
    assert index_bytes(read_index(good, "f")) == good


def change(path: str, value: Any) -> Any:
    def changed(facts: dict[str, Any]) -> dict[str, Any]:
        *above, last = path.split(".")
        place: Any = facts
        for key in above:
            place = place[int(key) if key.isdecimal() else key]
        place[int(last) if last.isdecimal() else last] = value
        return facts

    return changed


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("kind", "something", "expected 'alexlab shards'"),
        ("format", 2, "of format 2"),
        ("classes", ["0"], "at least two"),
        ("classes", ["0", "0"], "of different names"),
        ("shape", [2, 8, 8], "1 or 3 channels"),
        ("mean", [0.1, 0.2], "2 values of mean"),
        ("std", [0.0], "standard deviation"),
        ("shards", [], "names no shards"),
        ("images", 5, "hold another number"),
        ("shards.0.name", "../../etc/passwd.tar", "expected a plain name"),
        ("shards.0.name", "/etc/passwd", "expected a plain name"),
        ("shards.1.name", "train-000000.tar", "a shard twice"),
        ("shards.0.sha256", "abc", "is no SHA-256"),
        ("shards.0.labels.0", 10, "labels outside 0 to 9"),
        ("shards.0.labels.0", -1, "labels outside 0 to 9"),
        ("shards.0.labels", [1], "do not all have 900 entries"),
        ("shards.0.offsets.0", 10**12, "does not lie within it"),
        ("shards.0.sizes.0", -1, "does not lie within it"),
        ("shards.0.places.0", 5000, "places of the images of train"),
        ("shards.0.split", "all", "has the splits all, test, train"),
        ("shards.0.split", "holdout", "damaged"),
        ("shards.0.bytes", "many", "damaged"),
        ("extra", 1, None),
    ],
)
def test_what_an_index_may_not_say(good: bytes, path: str, value: Any, says: str | None) -> None:
    data = json.dumps(change(path, value)(json.loads(good))).encode()
    if says is None:  # facts that a later version adds
        read_index(data, "there")
    else:
        with pytest.raises(UserError, match=says) as error:
            read_index(data, "there")
        assert str(error.value).startswith("there")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bytes(good: bytes, data: st.DataObject) -> None:
    """Cut, spliced and flipped: an answer that keeps to the rules, or a UserError."""
    small = bytearray(good[:1200] + good[-600:] if data.draw(st.booleans()) else good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(small) - 1))
        small[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=6))
    try:
        index = read_index(bytes(small), "f")
    except UserError:
        return
    for shard in index.shards:
        assert "/" not in shard.name and max(shard.labels, default=0) < len(index.classes)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kind", "shards", "classes", "images", "name"]), inner)
        ),
    )
)
def test_any_json(value: Any) -> None:
    with pytest.raises(UserError):
        read_index(json.dumps(value).encode(), "f")


def test_depth_and_length() -> None:
    for data in (
        b"[" * 1_000_000,
        b'{"kind":' * 100_000,
        b"",
        b"\xff",
        b'"' + b"9" * 10_000_000,
        b'{"kind":"\\ud800"}',
    ):
        with pytest.raises(UserError):
            read_index(data, "f")
