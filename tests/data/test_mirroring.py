"""Images are not mirrored where that makes one class of another; photographs are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import alexlab
from alexlab.data import mirroring
from alexlab.data.mirroring import changed_by_mirroring
from alexlab.data.opening import open_dataset
from tests.conftest import write_photographs

ARROW = np.array([(-12, 0), (0, -8), (0, -3), (12, -3), (12, 3), (0, 3), (0, 8)])
TURNS = {"left": 0, "up": 1, "right": 2, "down": 3}


def write_arrows(folder: str, names: tuple[str, ...], each: int = 24) -> None:
    """Write arrows of several sizes, places and colours."""
    random = np.random.default_rng(0)
    for name in names:
        Path(folder, name).mkdir(parents=True)
        turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), TURNS[name])
        for number in range(each):
            image = Image.new("RGB", (32, 32), tuple(random.integers(180, 256, 3).tolist()))
            place = random.uniform(0.7, 1.1) * ARROW @ turn + 16 + random.uniform(-2, 2, 2)
            colour = tuple(random.integers(0, 120, 3).tolist())
            ImageDraw.Draw(image).polygon([tuple(point) for point in place.tolist()], fill=colour)
            image.save(Path(folder, name, f"{number}.png"))


def test_arrows_are_not_mirrored_and_it_is_said() -> None:
    write_arrows("arrows", ("left", "right", "up", "down"))
    how: dict[str, Any] = {"input": [3, 32, 32], "epochs": 1, "device": "cpu"}
    run = alexlab.train("lenet-relu", "folder:arrows", out="run", steps=1, **how)
    (said,) = (doubt for doubt in run.facts["doubts"] if "mirrored" in doubt)
    assert run.recipe.augment == () and "images are not mirrored in training" in said
    assert "mirrored images of left look like right" in said or "mirrored images of right look like left" in said
    assert alexlab.resume("run", device="cpu").recipe.augment == ()
    asked = alexlab.train("lenet-relu", "folder:arrows", out="asked", steps=1, augment=["mirror"], **how)
    assert asked.recipe.augment == ("mirror",) and not any("mirrored" in doubt for doubt in asked.facts["doubts"])


def test_what_mirroring_does_not_change_is_mirrored() -> None:
    write_arrows("vertical", ("up", "down"))
    write_photographs(Path("photos"), each=24)
    for folder in ("vertical", "photos"):
        dataset = open_dataset(f"folder:{folder}", whole=True)
        assert changed_by_mirroring(dataset.train, dataset.classes) is None


def test_digits_show_that_they_are_not_to_be_mirrored() -> None:
    """Digits in a folder of somebody's own, of which no catalogue knows."""
    digits = open_dataset("digits")
    for i in range(600):
        path = Path("own", digits.classes[digits.train.labels[i]], f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        digits.train.images.picture(i).save(path)
    dataset = open_dataset("folder:own", whole=True)
    assert "look like" in (changed_by_mirroring(dataset.train, dataset.classes) or "")


def test_of_large_files_fewer_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    write_arrows("arrows", ("left", "right"))
    dataset = open_dataset("folder:arrows", whole=True)
    assert " of 24 mirrored images" in (changed_by_mirroring(dataset.train, dataset.classes) or "")
    size = sum(path.stat().st_size for path in Path("arrows").rglob("*.png"))
    monkeypatch.setattr(mirroring, "MOST_BYTES", size * 9 // 10)
    said = changed_by_mirroring(dataset.train, dataset.classes) or ""
    assert " mirrored images" in said and " of 24 mirrored images" not in said
    monkeypatch.setattr(mirroring, "MOST_BYTES", size // 10)
    assert changed_by_mirroring(dataset.train, dataset.classes) is None


def test_too_few_images_tell_nothing() -> None:
    write_arrows("arrows", ("left", "right"), each=4)
    dataset = open_dataset("folder:arrows", whole=True)
    assert changed_by_mirroring(dataset.train, dataset.classes) is None
    assert changed_by_mirroring(dataset.train, tuple(map(str, range(1000)))) is None


@pytest.mark.parametrize("name", ["folder:flowers", "folder:imagenette-sample"])
def test_photographs_stay_mirrored(datasets: Path, name: str) -> None:
    dataset = open_dataset(name, datasets)
    assert changed_by_mirroring(dataset.train, dataset.classes) is None
