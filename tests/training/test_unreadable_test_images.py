"""Test images that cannot be read are refused before the training, not after it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alexlab
from alexlab.data import inspection
from alexlab.data.inspection import cut_off
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError


@pytest.fixture
def photographs() -> Path:
    seed = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for each in ("cat", "dog"):
            for i in range(2):
                path = Path("d", part, each, f"{i}.{'png' if i else 'jpg'}")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(seed.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    return Path("d/test/cat")


def train() -> alexlab.Run:
    return alexlab.train("lenet-relu", "folder:d", input=[1, 16, 16], epochs=1, device="cpu", out="run")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("0.jpg", lambda whole: whole[: len(whole) // 2], "0.jpg: the image is damaged or cut off"),
        ("1.png", lambda whole: whole[: len(whole) // 2], "1.png: the image is damaged or cut off"),
        ("2.jpg", lambda _: b"", "2.jpg: the file is empty"),
        ("3.jpg", lambda _: b"<!DOCTYPE html><html></html>", "3.jpg: not an image that can be read: it is a web page"),
    ],
)
def test_before_the_training(photographs: Path, name: str, content: Callable[[bytes], bytes], says: str) -> None:
    path = photographs / name
    path.write_bytes(content(path.read_bytes() if path.exists() else b""))
    with pytest.raises(UserError, match=f"1 image cannot be used; remove or replace:\n.*{says}"):
        train()
    assert not Path("run").exists()


def test_whole_images_are_not_decoded_for_it(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (photographs / "0.jpg").read_bytes()
    (photographs / "0.jpg").write_bytes(whole + b"\0" * 20)  # as some cameras write
    Image.open(photographs / "1.png").save(photographs / "2.gif")
    shutil.copy(photographs / "0.jpg", photographs / "called.png")
    test = open_dataset("folder:d").test
    assert test is not None and cut_off(test.images) == []
    (photographs / "0.jpg").write_bytes(b"")
    (photographs / "1.png").write_bytes(b"")
    assert len(cut_off(test.images)) == 2
    monkeypatch.setattr(inspection, "MOST_BYTES", -1)
    assert len(cut_off(test.images)) == 1
