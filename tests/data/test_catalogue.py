"""The catalogue's entries: facts that agree with each other, and all that a dataset needs."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexlab.data import catalogue
from alexlab.data.catalogue import DATASETS, OWN, Entry, find
from alexlab.data.input.transform import AUGMENTATIONS
from alexlab.data.opening import FORMATS, KINDS, READERS, locate, open_dataset
from alexlab.errors import UserError


@pytest.mark.parametrize("entry", DATASETS, ids=lambda entry: entry.name)
def test_an_entry_agrees_with_itself(entry: Entry) -> None:
    assert sum(each.name == entry.name for each in DATASETS) == 1
    assert entry.format in FORMATS
    assert len(entry.mean) == len(entry.std) == entry.shape[0] and min(entry.std) > 0
    assert len(set(entry.classes)) == len(entry.classes) >= 2
    assert set(entry.augment) <= set(AUGMENTATIONS)
    assert bool(entry.files) == bool(entry.folders)
    for file in entry.files:
        assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{8,64}", file.digest) and file.url.endswith("/")


@pytest.mark.parametrize("entry", DATASETS, ids=lambda entry: entry.name)
def test_mean_and_deviation_are_those_of_the_training_pixels(entry: Entry, datasets: Path) -> None:
    if not locate(entry, datasets):
        pytest.skip(f"{entry.name} is not in ALEXLAB_DATA")
    dataset = open_dataset(entry.name, datasets, download=False)
    pixels_NCHW = dataset.train.images.pixels_NCHW if hasattr(dataset.train.images, "pixels_NCHW") else None
    if pixels_NCHW is None:
        pytest.skip("files, which take too long to decode here")
    values = pixels_NCHW.transpose(1, 0, 2, 3).reshape(entry.shape[0], -1)
    counts = np.array([np.bincount(channel, minlength=256) for channel in values]) / values.shape[1]
    levels = np.arange(256) / 255
    mean = counts @ levels
    std = np.sqrt(counts @ levels**2 - mean**2)
    assert np.allclose(mean, entry.mean, atol=1e-3) and np.allclose(std, entry.std, atol=1e-3), (mean, std)


def test_every_kind_of_own_dataset_has_its_reader() -> None:
    assert set(KINDS) == {*READERS, "shards"} and len(OWN) == len(KINDS)
    with pytest.raises(UserError, match="known: .*list:FILE.csv"):
        find("qqqqqqqqqqq")


def test_a_dataset_is_added_by_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    files = tuple(replace(file, crc="") for file in find("mnist").files)
    toy = replace(find("digits"), name="toy", title="Toy", files=files, folders=("toy",))
    monkeypatch.setattr(catalogue, "DATASETS", (*DATASETS, toy))
    with pytest.raises(UserError, match="dataset 'toy' was not found. Wanted: train-images"):
        open_dataset("toy", download=False)
    Path("toy").mkdir()
    digits = Path(catalogue.__file__).parent / "digits"
    for path in digits.iterdir():
        (Path("toy") / path.name).write_bytes(path.read_bytes())
    dataset = open_dataset("toy", Path(), download=False)
    assert (dataset.title, len(dataset.train), dataset.mean) == ("Toy", 1_500, toy.mean)
