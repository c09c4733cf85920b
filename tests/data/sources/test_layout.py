"""How folders are understood: which are parts, which are classes, what is left out, and what is refused."""

import io
import tarfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from alexlab.data.images import Dataset
from alexlab.data.opening import open_dataset
from alexlab.data.sources import names
from alexlab.data.sources.names import part
from alexlab.errors import UserError


def picture(number: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), number % 256, np.uint8)).save(file, kind)
    return file.getvalue()


def write(root: Path, *names: str) -> Path:
    """Files of these names: pictures where their ending says so, each another, else a line of text."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number) if path.suffix.lower() in (".png", ".jpg") else b"text\n")
    return root


def folders(*classes: str, each: int = 3) -> list[str]:
    return [f"{name}/{i}.png" for name in classes for i in range(each)]


def counts(dataset: Dataset) -> list[int | None]:
    return [None if split is None else len(split) for split in (dataset.train, dataset.validation, dataset.test)]


def left(dataset: Dataset) -> dict[str, int]:
    return {reason: each.count for reason, each in dataset.left_out.items()}


@pytest.mark.parametrize(
    ("train", "other"),
    [
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("dataset_A_fold_train", "dataset_A_fold_holdout"),
        ("TrainImages", "EvalImages"),
        ("01-train", "02-tst"),
        ("训练集", "测试集"),
        ("entraînement", "test"),
        ("Обучение", "тест"),
    ],
)
def test_parts_are_told_by_structure_and_called_by_words(tmp_path: Path, train: str, other: str) -> None:
    names = [*folders(f"{train}/cat", f"{train}/dog"), *folders(f"{other}/cat", f"{other}/dog", each=2)]
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert dataset.classes == ("cat", "dog") and counts(dataset) == [6, None, 4]
    assert dataset.division == f"the folders {train} (training) and {other} (test)"


def test_a_flat_folder_beside_the_parts_is_left_out_and_said(tmp_path: Path) -> None:
    names = [*folders("seg_train/cat", "seg_train/dog", "seg_test/cat", "seg_test/dog"), *folders("seg_pred", each=7)]
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert counts(dataset) == [6, None, 6] and left(dataset) == {"without labels, in seg_pred": 7}


def test_a_flat_test_folder_is_left_out_and_a_test_held_out_of_the_training_images(tmp_path: Path) -> None:
    names = [*folders("train/cat", "train/dog", each=5), *folders("test", each=7)]
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert dataset.classes == ("cat", "dog") and counts(dataset) == [8, None, 2]
    assert left(dataset) == {"without labels, in test": 7}


def test_a_part_that_lacks_a_class_is_said(tmp_path: Path) -> None:
    names = folders("train/a", "train/b", "train/c", "valid/a", "valid/b", "test/a", "test/c")
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert counts(dataset) == [9, 6, 6]
    assert dataset.notes == (
        "no validation image has the label c: nothing is said of it there.",
        "no test image has the label b: nothing is said of it there.",
    )


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            folders("one/a", "one/b", "two/a", "two/b"),
            "one and two hold the same folders .a and b.*train, val and test.*classes:",
        ),
        (folders("rose/small", "rose/large", "tulip/small", "tulip/large"), "rose and tulip hold the same folders"),
        (folders("train/a", "train/b", "more/a", "more/b"), "train is called training images, and more holds the same"),
        (folders("train1/a", "train1/b", "train2/a", "train2/b"), "train1 and train2 are all called training images"),
        (folders("train/a", "train/b", "test/a", "test/b", "eval/a", "eval/b"), "eval and test are both called test"),
        (folders("train", "test"), "test and train are parts of a dataset by their names, and hold images without"),
        (
            folders("rose/train", "rose/test", "tulip/train", "tulip/test"),
            "each of rose and tulip is divided into test and",
        ),
        ([*folders("train/a", "train/b"), *folders("pictures")], "pictures holds none: is it a part or a class"),
        (folders("train/Rose", "train/tulip", "test/rose", "test/tulip"), "they have 'Rose'. Call both alike"),
        ([*folders("train/a", "train/b"), "test/list.csv"], "test/ holds no images"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path: Path, names: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        open_dataset(f"folder:{write(tmp_path / 'd', *names)}")


def test_folders_that_are_said_to_be_classes_are(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *folders("rose/small", "rose/large", "tulip/small", "tulip/large"))
    assert open_dataset(f"classes:{folder}").classes == ("rose", "tulip")
    vehicles = write(tmp_path / "v", *folders("train", "bus", "tests"))
    assert open_dataset(f"folder:{vehicles}").classes == ("bus", "tests", "train")


def test_folders_of_images_in_every_class_are_no_parts(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *folders('rose/images', 'tulip/images', 'poppy/images'))}")
    assert dataset.classes == ("poppy", "rose", "tulip") and dataset.notes == ()


def test_words_of_parts() -> None:
    assert [part(each) for each in ("validation", "X_val", "devset", "held-out", "训练", "Test2014")] == [
        "val", "val", "val", "test", "train", "test",
    ]  # fmt: skip
    for other in ("latest", "contest", "trainer", "train_test", "valley", "invalid", "rose", "trained"):
        assert part(other) is None, other


def test_what_is_left_out_is_counted_by_its_reason(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "d",
        *folders("rose", "tulip", each=5),
        *(
            "rose/notes.txt",
            "rose/more.TXT",
            "rose/README",
            "beside.png",
            ".cache/1.png",
            "rose/.ipynb_checkpoints/1.png",
        ),
        *("__MACOSX/rose/1.png", "tulip/Thumbs.db", "@eaDir/1.png", "annotations/1.xml"),
    )
    dataset = open_dataset(f"folder:{folder}")
    assert counts(dataset) == [8, None, 2]
    assert left(dataset) == {
        "hidden, or a system's": 5,
        "ending .txt": 2,
        "beside the classes": 1,
        "ending .xml": 1,
        "no ending, and no image": 1,
    }
    assert dataset.left_out["ending .txt"].examples == ("rose/more.TXT", "rose/notes.txt")
    assert dataset.notes == ("annotations/ holds no images: it is no class.",)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *folders("rose", "tulip"))
    (folder / "rose" / "more.AVIF").write_bytes(picture(9, "AVIF"))
    dataset = open_dataset(f"folder:{folder}", whole=True)
    row = list(dataset.train.images.names).index("rose/more.AVIF")
    assert dataset.train.images.picture(row).size == (4, 4) and left(dataset) == {}


def test_heic_is_counted_and_said_where_nothing_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "IMAGE_ENDINGS", tuple(each for each in names.IMAGE_ENDINGS if each != ".heic"))
    folder = write(tmp_path / "d", *folders("rose", "tulip"), "rose/IMG_1.HEIC", "tulip/IMG_2.heic")
    dataset = open_dataset(f"folder:{folder}")
    assert left(dataset) == {"ending .heic": 2}
    assert dataset.notes == ("2 .heic files are left out: `pip install alexlab[heic]` reads them.",)
    write(folder, "poppy/IMG_3.heic")
    with pytest.raises(
        UserError, match=r"the class poppy holds no images \(1 .heic; `pip install alexlab.heic.` reads .heic\)"
    ):
        open_dataset(f"folder:{folder}")


def test_a_class_without_images_is_refused_by_what_it_holds(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *folders("rose", "tulip"), "poppy/1.raw", "poppy/2.raw", "poppy/3.txt")
    with pytest.raises(UserError, match=r"the class poppy holds no images \(2 .raw and 1 .txt\)"):
        open_dataset(f"folder:{folder}")


def test_copies_that_programs_make_are_left_out_and_said(tmp_path: Path) -> None:
    names = folders("rose", "tulip", "rose/thumbnails", "thumbs/rose", "thumbs/tulip", each=5)
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert dataset.classes == ("rose", "tulip") and counts(dataset) == [8, None, 2]
    assert left(dataset) == {
        "copies, in thumbs": 10,
        "copies, in thumbnails": 5,
    }


def test_a_dataset_within_itself_counts_once(tmp_path: Path) -> None:
    """As some archives of plants are packed; of the same names with other images nobody can tell."""
    names = folders("rose", "tulip", "poppy", each=5)
    folder = write(tmp_path / "d", *names, *(f"flowers/{name}" for name in names))
    dataset = open_dataset(f"folder:{folder}")
    assert dataset.classes == ("poppy", "rose", "tulip") and counts(dataset) == [12, None, 3]
    assert left(dataset) == {"copies, in flowers": 15}
    folder = write(
        tmp_path / "e", *names, *(f"flowers/{name}/new{i}.png" for name in ("rose", "tulip") for i in range(3))
    )
    with pytest.raises(UserError, match="flowers holds folders of the same names as those beside it .rose and tulip."):
        open_dataset(f"folder:{folder}")


def test_parts_and_datasets_in_a_folder_of_their_own_are_stepped_into(tmp_path: Path) -> None:
    names = folders(
        *(f"{part}/{part}/{name}" for part in ("seg_train", "seg_test") for name in "ab"), "seg_pred/seg_pred"
    )
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert dataset.classes == ("a", "b") and counts(dataset) == [6, None, 6]
    assert left(dataset) == {"without labels, in seg_pred": 3}
    names = [*folders("images/rose", "images/tulip", each=5), "labels/rose/1.txt", "README.md", "labels.csv"]
    dataset = open_dataset(f"folder:{write(tmp_path / 'e', *names)}")
    assert dataset.classes == ("rose", "tulip") and counts(dataset) == [8, None, 2]
    names = [*folders("train/a", "train/b"), *folders("unlabeled")]
    assert left(open_dataset(f"folder:{write(tmp_path / 'f', *names)}")) == {"without labels, in unlabeled": 3}


def test_a_class_may_be_called_as_copies_are(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *folders('fingers', 'thumbs', 'palms', each=5))}")
    assert dataset.classes == ("fingers", "palms", "thumbs") and "thumbs is called as programs" in dataset.notes[0]


def test_names_that_look_alike_are_one_class(tmp_path: Path) -> None:
    whole, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    names = folders(f"train/{whole}", "train/tea", f"test/{apart}", "test/tea")
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *names)}")
    assert dataset.classes == (whole, "tea") and counts(dataset) == [6, None, 6]


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write(tmp_path / 'd', *folders('ros' + chr(0xDCFF), 'tulip'))}")
    assert dataset.classes == ("ros\udcff", "tulip")


def test_each_file_counts_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *folders("rose", "tulip", each=5))
    (folder / "latest").symlink_to("rose")
    (folder / "new").mkdir()
    (folder / "new" / "1.png").symlink_to("../rose/1.png")
    (folder / "tulip" / "again.png").hardlink_to(folder / "tulip" / "0.png")
    dataset = open_dataset(f"folder:{folder}")
    assert dataset.classes == ("rose", "tulip") and counts(dataset) == [8, None, 2]
    assert left(dataset) == {"another link to a file that is there": 2, "a link to a folder that is there": 1}
    assert dataset.left_out["a link to a folder that is there"].examples == ("latest",)
    assert dataset.notes == ("new/ holds nothing but links to images that are there: it is no class.",)


def test_parts_may_be_links_to_files_beside_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *(f"all/{i}.png" for i in range(8)))
    for i in range(8):
        link = folder / ("train" if i < 4 else "test") / "ab"[i % 2] / f"{i}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../all/{i}.png")
    dataset = open_dataset(f"folder:{folder}")
    assert counts(dataset) == [4, None, 4] and left(dataset) == {"without labels, in all": 8}


def test_lists_and_shards_call_parts_by_the_same_words(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", *folders("rose", "tulip"))
    rows = [
        f"{name}/{i}.png,{name},{word}"
        for name in ("rose", "tulip")
        for i, word in enumerate(("Training", "dev", "hold-out"))
    ]
    (folder / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    assert counts(open_dataset(f"list:{folder / 'list.csv'}")) == [2, 2, 2]
    for word in ("train", "testing"):
        with tarfile.open(tmp_path / f"flowers-{word}-000.tar", "w") as tar:
            for number, label in enumerate(b"01"):
                for ending, content in (("png", picture(number)), ("cls", bytes([label]))):
                    info = tarfile.TarInfo(f"{number}.{ending}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    assert counts(open_dataset(f"shards:{tmp_path}")) == [2, None, 2]
