"""What gives a good figure without a look at the pictures is said; of good data nothing is."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import alexlab
from alexlab.cli.datasets import datasets
from alexlab.data.opening import open_dataset
from alexlab.data.shortcuts import shortcuts


def write(path: str, size: int = 20, mode: str = "RGB") -> None:
    seed = np.random.default_rng(list(path.encode()))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(seed.integers(0, 256, (size, size, 3), dtype=np.uint8)).convert(mode).save(path)


def said(name: str = "folder:d") -> list[str]:
    dataset = open_dataset(name)
    held_out = {"test": dataset.test} if dataset.test else {}
    return shortcuts(dataset.train, held_out, dataset.classes, 3)


def test_one_class_that_is_nearly_all() -> None:
    for i in range(95):
        write(f"d/sound/{i}.png")
    for i in range(5):
        write(f"d/broken/{i}.png")
    (only,) = said()
    assert only.startswith(
        "95% of the training images are sound: to answer nothing but sound is an accuracy of 0.9500 on the test"
    )
    for i in range(5, 40):
        write(f"d/broken/{i}.png")
    assert said() == []


@pytest.mark.parametrize(
    "behind", ["_mask", "_seg", "_mask_1", "-label", "_GT", " mask", ".mask", "_segmentation0", "(mask)"]
)
def test_masks_beside_the_images(behind: str) -> None:
    for each in ("benign", "malignant"):
        for i in range(10):
            write(f"d/{each}/{each} ({i}).png")
            write(f"d/{each}/{each} ({i}){behind}.png")
    (only,) = said()
    assert only.startswith("20 images have the name of another") and f"{behind}.png of benign/benign (" in only


def test_copies_on_both_sides_of_the_split() -> None:
    for each in ("cat", "dog"):
        for i in range(10):
            for behind in ("", "_flipped", "_rot90", "_rot180"):
                write(f"d/{each}/IMG_{i}{behind}.png")
            write(f"roboflow/{each}/IMG_{i}_jpg.rf.{i:032x}.png")
            write(f"roboflow/{each}/IMG_{i}_jpg.rf.{i + 16:032x}.png")
            write(f"parted/train/{each}/IMG_{i}.png")
            write(f"parted/train/{each}/IMG_{i}_flipped.png")
            write(f"parted/test/{each}/IMG_{i + 10}.png")
    (only,) = said()
    assert "have the name of one in another part and `_" in only
    (only,) = said("folder:roboflow")
    assert ".rf." in only
    assert said("folder:parted") == []  # copies of training images alone are what augmentation is


def test_names_that_share_a_beginning_are_no_copies() -> None:
    for each in ("cat", "dog"):
        for i in range(10):
            write(f"d/{each}/n{i}.png")
            write(f"d/{each}/n{i}_{i + 1}.png")
        write(f"d/{each}/n0_siamese.png")
    assert said() == []


def test_classes_whose_files_differ_in_form() -> None:
    for i in range(10):
        write(f"grey/scan/{i}.png", mode="L")
        write(f"grey/photo/{i}.png")
        write(f"size/scan/{i}.png", size=31)
        write(f"size/photo/{i}.png", size=20 + i % 2)
        write(f"format/scan/{i}.jpg")
        write(f"format/photo/{i}.{('png', 'jpg')[i % 2]}")
        write(f"format/drawing/{i}.bmp")
        write(f"mixed/scan/{i}.png", mode="L" if i != 1 else "RGB")
        write(f"mixed/photo/{i}.png", mode="L" if i in (3, 4, 5, 6) else "RGB")
    assert "(photo coloured, scan grey;" in said("folder:grey")[0]
    assert "(scan 31x31 pixels;" in said("folder:size")[0]
    assert "(drawing BMP;" in said("folder:format")[0]
    assert said("folder:mixed") == []


def test_it_is_said_before_a_training_and_in_check() -> None:
    for i in range(14):
        write(f"d/scan/{i}.png", mode="L")
        write(f"d/photo/{i}.png")
    checked = CliRunner().invoke(datasets, ["check", "folder:d"])
    assert checked.exit_code == 0 and "told by the form of their files" in checked.output
    run = alexlab.train("lenet-relu", "folder:d", input=[3, 20, 20], steps=1, device="cpu", out="run")
    assert any("told by the form of their files" in doubt for doubt in run.facts["doubts"])
