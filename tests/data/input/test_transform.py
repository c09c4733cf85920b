"""The one path from an image to the input: the same for arrays and files, training and prediction, and as Pillow has it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexlab.data import statistics
from alexlab.data.images import ArrayImages, FileImages, Split
from alexlab.data.input.colour import pixel_statistics
from alexlab.data.input.decode import Pixels, decode
from alexlab.data.input.draws import Draws, Part
from alexlab.data.input.store import Store
from alexlab.data.input.to_input import compiled, to_input
from alexlab.data.input.transform import AUGMENTATIONS, Transform, batch_of, windows_of
from alexlab.data.opening import open_dataset
from alexlab.data.statistics import channel_statistics
from alexlab.errors import UserError
from tests.conftest import write_photographs
from tests.typed import as_a


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scaled(pixels: Pixels, size: tuple[int, int]) -> np.ndarray:
    """What the path makes of one grey image at this height and width, at 0 to 255."""
    ready = Transform((1, *pixels.shape), "stretch", (1, *size), pixels="0-255")
    found: np.ndarray = ready(torch.from_numpy(pixels)[None, None])[0, 0].numpy()
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(2, 64), st.integers(2, 64), st.integers(0, 2**31))
def test_resize_is_pillows_within_one_level(h: int, w: int, new_h: int, new_w: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (h, w), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(pixels).resize((new_w, new_h), Image.Resampling.BILINEAR)).astype(float)
    ours = scaled(pixels, (new_h, new_w))
    assert np.abs(pillow - np.rint(ours)).max() <= 1  # Pillow rounds twice, after rows and after columns


def test_fashion_at_224_is_the_textbooks_within_one_level(datasets: object) -> None:
    images = as_a(ArrayImages, open_dataset("fashion-mnist").train.images)
    for i in range(20):
        pillow = np.asarray(images.picture(i).resize((224, 224), Image.Resampling.BILINEAR)).astype(float)
        ours = scaled(images.pixels_NCHW[i, 0], (224, 224))
        assert np.abs(pillow - np.rint(ours)).max() <= 1


def test_photographs_of_mixed_sizes_take_one_path(tmp_path: Path) -> None:
    """What a batch holds equals the path taken by hand for each picture, whether stored in memory or decoded as needed."""
    dataset = open_dataset(f"folder:{write_photographs(tmp_path / 'p')}")
    ready = Transform((3, 20, 18), "crop", (3, 16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    held, streamed = Store(dataset.train, ready), Store(dataset.train, ready, budget=0)
    assert held.in_memory and not streamed.in_memory
    order = np.arange(len(held))[::-1].copy()
    for (images, labels), (again, _) in zip(held.batches(order, 3), streamed.batches(order, 3), strict=True):
        assert torch.equal(images, again) and images.dtype == torch.uint8 and len(labels) <= 3
    for position, index in enumerate(order):
        by_hand = batch_of(ready.stored(dataset.train.images.picture(int(index)))[None])
        batch = torch.cat([ready(images) for images, _ in held.batches(order, 4)])
        torch.testing.assert_close(batch[position : position + 1], ready(by_hand))


def test_arrays_and_files_take_the_same_path(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write_photographs(tmp_path / 'p', size=12)}")
    ready = Transform((3, 12, 12), "stretch", (3, 8, 8))
    pixels_NHWC = np.stack([ready.stored(dataset.train.images.picture(i)) for i in range(len(dataset.train))])
    as_array = Split(ArrayImages(pixels_NHWC.transpose(0, 3, 1, 2), dataset.train.images.names), dataset.train.labels)
    one, two = Store(dataset.train, ready), Store(as_array, ready)
    order = np.arange(len(one))
    for (a, _), (b, _) in zip(one.batches(order, 5), two.batches(order, 5), strict=True):
        assert torch.equal(a, b)
    assert isinstance(dataset.train.images, FileImages)


def test_normalisation_is_the_tutorials() -> None:
    ready = Transform((1, 2, 2), "stretch", (1, 2, 2), mean=(0.5,), std=(0.5,))
    out = ready(torch.tensor([[[[0, 255], [51, 204]]]], dtype=torch.uint8))
    torch.testing.assert_close(out, torch.tensor([[[[-1.0, 1.0], [-0.6, 0.6]]]]))


@pytest.fixture(params=[1, 5, 400], ids=lambda at_once: f"{at_once} at once")
def parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of small images are prepared as those of large ones are: a few images at a time, or one."""
    monkeypatch.setattr(Transform, "_at_once", lambda self, count, device: request.param)


def ramp(count: int = 3, channels: int = 1, side: int = 16) -> torch.Tensor:
    values = torch.arange(side * side).view(1, 1, side, side) % 251
    return values.expand(count, channels, side, side).to(torch.uint8).clone()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_normalised_together_are_those_normalised_alone(channels: int) -> None:
    path = Transform((channels, 28, 28), "stretch", (channels, 28, 28), mean=(0.4,), std=(0.3,))
    images = torch.randint(256, (200, channels, 28, 28), dtype=torch.uint8)
    for layout in (torch.contiguous_format, torch.channels_last):
        alone = torch.cat([path(image[None], memory_format=layout) for image in images])
        assert torch.equal(path(images, memory_format=layout), alone)


@pytest.mark.usefixtures("parts")
def test_mirror_swaps_about_half_and_nothing_else() -> None:
    ready = Transform((1, 16, 16), "stretch", (1, 16, 16), augment=("mirror",))
    images = ramp(400)
    out = ready(images, generator()) * 255
    same = (out - images).abs().amax(dim=(1, 2, 3)) < 0.5
    swapped = (out - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 0.5
    assert torch.all(same ^ swapped) and 150 < int(swapped.sum()) < 250
    assert torch.equal(swapped, Draws(generator(), 400).uniform(1)[0] < 0.5)


def test_shift_and_crop_are_windows() -> None:
    images = ramp(50)
    shifted = Transform((1, 16, 16), "stretch", (1, 16, 16), augment=("shift",))(images, generator()) * 255
    padded = torch.nn.functional.pad(images[0, 0], (2, 2, 2, 2)).float()
    windows = [padded[y : y + 16, x : x + 16] for y in range(5) for x in range(5)]
    assert all(any(torch.allclose(out[0], window, atol=0.5) for window in windows) for out in shifted)
    cropped = (
        Transform((1, 16, 16), "stretch", (1, 12, 12), view="centre", augment=("crop",))(images, generator()) * 255
    )
    windows = [images[0, 0, y : y + 12, x : x + 12].float() for y in range(5) for x in range(5)]
    assert all(any(torch.allclose(out[0], window, atol=0.5) for window in windows) for out in cropped)


def test_random_resized_crop_has_the_size_and_stays_within_the_values() -> None:
    ready = Transform((3, 32, 32), "crop", (3, 24, 24), view="centre", augment=("random-resized-crop",))
    out = ready(torch.full((20, 3, 32, 32), 200, dtype=torch.uint8), generator())
    assert out.shape == (20, 3, 24, 24)
    torch.testing.assert_close(out, torch.full_like(out, 200 / 255))


def test_without_a_generator_nothing_is_augmented_and_the_centre_is_seen() -> None:
    ready = Transform((1, 16, 16), "stretch", (1, 12, 12), view="centre", augment=("crop", "mirror"))
    images = ramp(2)
    torch.testing.assert_close(ready(images) * 255, images[:, :, 2:14, 2:14].float())


def test_the_same_generator_draws_the_same() -> None:
    ready = Transform((1, 16, 16), "stretch", (1, 16, 16), augment=("shift", "mirror"))
    assert torch.equal(ready(ramp(9), generator(5)), ready(ramp(9), generator(5)))
    assert not torch.equal(ready(ramp(9), generator(5)), ready(ramp(9), generator(6)))


def test_channel_statistics_are_numpys() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 3, 5, 4), dtype=np.uint8)
    split = Split(ArrayImages(pixels, [str(i) for i in range(700)]), np.zeros(700, dtype=np.int64))
    mean, std = channel_statistics(Store(split, Transform((3, 5, 4), "stretch", (3, 5, 4))))
    assert mean == pytest.approx((pixels / 255).mean(axis=(0, 2, 3)), abs=1e-4)
    assert std == pytest.approx((pixels / 255).std(axis=(0, 2, 3)), abs=1e-4)


def test_of_many_images_evenly_spaced_ones_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.repeat(np.arange(100, dtype=np.uint8), 4).reshape(100, 1, 2, 2)
    split = Split(ArrayImages(pixels, [str(i) for i in range(100)]), np.zeros(100, dtype=np.int64))
    store = Store(split, Transform((1, 2, 2), "stretch", (1, 2, 2)))
    monkeypatch.setattr(statistics, "MOST_IMAGES", 100)
    assert channel_statistics(store)[0] == (round(np.arange(100).mean() / 255, 4),)
    monkeypatch.setattr(statistics, "MOST_IMAGES", 40)
    seen = [100 * i // 40 for i in range(40)]  # 0, 2, 5, 7, 10 ...
    assert channel_statistics(store) == (
        (round(float(np.mean(seen)) / 255, 4),),
        (round(float(np.std(seen)) / 255, 4),),
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_a_grey_store_of_jpegs_is_pillows(mode: str, fit: str) -> None:
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (9, 7, 3), dtype=np.uint8)).resize((37, 41)).convert(mode)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    ready = Transform((1, 28, 28), fit, (1, 28, 28))
    stored = ready.stored(file.getvalue(), "x.jpg")
    assert stored.shape == (28, 28, 1)
    assert np.array_equal(stored, ready.stored(decode(file.getvalue(), "x.jpg")))


def test_unreadable_images_are_all_named_at_once(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "p", each=10)
    for name in ("red/0.png", "blue/1.png"):
        (folder / name).write_text("not an image")
    dataset = open_dataset(f"folder:{folder}")
    split = dataset.train if len(dataset.train) else dataset.test
    assert split is not None
    with pytest.raises(UserError, match=r"cannot be used; remove or replace"):
        for part in (dataset.train, dataset.test):
            assert part is not None
            Store(part, Transform((3, 8, 8), "crop", (3, 8, 8)))


WINDOWED = Transform((3, 40, 30), "crop", (3, 24, 24), augment=("random-resized-crop",))


def photographs(count: int = 12) -> torch.Tensor:
    pixels = np.random.default_rng(1).integers(0, 256, (count, 40, 30, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


@pytest.mark.usefixtures("parts")
def test_random_resized_crop_is_pillows_crop_and_resize_within_one_level() -> None:
    out = WINDOWED(photographs(), generator()) * 255
    windows = windows_of(Draws(generator(), 12), (40, 30)).tolist()
    assert len({tuple(window) for window in windows}) > 8  # they differ
    for image, (top, height, left, width), ours in zip(photographs(), windows, out, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + width, top + height))
        pillow = np.asarray(picture.resize((24, 24), Image.Resampling.BILINEAR)).astype(float)
        assert np.abs(pillow - ours.permute(1, 2, 0).numpy()).max() < 1.01


def test_the_way_for_other_devices_gives_the_same_within_one_level() -> None:
    from alexlab.data.input import transform as transform

    plain = WINDOWED(photographs(), generator()) * 255
    exact = transform._windows_resized(photographs(), windows_of(Draws(generator(), 12), (40, 30)), (24, 24))
    assert (exact - plain).abs().max() <= 1.51 and (
        exact - plain
    ).abs().mean() < 0.4  # one level, and the rounding of either


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("word", [*AUGMENTATIONS, ""])
def test_without_a_compiler_the_same_is_computed(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alexlab.data.input import transform as transform

    assert compiled() is not to_input
    statistics = pixel_statistics([photographs()]) if word.startswith("colour") else None
    augment = tuple(filter(None, (word, "" if word == "mirror" else "mirror")))
    how = {"mean": (0.4,), "std": (0.3,), "augment": augment, "statistics": statistics}
    ready = Transform((3, 40, 30), "crop", (3, 24, 24), **how)  # type: ignore[arg-type]
    expected = ready(photographs(), generator(), torch.channels_last)
    monkeypatch.setattr(transform, "compiled", lambda: to_input)
    assert torch.equal(ready(photographs(), generator(), torch.channels_last), expected)


def test_the_layout_in_memory_changes_no_value() -> None:
    ready = Transform((3, 40, 30), "crop", (3, 40, 30), mean=(0.1, 0.2, 0.3), std=(0.4,), augment=("mirror",))
    last = ready(photographs(), generator(), torch.channels_last)
    first = ready(photographs().contiguous(), generator())
    assert torch.equal(last, first)
    assert last.is_contiguous(memory_format=torch.channels_last) and first.is_contiguous()
    by_hand = ((photographs().float() / 255) - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([0.4])
    assert torch.equal(Transform.__call__(ready, photographs()), by_hand)


def test_windows_that_are_the_whole_image_are_scaled_in_any_layout() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 40, 40, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    ready = Transform((3, 40, 40), "crop", (3, 32, 32), augment=("random-resized-crop",))
    assert torch.equal(ready(images, generator(3)), ready(images.contiguous(), generator(3)))


@pytest.mark.parametrize("word", AUGMENTATIONS)
def test_a_part_of_a_batch_is_augmented_as_in_the_whole_of_it(word: str) -> None:
    images = photographs()
    statistics = pixel_statistics([images]) if word.startswith("colour") else None
    ready = Transform((3, 40, 30), "crop", (3, 24, 24), augment=(word,), statistics=statistics)
    whole = ready(images, generator())
    for rows in (slice(0, 5), slice(5, 12), slice(12, 12)):
        assert torch.equal(ready(images[rows], generator(), part=Part(rows, len(images))), whole[rows])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_frame_keeps_28_by_28_as_they_are_in_the_middle_of_32(channels: int) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (28, 28, channels), dtype=np.uint8)
    ready = Transform((channels, 32, 32), "frame", (channels, 32, 32))
    stored = ready.stored(Image.fromarray(pixels.squeeze()))
    assert np.array_equal(stored[2:30, 2:30], pixels)
    assert not stored[:2].any() and not stored[30:].any() and not stored[:, :2].any() and not stored[:, 30:].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_frame_holds_what_pad_makes_of_another_picture(channels: int) -> None:
    picture = Image.fromarray(np.random.default_rng(5).integers(0, 256, (60, 90, 3), dtype=np.uint8))
    framed = Transform((channels, 64, 64), "frame", (channels, 64, 64)).stored(picture)
    padded = Transform((channels, 56, 56), "pad", (channels, 56, 56)).stored(picture)
    assert np.array_equal(framed[4:60, 4:60], padded) and framed.astype(int).sum() == padded.astype(int).sum()
