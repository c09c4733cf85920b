"""The headers read here say what tarfile says: the same members, the same errors, of whole archives and of damaged ones."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alexlab.data.sources import tar
from alexlab.data.sources.members import Members
from alexlab.data.sources.tar import tar_members
from alexlab.errors import UserError

Member = tuple[str, bytes, bytes]
"""Name, type, content."""

PARTS = st.one_of(
    st.sampled_from(["a", "b", ".hidden", ".", "..", "train", "Ünïcode", "図", "with space", "l" * 90, "m" * 101]),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12),
)
ENDINGS = st.sampled_from(["", "", "", "/"])
NAMES = st.builds(lambda parts, ending: "/".join(parts) + ending, st.lists(PARTS, min_size=1, max_size=4), ENDINGS)
TYPES = st.sampled_from(
    [tarfile.REGTYPE] * 6 + [tarfile.AREGTYPE] * 2 + [tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.SYMTYPE]
)
MEMBERS = st.lists(st.tuples(NAMES, TYPES, st.binary(max_size=1100)), max_size=8)
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])

FIELDS = [(0, 100), (100, 108), (108, 116), (124, 136), (136, 148), (156, 157), (257, 265), (329, 345), (345, 500)]


def packed(members: list[Member], format: int, time: float = 0, global_headers: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format, pax_headers=global_headers) as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mtime = kind, time  # pax has fractions of a second, in a header of their own
            info.size = len(content) if kind in tarfile.REGULAR_TYPES else 0
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:  # too long for ustar
                continue
    return file.getvalue()


def seen(path: Path) -> object:
    """What is found, or the error."""
    file = os.open(path, os.O_RDONLY)
    try:
        return tar_members(file, path)
    except UserError as error:
        return str(error)
    finally:
        os.close(file)


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], object]:
    """Checks that an archive is read as with tarfile alone; what is found."""
    path = tmp_path_factory.mktemp("tar") / "x.tar"

    def check(content: bytes) -> object:
        path.write_bytes(content)
        quick = seen(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tar, "_plain_file", lambda header: None)
            assert quick == seen(path)
        return quick

    return check


@settings(max_examples=200, deadline=None)
@given(members=MEMBERS, format=FORMATS, time=st.sampled_from([0, 1e9, 1e9 + 0.5, -1, 8**12]))
def test_members_are_tarfiles(same: Callable[[bytes], object], members: list[Member], format: int, time: float) -> None:
    same(packed(members, format, time))


@settings(max_examples=200, deadline=None)
@given(
    members=MEMBERS,
    format=FORMATS,
    damage=st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=12)), max_size=3),
    end=st.integers(0, 12_000),
)
def test_damaged_archives_give_tarfiles_errors(
    same: Callable[[bytes], object], members: list[Member], format: int, damage: list[tuple[int, bytes]], end: int
) -> None:
    content = bytearray(packed([*members, ("a/last", tarfile.REGTYPE, b"x" * 600)], format))
    for place, written in damage:
        place %= len(content)
        content[place : place + len(written)] = written[: len(content) - place]
    same(bytes(content[:end]))


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_headers_that_lie_with_a_right_checksum(
    same: Callable[[bytes], object], field: tuple[int, int], data: st.DataObject
) -> None:
    begin, end = field
    content = bytearray(packed([(f"a/{i}", tarfile.REGTYPE, b"x" * 600) for i in range(3)], tarfile.USTAR_FORMAT))
    header = 3 * 512  # of the second
    numbers = st.text("01234567 \0-+_x", min_size=end - begin, max_size=end - begin).map(str.encode)
    content[header + begin : header + end] = data.draw(
        st.one_of(numbers, st.binary(min_size=end - begin, max_size=end - begin))
    )
    content[header + 148 : header + 156] = b" " * 8
    content[header + 148 : header + 156] = b"%06o\0 " % sum(content[header : header + 512])
    same(bytes(content))


def test_a_global_header_counts_for_all_that_follow(same: Callable[[bytes], object]) -> None:
    members = [(f"a/{i}", tarfile.REGTYPE, b"x" * 600) for i in range(3)]
    found = same(packed(members, tarfile.PAX_FORMAT, global_headers={"path": "elsewhere"}))
    assert isinstance(found, Members) and list(found.places) == ["elsewhere"]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_plain_headers_are_not_asked_of_tarfile(tmp_path: Path, format: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(packed([(f"class/{i:05}.jpg", tarfile.REGTYPE, b"x" * i) for i in range(1000)], format, 1e9))
    asked = []
    following = tarfile.TarFile.next

    def noted(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        asked.append(archive.offset)
        return following(archive)

    monkeypatch.setattr(tarfile.TarFile, "next", noted)
    found = seen(path)
    assert isinstance(found, Members) and len(found.places) == 1000 and len(asked) < 5
