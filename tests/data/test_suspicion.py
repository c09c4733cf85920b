"""Duplicates, constant images and labels without images are said; of good data nothing is."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alexlab
from alexlab.data import alike, suspicion
from alexlab.data.images import ArrayImages, FileImages, Split
from alexlab.data.opening import open_dataset
from alexlab.data.sources.files import open_files
from alexlab.data.suspicion import suspicions
from tests.conftest import write_photographs


def split(pixels: np.ndarray, labels: list[int], name: str) -> Split:
    return Split(ArrayImages(pixels, [f"{name}/{i}" for i in range(len(pixels))]), np.array(labels, dtype=np.int64))


def test_arrays() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    pixels[3] = 7
    train = split(pixels, [0, 0, 1, 1, 0, 0], "train")
    test = split(
        np.concatenate([pixels[4:5], random.integers(0, 256, (2, 1, 4, 4), dtype=np.uint8)]), [0, 0, 1], "test"
    )
    missing, constant, duplicates = suspicions(train, {"test": test}, ("a", "b", "c"))
    assert "label c" in missing and "1 training image of one colour, train/3" in constant
    assert "1 of 3 test images is among the training images too (test/0 = train/4)" in duplicates


def test_good_data_is_not_suspected() -> None:
    digits = open_dataset("digits")
    assert digits.test is not None and suspicions(digits.train, {"test": digits.test}, digits.classes) == []
    write_photographs(Path("photos"), each=10)
    photos = open_dataset("folder:photos")
    assert photos.test is not None and suspicions(photos.train, {"test": photos.test}, photos.classes) == []


def test_files_in_the_log_the_run_and_the_report() -> None:
    for part in ("train", "test"):
        write_photographs(Path("photos") / part, each=10, size=24 if part == "train" else 28)
    shutil.copy("photos/train/red/3.png", "photos/test/red/copy.png")
    Image.new("RGB", (20, 20), "green").save("photos/train/blue/green.png")
    how: dict[str, Any] = {"input": [3, 12, 12], "epochs": 1, "batch": 8, "device": "cpu", "out": "run"}
    run = alexlab.train("lenet-relu", "folder:photos", **{**how, "input": [3, 16, 16]})
    constant, duplicates = run.facts["doubts"]
    assert "train/blue/green.png" in constant and "test/red/copy.png = train/red/3.png" in duplicates
    page = (run.folder / "report.html").read_text()
    assert "Doubts about the data" in page and "test/red/copy.png" in page


def test_equal_files_are_all_found_and_each_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    contents = {
        f"{part}/{i:03}.jpg": bytes(random.integers(0, 3, random.integers(3, 6)).tolist())
        for part in "abc"
        for i in range(60)
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    files = open_files(tmp_path)
    reads: list[str] = []

    def read(name: str) -> bytes:
        reads.append(name)
        return files.read(name)

    noted = replace(files, read=read)
    names = {part: [name for name in contents if name.startswith(part)] for part in "abc"}
    train, val, test = (Split(FileImages(noted, names[part]), np.zeros(60, dtype=np.int64)) for part in "abc")
    first = {contents[name]: name for name in reversed(names["a"])}
    said = {
        part: [f"{name} = {first[contents[name]]}" for name in names[part] if contents[name] in first] for part in "bc"
    }
    assert 10 < len(said["b"]) < 60

    def expected(what: str, pairs: list[str]) -> str:
        named = f"{', '.join(pairs[:3])} and {len(pairs) - 3} more"
        return (
            f"{len(pairs)} of 60 {what} images are among the training images too ({named}): what is measured on them says "
            "nothing of new images."
        )

    monkeypatch.setattr(suspicion, "SMALLEST", 0)
    monkeypatch.setattr(alike, "alike", lambda *_: [])  # which looks at pictures
    found = suspicions(train, {"val": val, "test": test}, ("a",))
    assert found == [expected("val", said["b"]), expected("test", said["c"])]
    assert len(reads) == len(set(reads))
    monkeypatch.setattr(suspicion, "MOST_BYTES", 300)
    assert 0 < int(suspicions(train, {"val": val}, ("a",))[0].split()[0]) < len(said["b"])


def test_a_large_dataset_is_not_read(monkeypatch: object) -> None:
    pixels = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
    train, test = split(pixels, [0, 1], "train"), split(pixels, [0, 1], "test")
    assert len(suspicions(train, {"test": test}, ("a", "b"))) == 1
    monkeypatch.setattr(suspicion, "MOST_IMAGES", 3)  # type: ignore[attr-defined]
    assert suspicions(train, {"test": test}, ("a", "b")) == []
