"""Whatever a folder is like: as a folder, a tar, a zip, shards or a list it is the same dataset, or refused alike."""

import csv
import os
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from alexlab.data.images import Dataset, FileImages, Split
from alexlab.data.opening import open_dataset
from alexlab.data.shards.packing import pack
from alexlab.errors import UserError
from tests.data.sources.test_layout import picture

CLASSES = ["Rose", "rose", "tulip", "a b", "train", "Test", "日本", "thumbs"] + [
    unicodedata.normalize(form, "café") for form in ("NFC", "NFD")
]
ABOVE = [
    [""],
    [""],
    ["deep/deeper/"],
    ["train/", "Testing/"],
    ["x/seg_train/", "x/seg_val/", "x/seg_test/"],
    ["one/", "two/"],
]
BELOW = ["", "", "small/", "thumbnails/", ".hidden/", "__MACOSX/", "@eaDir/"]
FILES = ["1.PNG", "2.png", "4.jfif", "5", "6.foo", "notes.txt", ".7.png", "Thumbs.db", "é.jpe", "8.png.bak"]
Links = list[tuple[int, str, str]]


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[str], Links]:
    """Names of files that are mostly a dataset, with what people have beside their images; and links among them."""
    above = draw(st.sampled_from(ABOVE))
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    names = [f"{folder}{name}/{i}.png" for folder in above for name in classes for i in range(4)]
    others = st.builds(
        lambda folder, name, below, file: f"{folder}{name}{below}{file}",
        st.sampled_from([*above, *above, *above, "other/"]),
        st.sampled_from([*(f"{name}/" for name in [*classes, *classes, "new"]), ""]),
        st.sampled_from(BELOW),
        st.sampled_from(FILES),
    )
    names += draw(st.lists(others, max_size=8))
    links = st.tuples(st.integers(0, 30), others, st.sampled_from(["file", "file", "hard", "folder"]))
    return list(dict.fromkeys(names)), draw(st.lists(links, max_size=2))


def write(root: Path, names: list[str], links: Links) -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text" if path.suffix in (".txt", ".db") else picture(number))
    for number, name, kind in links:
        target, link = root / names[number % len(names)], root / name
        link = link.parent if kind == "folder" else link
        if os.path.lexists(link) or link in target.parents:
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        if kind == "hard":
            link.hardlink_to(target)
        else:
            target = target.parent if kind == "folder" else target
            link.symlink_to(os.path.relpath(target, link.parent))


def as_tar(root: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as tar:
        tar.add(root, "some/photos")
    return path


def as_zip(root: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, folders, files in os.walk(root):
            for name in [*folders, *files]:
                each = Path(folder) / name
                info = zipfile.ZipInfo(
                    f"photos/{each.relative_to(root)}" + "/" * (each.is_dir() and not each.is_symlink())
                )
                if each.is_symlink():
                    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                    archive.writestr(info, str(each.readlink()))
                else:
                    archive.writestr(info, each.read_bytes() if each.is_file() else b"")
    return path


def as_list(dataset: Dataset, root: Path) -> Path:
    """A list of the images of a dataset that a folder is, beside them."""
    with (root / "all.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", *(("split",) if dataset.divided else ())))
        for word, split in parts(dataset).items():
            labels = (dataset.classes[label] for label in split.labels)
            rows.writerows(
                (name, label, word)[: 2 + dataset.divided]
                for name, label in zip(split.images.names, labels, strict=True)
            )
    return root / "all.csv"


def parts(dataset: Dataset) -> dict[str, Split]:
    splits = {"train": dataset.train, "val": dataset.validation, "test": dataset.test}
    return {word: split for word, split in splits.items() if split is not None}


def opened(name: str, **how: Any) -> Dataset | None:
    try:
        return open_dataset(name, **how)
    except UserError:
        return None


def facts(dataset: Dataset | None) -> Any:
    """Classes, and of each split the names below the classes' root with their labels."""
    if dataset is None:
        return None
    found = {}
    for word, split in parts(dataset).items():
        assert isinstance(split.images, FileImages)
        found[word] = sorted(zip(split.images.below, split.labels.tolist(), strict=True))
    return dataset.classes, found


def left_out(dataset: Dataset | None) -> Any:
    return dataset and {reason: each.count for reason, each in dataset.left_out.items()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
@example(
    ([f"{name}/{i}.png" for name in "ab" for i in range(3)], [(0, "a/.7.png", "hard")])
)  # a tar has the hidden name first
def test_a_folder_and_archives_of_it_are_one_dataset(tree: tuple[list[str], Links]) -> None:
    names, links = tree
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        write(root, names, links)
        there = opened(f"folder:{root}")
        archives = [as_tar(root, Path(folder) / "p.tar")]
        if all(kind != "hard" for _, _, kind in links):  # which a zip does not have
            archives.append(as_zip(root, Path(folder) / "p.zip"))
        for archive in archives:
            here = opened(f"folder:{archive}")
            event("refused" if here is None else f"{len(parts(here))} parts")
            assert facts(here) == facts(there) and left_out(here) == left_out(there)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_shards_and_lists_of_a_folder_are_that_dataset(tree: tuple[list[str], Links]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        write(root, *tree)
        there, whole = opened(f"folder:{root}"), opened(f"folder:{root}", whole=True)
        event("refused" if there is None else f"{len(parts(there))} parts")
        if there is None or whole is None:
            return
        pack(f"folder:{root}", Path(folder) / "packed", processes=1)
        assert facts(open_dataset(f"shards:{folder}/packed")) == facts(there)
        listed = as_list(whole, root)
        here = open_dataset(f"list:{listed}")
        assert here.classes == there.classes
        assert isinstance(there.train.images, FileImages)
        if not there.train.images.top:  # else the list's names are others, and so is what is held out by names
            assert facts(here) == facts(there)


def test_which_images_are_held_out_does_not_depend_on_where_the_path_begins(tmp_path: Path) -> None:
    names = [f"{name}/{i}.png" for name in ("rose", "tulip") for i in range(20)]
    write(tmp_path / "x" / "flowers" / "flowers", names, [])
    held = []
    for where in ("x", "x/flowers", "x/flowers/flowers"):
        dataset = open_dataset(f"folder:{tmp_path / where}", seed=5)
        assert dataset.test is not None and isinstance(dataset.test.images, FileImages)
        held.append(list(dataset.test.images.below))
    assert held[0] == held[1] == held[2] and len(held[0]) == 8


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def flowers(each: int = 3) -> dict[str, bytes]:
    return {f"flowers/{name}/{i}.png": picture(i) for name in ("rose", "tulip") for i in range(each)}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zips_are_read(tmp_path: Path, method: int) -> None:
    dataset = open_dataset(f"folder:{zipped(tmp_path / 'Flowers.ZIP', flowers(), method)}", whole=True)
    assert dataset.classes == ("rose", "tulip") and len(dataset.train) == 6
    assert np.asarray(dataset.train.images.picture(5)).max() == 2


def test_zips_that_are_damaged_encrypted_escape_or_burst_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f.zip"
    path.write_bytes(b"this is no archive" * 40)
    with pytest.raises(UserError, match="the archive is damaged or is no zip"):
        open_dataset(f"folder:{path}")
    whole = zipped(path, flowers()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="the archive is damaged or is no zip"):
        open_dataset(f"folder:{path}")
    begin = whole.index(b"IDAT") if b"IDAT" in whole else 80
    path.write_bytes(whole[:begin] + bytes([whole[begin] ^ 255]) + whole[begin + 1 :])
    dataset = open_dataset(f"folder:{path}", whole=True)
    with pytest.raises(UserError, match="flowers/rose/0.png is damaged"):
        dataset.train.images.picture(0)
    encrypted = bytearray(whole)
    place = whole.index(b"PK\x01\x02")
    encrypted[place + 8] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(UserError, match="flowers/rose/0.png is encrypted. Unpack the archive with its password"):
        open_dataset(f"folder:{path}")
    zipped(path, flowers(), zipfile.ZIP_LZMA)
    with pytest.raises(UserError, match="is packed by lzma, which is not read"):
        open_dataset(f"folder:{path}")
    for name in ("../outside.png", "/etc/a.png", "a/../../b.png"):
        with pytest.raises(UserError, match="escapes from the archive's folder"):
            open_dataset(f"folder:{zipped(path, {name: b'x'})}")
    monkeypatch.setattr("alexlab.data.sources.files.SMALLEST_LIMIT", 100_000)
    with pytest.raises(UserError, match="archive bomb"):
        open_dataset(f"folder:{zipped(path, {'a/b.png': bytes(50_000_000)})}")


def test_names_in_zips_that_do_not_say_their_encoding(tmp_path: Path) -> None:
    """macOS writes UTF-8 without saying so; a name of another encoding keeps its bytes, as in a folder."""
    path = zipped(tmp_path / "f.zip", {f"{name}/{i}.png": picture(i) for name in ("caf\xe9", "tea") for i in range(2)})
    data = path.read_bytes()
    for flag in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        assert data[flag + 1] == 8  # the flag of UTF-8
    unsaid = bytearray(data)
    for sign, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        place = -1
        while (place := data.find(sign, place + 1)) >= 0:
            unsaid[place + at] &= ~8
    path.write_bytes(unsaid)
    assert open_dataset(f"folder:{path}", whole=True).classes == ("café", "tea")
    path.write_bytes(unsaid.replace("caf\xe9".encode(), b"caf\xff\xff"))
    assert open_dataset(f"folder:{path}", whole=True).classes == ("caf\udcff\udcff", "tea")


def test_links_that_lead_out_of_an_archive_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    write(root, [f"{name}/{i}.png" for name in "ab" for i in range(2)], [])
    (tmp_path / "secret.png").write_bytes(picture(1))
    (root / "a" / "out.png").symlink_to("../../secret.png")
    for archive in (as_tar(root, tmp_path / "p.tar"), as_zip(root, tmp_path / "p.zip")):
        with pytest.raises(UserError, match="is a link to '.*secret.png', which is no file or folder of the archive"):
            open_dataset(f"folder:{archive}")
    (root / "a" / "out.png").unlink()
    (root / "a" / "up").symlink_to("..")
    for place in (root, as_tar(root, tmp_path / "p.tar"), as_zip(root, tmp_path / "p.zip")):
        with pytest.raises(UserError, match="link back to a folder that it lies in"):
            open_dataset(f"folder:{place}")


def test_images_are_told_by_content_where_their_names_say_nothing(tmp_path: Path) -> None:
    names = ["a/1.jfif", "a/2", "a/3.ashx", "a/4.JPG", "b/1.jpg~", "b/2.jpe", "b/3.png", "b/4.png"]
    write(tmp_path / "d", names, [])
    (tmp_path / "d" / "a" / "video.dat").write_bytes(b"\0\0\0\x18ftypmp42")
    dataset = open_dataset(f"folder:{tmp_path / 'd'}", whole=True)
    assert np.bincount(dataset.train.labels).tolist() == [4, 3]
    assert left_out(dataset) == {"ending .dat": 1, "ending .jpg~": 1}
