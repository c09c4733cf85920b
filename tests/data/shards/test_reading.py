"""Datasets in shards: as they were before they were packed, to and from the webdataset library, and damaged."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexlab.data.images import FileImages, Split
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.shards.index import INDEX
from alexlab.data.shards.packing import pack
from alexlab.errors import UserError
from alexlab.training.train import train
from tests.conftest import write_photographs


def same(a: Split | None, b: Split | None) -> bool:
    if a is None or b is None:
        return a is b
    return list(a.images.names) == list(b.images.names) and np.array_equal(a.labels, b.labels)


def test_training_is_bit_for_bit_that_of_the_dataset_unpacked() -> None:
    """Pixels held as an array before, PNG files now: the weights, figures and predictions are the same bytes."""
    pack("digits", Path("packed"), images=400, processes=1)
    runs = [train("lenet-relu", name, epochs=1, device="cpu", out=name + "-run") for name in ("digits", "packed")]
    for name in ("last.safetensors", "metrics.jsonl", "evaluation.json", "predictions.csv"):
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes(), name


def test_splits_stay() -> None:
    """Divided by folders, by nobody, and a list that has training images alone."""
    write_photographs(Path("photos"))
    for split in ("train", "val", "test"):
        write_photographs(Path("divided") / split)
    files = [f"photos/{name}/{i}.png,{name},train" for name in ("red", "blue") for i in range(6)]
    Path("l.csv").write_text("\n".join(["path,label,split", *files]))
    for number, name in enumerate(("folder:photos", "folder:divided", "list:l.csv")):
        pack(name, Path(f"out-{number}"), images=5, processes=1)
        for seed in (0, 1):
            before, after = (open_dataset(each, seed=seed) for each in (name, f"shards:out-{number}"))
            assert same(before.train, after.train) and same(before.validation, after.validation)
            assert same(before.test, after.test) and before.classes == after.classes
            assert (before.augment, before.shape, before.title) == (after.augment, after.shape, after.title)


def test_the_decoded_cache_knows_shards() -> None:
    write_photographs(Path("photos"))
    pack("folder:photos", Path("out"), processes=1)
    store = (3, 16, 16)
    for expected in (False, True):
        split = open_dataset("out").train
        kept = Store(split, Transform(store=store, fit="crop", input=store), budget=0)
        assert kept._cache is not None and kept._cache.whole == expected
        list(kept.batches(np.arange(len(split)), 4))


def test_webdataset_reads_what_was_packed() -> None:
    webdataset = pytest.importorskip("webdataset")
    write_photographs(Path("photos"))
    index = pack("folder:photos", Path("out"), images=5, processes=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        shards = webdataset.WebDataset([f"out/{shard.name}" for shard in index.shards], shardshuffle=False)
        samples = list(shards.decode("rgb8"))
    images = [(name, label) for shard in index.shards for name, label in zip(shard.names, shard.labels, strict=True)]
    assert [(f"{s['__key__']}.png", s["cls"]) for s in samples] == images and len(images) == 12
    for sample, (name, _) in zip(samples, images, strict=True):
        assert np.array_equal(sample["png"], np.asarray(Image.open(f"photos/{name}")))


def test_what_webdataset_wrote_is_read_trained_on_and_packed() -> None:
    webdataset = pytest.importorskip("webdataset")
    random = np.random.default_rng(0)
    Path("wds").mkdir()
    pixels = {}
    for split, count in (("train", 30), ("val", 10)):
        with webdataset.ShardWriter(f"wds/{split}-%06d.tar", maxcount=8, verbose=0) as writer:
            for i in range(count):
                image = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                pixels[f"{split}{i:03}"] = image
                writer.write({"__key__": f"{split}{i:03}", "png": image, "cls": i % 3, "json": {"i": i}})
    dataset = open_dataset("shards:wds")
    assert dataset.classes == ("0", "1", "2") and len(dataset.train) == 30 and dataset.test is None
    assert dataset.validation is not None and dataset.validation.labels.tolist() == [i % 3 for i in range(10)]
    for row, name in enumerate(dataset.train.images.names):
        assert np.array_equal(np.asarray(dataset.train.images.picture(row)), pixels[name.split("/")[1][:-4]])
    assert train("lenet-relu", "shards:wds", epochs=1, device="cpu", out="run").result["state"] == "finished"
    pack("shards:wds", Path("out"), processes=1)
    packed = open_dataset("out")
    assert same(dataset.train, packed.train) and same(dataset.validation, packed.validation)
    for row in range(30):
        assert np.array_equal(np.asarray(packed.train.images.picture(row)), np.asarray(dataset.train.images.picture(row)))  # fmt: skip


def written(samples: list[dict[str, object]]) -> None:
    webdataset = pytest.importorskip("webdataset")
    Path("wds").mkdir()
    with webdataset.TarWriter("wds/a.tar") as writer:
        for sample in samples:
            writer.write(sample)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([{"__key__": "a", "png": b"x"}], "the sample 'a' has .png; expected one image"),
        ([{"__key__": "a", "cls": 1, "jpg": b"x", "png": b"x"}], "has .cls, .jpg, .png; expected one image"),
        ([{"__key__": "a", "cls": 0, "jpg": b"x"}], "found 1 class in the .cls"),
        ([{"__key__": "a", "cls": 10**9, "jpg": b"x"}], "a .cls says class 1,000,000,000"),
    ],
)
def test_shards_of_others_that_cannot_be_used(samples: list[dict[str, object]], says: str) -> None:
    written(samples)
    with pytest.raises(UserError, match=re.escape(says)):
        open_dataset("shards:wds")


def test_a_folder_without_shards() -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match="found neither index.json nor shards"):
        open_dataset("shards:empty")
    with pytest.raises(UserError, match="was not found"):
        open_dataset("shards:nowhere")


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_a_shard_that_is_not_as_it_was_packed_is_named(how: str) -> None:
    write_photographs(Path("photos"))
    index = pack("folder:photos", Path("out"), images=5, processes=1)
    bad, path = index.shards[1], Path("out", index.shards[1].name)
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:-1])
    else:
        data[bad.offsets[2] + 50] ^= 1
        path.write_bytes(data)
    with pytest.raises(UserError, match=f"{bad.name}.*{bad.sha256}"):
        split = open_dataset("out", whole=True).train
        assert isinstance(split.images, FileImages)
        for row in range(len(split)):
            split.images.read(row)


def test_an_index_of_a_moved_dataset_is_found_by_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photographs(Path("photos"))
    pack("folder:photos", Path("out"), processes=1)
    assert (Path("out") / INDEX).is_file()
    run = train("lenet-relu", "out", epochs=1, device="cpu", out=tmp_path / "run")
    with monkeypatch.context() as elsewhere:
        (tmp_path / "elsewhere").mkdir()
        elsewhere.chdir(tmp_path / "elsewhere")
        assert run.evaluate().top1 == run.final["top1"]  # type: ignore[index]
