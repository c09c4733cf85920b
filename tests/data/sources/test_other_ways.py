"""Where no folder is a class, the error says what lies there that has the labels."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from alexlab.data.opening import open_dataset
from alexlab.data.sources.folder import read_folder
from alexlab.errors import UserError


def competition(root: Path) -> None:
    for part in ("train", "test"):
        (root / part).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (3, 3), i).save(root / part / f"{i:02}a.png")
    (root / "sample_submission.csv").write_text("id,label\n")
    (root / "train_labels.csv").write_text("id,label\n00a,cat\n01a,dog\n02a,cat\n03a,dog\n")


def metadata(root: Path) -> None:
    (root / "train").mkdir(parents=True)
    Image.new("L", (3, 3)).save(root / "train" / "0.png")
    (root / "train" / "metadata.csv").write_text("file_name,label\n0.png,cat\n")


def names(root: Path) -> None:
    for part in ("train", "test1"):
        (root / part).mkdir(parents=True)
    for i in range(4):
        Image.new("L", (3, 3), i).save(root / "train" / f"{('cat', 'guinea pig')[i % 2]}.{i}.png")
        Image.new("L", (3, 3), i).save(root / "test1" / f"{i}.png")


def archive(root: Path) -> None:
    root.mkdir()
    (root / "train.zip").write_bytes(b"")


def arrays(root: Path) -> None:
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "0.npy").write_bytes(b"")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (competition, "If train_labels.csv has the labels, say list:d/train_labels.csv."),
        (metadata, "If train/metadata.csv has the labels, say list:d/train/metadata.csv."),
        (names, "Names of files begin with cat and guinea pig: if these are the classes"),
        (archive, "If the images are in train.zip, say folder:d/train.zip."),
        (arrays, "Pictures in .npy are not read: write each of them as a PNG file."),
    ],
)
def test_what_lies_there_is_named(made: Callable[[Path], None], says: str) -> None:
    made(Path("d"))
    with pytest.raises(UserError) as folder:
        open_dataset("folder:d")
    assert says in str(folder.value)
    with zipfile.ZipFile("d.zip", "w") as packed:
        for file in sorted(path for path in Path("d").rglob("*") if path.is_file()):
            packed.write(file, file.relative_to("d"))
    with pytest.raises(UserError) as zipped:
        open_dataset("folder:d.zip")
    assert says.replace("say list:d/", "unpack d.zip and say list:").replace(
        "say folder:d/", "unpack d.zip and say folder:"
    ) in str(zipped.value)


def test_the_list_that_is_named_is_read() -> None:
    competition(Path("d"))
    dataset = open_dataset("list:d/train_labels.csv")
    assert dataset.classes == ("cat", "dog") and all(name.startswith("train/") for name in dataset.train.images.names)


def test_an_archive_that_is_not_read() -> None:
    Path("d.7z").write_bytes(b"7z")
    with pytest.raises(UserError, match="found a file; expected a folder or an archive .* Unpack it"):
        read_folder(Path("d.7z"))


def test_a_folder_called_with_a_tilde() -> None:
    for each in ("cat", "dog"):
        Path("~nobody-at-all", each).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (3, 3), i).save(Path("~nobody-at-all", each, f"{i}.png"))
    assert open_dataset("folder:~nobody-at-all").classes == ("cat", "dog")
    with pytest.raises(UserError, match="was not found"):
        open_dataset("folder:~nobody-else")
