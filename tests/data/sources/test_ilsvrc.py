"""ILSVRC-2012 as it is distributed, in small: three classes, six validation images, an official list."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.io import savemat

from alexlab.cli.datasets import datasets
from alexlab.data.opening import open_dataset
from alexlab.data.sources.ilsvrc import class_names, readable
from alexlab.errors import UserError

WNIDS = ("n01440764", "n02102040", "n03000684")
IDS = {"n03000684": 1, "n01440764": 2, "n02102040": 3}  # another order than the sorted WordNet ids, as in the real kit
TRUTH = [2, 1, 3, 3, 1, 2]
WRITTEN = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"


def photograph(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (value, 100, 200)).save(path, "JPEG")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "imagenet"
    for label, wnid in enumerate(WNIDS):
        for i in range(2):
            photograph(root / "train" / wnid / f"{wnid}_{i}.JPEG", 80 * label)
    for number, id in enumerate(TRUTH, start=1):
        wnid = next(wnid for wnid, each in IDS.items() if each == id)
        photograph(root / "val" / f"ILSVRC2012_val_{number:08}.JPEG", 80 * WNIDS.index(wnid))
    kit = root / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    (root / WRITTEN).write_text("".join(f"{id}\n" for id in TRUTH))
    synsets = [(id, wnid, wnid, 0) for wnid, id in IDS.items()] + [(4, "n00001740", "entity", 3)]
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    savemat(kit / "meta.mat", {"synsets": np.array(synsets, dtype=kinds)[:, None]})
    return root


def labels_agree_with_colours(root: Path) -> None:
    dataset = open_dataset(f"ilsvrc:{root}")
    assert dataset.classes == ("tench", "English springer", "chain saw") and dataset.test is None
    for split in (dataset.train, dataset.validation):
        assert split is not None and len(split) == 6
        for i, label in enumerate(split.labels.tolist()):
            red = np.asarray(split.images.picture(i))[..., 0].mean()
            assert abs(red - 80 * label) < 5, split.images.names[i]


def test_official_numbers_are_put_in_the_order_of_the_wordnet_ids(root: Path) -> None:
    labels_agree_with_colours(root)


def test_a_map_in_place_of_meta_mat(root: Path) -> None:
    (root / "ILSVRC2012_devkit_t12/data/meta.mat").unlink()
    (root / "map_clsloc.txt").write_text("".join(f"{wnid} {id} name\n" for wnid, id in IDS.items()))
    labels_agree_with_colours(root)


def test_kaggles_layout(root: Path, tmp_path: Path) -> None:
    base = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC"
    base.mkdir(parents=True)
    for split in ("train", "val"):
        (root / split).rename(base / split)
    wnid = {id: wnid for wnid, id in IDS.items()}
    rows = [
        f"ILSVRC2012_val_{n:08},{wnid[id]} 1 2 3 4 {wnid[id]} 5 6 7 8" for n, id in reversed(list(enumerate(TRUTH, 1)))
    ]
    (tmp_path / "kaggle" / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "\n".join(rows) + "\n")
    labels_agree_with_colours(tmp_path / "kaggle")


def test_validation_by_wordnet_id_and_a_tar_of_it_all(root: Path, tmp_path: Path) -> None:
    for number, id in enumerate(TRUTH, start=1):
        wnid = next(wnid for wnid, each in IDS.items() if each == id)
        name = f"ILSVRC2012_val_{number:08}.JPEG"
        (root / "val" / wnid).mkdir(exist_ok=True)
        (root / "val" / name).rename(root / "val" / wnid / name)
    labels_agree_with_colours(root)
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(root, "imagenet")
    labels_agree_with_colours(tmp_path / "all.tar")


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / "ILSVRC2012_img_train.tar").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        open_dataset(f"ilsvrc:{tmp_path / 'imagenet'}")
    for part in (
        "archives: found ILSVRC2012_img_train.tar; unpack",
        "training images: found none",
        "validation images: found 0",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "train" / WNIDS[0]).rename(root / "train" / "n99999999"), "n99999999; not WordNet ids of the 1,000"),
        (lambda root: (root / "train" / WNIDS[0]).rename(root / "train" / "tench"), "train/tench; not WordNet ids"),
        (lambda root: (root / WRITTEN).unlink(), "ground truth: found none; expected ILSVRC2012_validation_ground_truth.txt"),
        (lambda root: (root / WRITTEN).write_text("2\n1\n3\n"), "3 labels for 6 images; no label for val/ILSVRC2012_val_00000004.JPEG"),
        (lambda root: (root / WRITTEN).write_text("2\n" * 8), "8 labels for 6 images; no image ILSVRC2012_val_00000007"),
        (lambda root: (root / WRITTEN).write_text("2\n1\n0\n3\n1\n2\n"), "'0' in line 3 of"),
        (lambda root: (root / WRITTEN).write_bytes(b"\xff\xfe\x00"), "not text in UTF-8"),
        (lambda root: (root / "val/ILSVRC2012_val_00000002.JPEG").unlink(), "no image ILSVRC2012_val_00000002"),
        (lambda root: (root / "ILSVRC2012_devkit_t12/data/meta.mat").unlink(), "mean nothing without meta.mat"),
        (lambda root: (root / "ILSVRC2012_devkit_t12/data/meta.mat").write_bytes(b"no kit"), "damaged or not that of the kit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(root: Path, change: object, message: str) -> None:
    change(root)  # type: ignore[operator]
    with pytest.raises(UserError) as caught:
        open_dataset(f"ilsvrc:{root}")
    assert message in str(caught.value)
    checked = CliRunner().invoke(datasets, ["check", f"ilsvrc:{root}"])
    assert checked.exit_code == 2


def test_some_classes_take_their_part_of_the_validation_images(root: Path) -> None:
    for path in (root / "train" / WNIDS[1]).iterdir():
        path.unlink()
    (root / "train" / WNIDS[1]).rmdir()
    dataset = open_dataset(f"ilsvrc:{root}")
    assert dataset.classes == ("tench", "chain saw")
    assert dataset.validation is not None and dataset.validation.labels.tolist() == [0, 0, 1, 1]


def test_validation_images_of_a_class_that_training_lacks_are_named(root: Path) -> None:
    for path in (root / "val").iterdir():
        path.unlink()
    for wnid in (*WNIDS, "n03028079"):
        photograph(root / "val" / wnid / "a.JPEG", 9)
    with pytest.raises(UserError, match="of n03028079 there are no training images"):
        open_dataset(f"ilsvrc:{root}")


def test_a_class_folder_that_is_empty_is_named(root: Path) -> None:
    """As an unpacking that broke off leaves it: without it, all later labels would shift."""
    (root / "train" / "n02979186").mkdir()
    with pytest.raises(UserError, match="empty classes: found train/n02979186"):
        open_dataset(f"ilsvrc:{root}")


def test_the_check_prints_what_is_there(root: Path) -> None:
    checked = CliRunner().invoke(datasets, ["check", f"ilsvrc:{root}"])
    assert checked.exit_code == 0, checked.output
    assert "6 of 1,281,167, in 3 of 1,000 classes" in checked.output and WRITTEN in checked.output


def test_the_check_can_decode_every_image(root: Path) -> None:
    good = CliRunner().invoke(datasets, ["check", f"ilsvrc:{root}", "--images"])
    assert good.exit_code == 0 and "validation" in good.output
    cut = root / "val" / "ILSVRC2012_val_00000003.JPEG"
    cut.write_bytes(cut.read_bytes()[:200])
    assert CliRunner().invoke(datasets, ["check", f"ilsvrc:{root}"]).exit_code == 0
    checked = CliRunner().invoke(datasets, ["check", f"ilsvrc:{root}", "--images"])
    assert isinstance(checked.exception, UserError) and "ILSVRC2012_val_00000003.JPEG" in str(checked.exception)


def test_names_in_words() -> None:
    names = class_names()
    assert len(names) == 1000 == len(set(names.values())) and list(names) == sorted(names)
    assert readable(("n01440764", "daisy")) == ("tench", "daisy")


def test_check_of_a_folder_decodes_every_image(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for i in range(4):
            photograph(tmp_path / "photos" / name / f"{i}.jpg", 50)
    Image.new("L", (30, 30), 9).save(tmp_path / "photos" / "a" / "grey.png")
    checked = CliRunner().invoke(datasets, ["check", f"folder:{tmp_path / 'photos'}"])
    assert checked.exit_code == 0 and "Grey images among coloured ones are read as RGB" in checked.output
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "JPEG")
    for name in ("a", "b"):
        (tmp_path / "photos" / name / "cut.jpg").write_bytes(buffer.getvalue()[:300])
    checked = CliRunner().invoke(datasets, ["check", f"folder:{tmp_path / 'photos'}"])
    assert isinstance(checked.exception, UserError) and "2 images cannot be used" in str(checked.exception)
    assert "cut.jpg" in str(checked.exception)
