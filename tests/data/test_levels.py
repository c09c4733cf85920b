"""The range of pixels of more than 8 bits is the dataset's, and a run keeps it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alexlab
from alexlab.data.input.decode import ImageError
from alexlab.data.inspection import inspect
from alexlab.data.levels import measured_levels
from alexlab.data.opening import open_dataset
from alexlab.data.shards.packing import pack
from tests.conftest import write_photographs


def write(folder: str, low: float, high: float, dtype: str, ending: str, each: int = 12) -> None:
    """Write bars, upright or lying, whose pixels lie between two values."""
    random = np.random.default_rng(0)
    for number in range(each):
        for name in ("lying", "upright"):
            pixels = np.full((16, 16), low) + random.uniform(0, 0.2, (16, 16)) * (high - low)
            pixels[4 + number % 8 : 7 + number % 8] = high
            path = Path(folder) / name / f"{number}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((pixels if name == "lying" else pixels.T).astype(dtype)).save(path)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "ending", "levels", "why"),
    [
        (0, 4095, "uint16", "png", (0, 4095), "12 bits"),
        (0, 900, "uint16", "tif", (0, 1023), "10 bits"),
        (0, 250, "uint16", "png", (0, 255), "8 bits"),
        (0, 65535, "uint16", "png", (0, 65535), "16 bits"),
        (0, 1, "float32", "tif", (0, 1), "floating point"),
        (0, 255, "float32", "tif", (0, 255), "floating point"),
        (30_000, 30_400, "uint16", "png", (30_000, 30_400), "percentiles"),
        (0, 1_000_000, "int32", "tif", (0, 1_000_000), "percentiles"),
        (-7, 3, "float32", "tif", (-7, 3), "percentiles"),
    ],
)
def test_the_range_is_that_of_the_bits_or_of_the_pixels(
    low: float, high: float, dtype: str, ending: str, levels: tuple[float, float], why: str
) -> None:
    write("bars", low, high, dtype, ending)
    found, (said,) = measured_levels(open_dataset("folder:bars", whole=True).train)
    assert found == pytest.approx(levels, abs=0.001 * (high - low)) and why in said and "--set levels=[" in said
    assert "24 of 24 training images" in said


def test_a_few_hot_pixels_do_not_decide() -> None:
    write("bars", 100, 1000, "uint16", "png")
    hot = np.asarray(Image.open("bars/lying/0.png")).copy()
    hot[0, 0] = 65535
    Image.fromarray(hot).save("bars/lying/0.png")
    (low, high), _ = measured_levels(open_dataset("folder:bars", whole=True).train)  # type: ignore[misc]
    assert 90 < low < 110 and 950 < high < 1050


def test_nothing_is_measured_of_eight_bits() -> None:
    write_photographs(Path("photos"))
    assert measured_levels(open_dataset("folder:photos").train) == (None, [])
    assert measured_levels(open_dataset("digits").train) == (None, [])


def test_what_is_read_in_part_is_said() -> None:
    write("bars", 0, 250, "uint8", "png")
    pages = [Image.new("L", (4, 4), value) for value in (10, 200)]
    pages[0].save("bars/lying/pages.tif", save_all=True, append_images=pages[1:])
    (said,) = measured_levels(open_dataset("folder:bars", whole=True).train)[1]
    assert "1 of 25 training images looked at have several pages: the first alone is read" in said


def test_a_run_keeps_the_range_and_predicts_by_it() -> None:
    """Pixels of 12 bits, which are 16 levels of 255 when they are read as 16 bits."""
    write("bars", 0, 4095, "uint16", "png", each=40)
    write("floats", -2, 2, "float32", "tif")
    how: dict[str, Any] = {"input": [1, 16, 16], "epochs": 6, "batch": 8, "device": "cpu"}
    run = alexlab.train("lenet5", "folder:bars", out="run", **how)
    assert run.recipe.levels == (0, 4095) and any("12 bits" in doubt for doubt in run.facts["doubts"])
    again = alexlab.Run("run")
    pixels = np.asarray(Image.open("bars/lying/0.png"))
    named = again.predict("bars/lying/0.png", device="cpu")
    assert named.top == again.predict(pixels, device="cpu").top == again.predict(Image.fromarray(pixels)).top
    stored = again.transform.stored(Path("bars/lying/0.png").read_bytes())
    assert stored.max() == 255 and len(np.unique(stored)) > 40
    assert np.asarray(again.dataset().train.images.picture(0)).max() == 255
    floats = alexlab.train("lenet5", "folder:floats", out="floats-run", **{**how, "epochs": 1})
    assert floats.recipe.levels == pytest.approx((-2, 2), abs=0.01) and floats.final is not None
    assert floats.final["images"] > 0 and (floats.folder / "mistakes.png").exists()
    eight = alexlab.train(recipe="digits", epochs=1, out="digits", device="cpu")
    assert eight.recipe.levels == ()
    with pytest.raises(ImageError, match="floating-point pixels have no agreed range"):
        eight.predict("floats/lying/0.tif")


def test_a_check_reads_by_the_range_too() -> None:
    write("bars", -1, 1, "float32", "tif")
    found = inspect(open_dataset("folder:bars"), lambda *_: None)
    assert sum(len(each.unreadable) for each in found.values()) == 0 and found["train"].modes["L"] > 0


def test_shards_are_packed_by_the_range() -> None:
    write("bars", -2, 2, "float32", "tif")
    pack("folder:bars", Path("shards"), processes=1)
    levels = [np.asarray(open_dataset("shards", whole=True).train.images.picture(i)) for i in range(24)]
    assert min(map(np.min, levels)) < 3 and max(map(np.max, levels)) == 255 and len(np.unique(levels[0])) > 30
