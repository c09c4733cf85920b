"""The same picture is found in other bytes, at another quality or size, and under two labels; other pictures are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexlab.data import alike as comparing
from alexlab.data.alike import alike
from alexlab.data.images import ArrayImages, Split
from alexlab.data.opening import open_dataset
from alexlab.data.suspicion import suspicions


def scene(seed: int) -> Image.Image:
    """A picture as photographs are: large areas and small ones."""
    random = np.random.default_rng(seed)
    layers = [Image.fromarray(random.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((96, 72)) for n in (3, 8, 40)]
    return Image.fromarray(np.mean([np.asarray(layer) for layer in layers], axis=0).astype(np.uint8))


def write(name: str, seed: int, **how: object) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    scene(seed).save(name, **how)  # type: ignore[arg-type]


def write_scenes() -> None:
    for label in (0, 1):
        for number in range(12):
            write(f"own/train/{'ab'[label]}/{number}.jpg", 100 * label + number, quality=90)
            write(f"own/test/{'ab'[label]}/{number}.jpg", 1000 + 100 * label + number, quality=90)


def said() -> list[str]:
    dataset = open_dataset("folder:own")
    assert dataset.test is not None
    return suspicions(dataset.train, {"test": dataset.test}, dataset.classes)


def test_different_pictures_are_not_called_the_same() -> None:
    write_scenes()
    assert said() == []


def test_a_picture_saved_again_is_found_in_the_test_images() -> None:
    write_scenes()
    write("own/test/a/again.jpg", 3, quality=40)
    write("own/test/a/other.png", 4)
    scene(5).resize((48, 36)).save("own/test/a/small.jpg")
    Path("own/test/a/equal.jpg").write_bytes(Path("own/train/a/6.jpg").read_bytes())
    equal, anew = said()
    assert "1 of 28 test images is among the training images too (test/a/equal.jpg = train/a/6.jpg)" in equal
    assert "3 of 28 test images are among the training images too, saved anew (" in anew
    for pair in ("again.jpg = train/a/3.jpg", "other.png = train/a/4.jpg", "small.jpg = train/a/5.jpg"):
        assert f"test/a/{pair}" in anew


def test_one_picture_under_two_labels_and_one_that_is_there_twice() -> None:
    write_scenes()
    write("own/train/b/wrong.jpg", 3, quality=60)
    write("own/train/b/again.png", 104)
    wrong, twice = said()
    assert wrong.startswith(
        "1 training image has two labels, train/a/3.jpg (a) = train/b/wrong.jpg (b): one of them is wrong"
    )
    assert twice.startswith("1 training image is there more than once, train/b/4.jpg = train/b/again.png")


def test_arrays_are_compared_pixel_by_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    pixels[3], pixels[4] = pixels[0], pixels[1]
    train = Split(ArrayImages(pixels, [str(i) for i in range(6)]), np.array([0, 1, 0, 1, 1, 0]))
    wrong, twice = suspicions(train, {}, ("a", "b"))
    assert "0 (a) = 3 (b)" in wrong and "1 = 4" in twice


def test_a_picture_without_anything_in_it_is_like_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    write_scenes()
    for label in "ab":
        for number in range(3):
            Image.new("RGB", (40, 40), (200 + number, 200, 200)).save(f"own/train/{label}/flat{number}.png")
    dataset = open_dataset("folder:own", whole=True)
    assert alike([dataset.train.images]) == []
    write("own/train/b/again.png", 104)
    images = open_dataset("folder:own", whole=True).train.images
    assert len(alike([images])) == 1
    monkeypatch.setattr(comparing, "ROWS", 5)
    assert len(alike([images])) == 1
    assert alike([images], most_bytes=1000) == []
    monkeypatch.setattr(comparing, "MOST_IMAGES", 10)
    assert alike([images]) == []


def test_a_check_lists_more_of_them_than_the_start_of_a_training(alexlab: object) -> None:
    write_scenes()
    for number in range(8):
        write(f"own/train/b/again{number}.png", 100 + number)
    assert "and 5 more" in said()[0]
    listed = alexlab("datasets", "check", "folder:own").stdout  # type: ignore[operator]
    assert all(f"train/b/again{number}.png" in listed for number in range(8))


@pytest.mark.parametrize(("name", "pairs"), [("folder:flowers", 15), ("folder:imagenette-sample", 0)])
def test_what_is_found_in_real_photographs_is_true(datasets: Path, name: str, pairs: int) -> None:
    """Of flowers four roses are tulips too, and eleven pictures are there twice, most at two sizes.

    Three pairs were looked at, the others told by names and distances.
    """
    dataset = open_dataset(name, datasets, whole=True)
    found = alike([dataset.train.images])
    assert len(found) == pairs
    if pairs:
        labels, names = dataset.train.labels, dataset.train.images.names
        two = [(names[i], names[j]) for i, j in found if labels[i] != labels[j]]
        assert len(two) == 4 and all(Path(one).name == Path(other).name for one, other in two)
