"""CSV lists as spreadsheets and other people write them."""

import csv
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from alexlab.data.sources.list import read_list
from alexlab.errors import UserError
from alexlab.inference.evaluation import Evaluation
from alexlab.showing import cell, from_cell

FLOWERS = ("rose", "tulip")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a list, and the images that are asked for, into a folder of the test's own."""

    def written(content: str | bytes, *images: str) -> Path:
        for name in images or ("a/1.png", "a/2.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (3, 3)).save(tmp_path / name)
        path = tmp_path / "all.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def understood(path: Path) -> tuple[tuple[str, ...], list[str], str]:
    """The classes, each image's name and class, and the notes as one text."""
    splits, classes, _, _, notes = read_list(path)
    (split,) = splits.values()
    named = [f"{name} {classes[label]}" for name, label in zip(split.images.names, split.labels, strict=True)]
    for i in range(len(split)):
        split.images.picture(i)
    return classes, named, " ".join(notes)


PLAIN = "path,label\na/1.png,rose\na/2.png,tulip\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", " , ").replace("\n", " \r\n"),
        PLAIN.replace("\n", "\r"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        PLAIN.replace("path,label", "Path,LABEL"),
        PLAIN.replace("path,label", '"path","label"'),
        PLAIN.replace("\n", ",,\n") + ",,,\n\n",
        PLAIN.replace("a/", "a\\"),
        PLAIN.replace("a/", ".\\a\\").replace(".\\a", "a"),
        PLAIN.replace("\na/1.png,rose", "\na/1.png,rose ").replace("tulip", " tulip"),
    ],
)
def test_however_it_is_written_it_is_one_list(write: Callable[..., Path], text: str) -> None:
    assert understood(write(text)) == (FLOWERS, ["a/1.png rose", "a/2.png tulip"], "")


@pytest.mark.parametrize("columns", ["filename,class", "file,target", "image,category", "Image_Path,Class Name"])
def test_other_names_of_columns_are_taken_and_said(write: Callable[..., Path], columns: str) -> None:
    classes, _, said = understood(write(PLAIN.replace("path,label", columns)))
    of_path, of_label = columns.split(",")
    assert classes == FLOWERS
    assert said == f"all.csv: the images are those of the column `{of_path}`, the labels of `{of_label}`."


@pytest.mark.parametrize(
    ("encoding", "labels"),
    [
        ("utf_8_sig", ("玫瑰", "café")),
        ("utf_16", ("玫瑰", "café")),
        ("utf_16_le", ("rose", "café")),
        ("utf_16_be", ("rose", "café")),
        ("utf_32", ("玫瑰", "café")),
        ("gb18030", ("玫瑰", "郁金香")),
        ("gb18030", ("猫", "狗")),
        ("big5", ("玫瑰", "鬱金香")),
        ("shift_jis", ("バラ", "たんぽぽ")),
        ("euc_kr", ("장미", "튤립")),
        ("latin_1", ("Löwenzahn", "Gänseblümchen")),
        ("latin_1", ("niño", "maçã")),
        ("cp1251", ("роза", "тюльпан")),
    ],
)
def test_encodings(
    write: Callable[..., Path], encoding: str, labels: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    text = PLAIN.replace("rose", labels[0]).replace("tulip", labels[1])
    classes, _, said = understood(write(text.encode(encoding)))
    assert classes == tuple(sorted(labels))
    assert said == "" if encoding == "utf_8_sig" else labels[1] in said and "save it in UTF-8" in said


def test_the_users_language_decides_where_two_encodings_fit(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(PLAIN.replace("rose", "猫").replace("tulip", "犬").encode("shift_jis"))
    for language, classes in (
        ("ja_JP.UTF-8", ("犬", "猫")),
        ("zh_CN.UTF-8", tuple(sorted("猫犬".encode("shift_jis").decode("gb18030")))),
    ):
        monkeypatch.setenv("LC_ALL", language)
        assert read_list(path)[1] == classes


def test_paths_that_are_absolute(write: Callable[..., Path], tmp_path: Path) -> None:
    inside = write(f"path,label\n{tmp_path}/a/1.png,rose\na/2.png,tulip\n")
    assert understood(inside)[1] == ["a/1.png rose", "a/2.png tulip"]
    listed = tmp_path / "lists" / "all.csv"
    listed.parent.mkdir()
    listed.write_text(f"path,label\n{tmp_path}/a/1.png,rose\n../a/2.png,tulip\n")
    with pytest.raises(UserError, match="line 3 names"):
        listed.write_text(listed.read_text().replace("2.png", "9.png"))
        read_list(listed)
    listed.write_text(f"path,label\n{tmp_path}/a/1.png,rose\n{tmp_path}/a/2.png,tulip\n")
    assert understood(listed)[1] == ["1.png rose", "2.png tulip"]


def test_labels_are_names_not_bytes(write: Callable[..., Path]) -> None:
    text = "path,label\na/1.png,e\u0301tude\na/2.png,\u00e9tude\na/3.png,'=1+1\na/4.png,-1\n"
    classes, named, _ = understood(write(text, *(f"a/{i}.png" for i in range(1, 5))))
    assert classes == ("-1", "=1+1", "étude") and [name.split()[1] for name in named] == [
        "étude",
        "étude",
        "=1+1",
        "-1",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a/1.png,rose\na/2.png,tulip\n", r"its first line is a row already \(a/1.png, rose\)"),
        ("path;label\na/1.png;rose;x\n", "line 2 splits into 3, the first line into 2"),
        ("path,label\na/1.png\n", "line 2 splits into 1, the first line into 2"),
        ("path,label\n", "holds no row"),
        (PLAIN + "a/1.png,tulip\n", "line 4 gives a/1.png the label 'tulip', line 2 'rose'"),
        (
            "path,label\n/home/anna/a/1.png,rose\n",
            "'/home/anna/a/1.png', which is not there. a/1.png is there: cut the beginning",
        ),
        (
            "path,label\nflowers/a/1.png,rose\nflowers/a/2.png,tulip\n",
            r"and 1 of the first 2 rows more\). a/1.png is there",
        ),
        ("1,rose\n2,tulip\n", r"its first line is a row already \(1, rose\)"),
        ('{"a/1.png": "rose"}', "holds JSON; expected CSV"),
        ("a/1.png 0\na/2.png 1\n", "its first line is a row already .*and a comma between"),
        ("image,cat,dog\na/1.png,1,1\n", "line 2 says cat and dog of the classes cat and dog. An image has one label"),
        ("image,cat,dog\na/1.png,0,0\n", "line 2 says none of the classes"),
        (
            "path,label,is_valid\na/1.png,rose,True\na/2.png,tulip,perhaps\n",
            "the split 'perhaps' in the column `is_valid`; expected true or false",
        ),
        ("path,rose,colour\na/1.png,1,red\n", "found the columns path, rose, colour"),
        (
            "path,label\n" + "".join(f"a/{1 + i % 2}.png,{i / 24}\n" for i in range(24)),
            "the labels are numbers such as .* a measured value is no class",
        ),
        (b"\x50\x4b\x03\x04\xff\xfe\x81", "holds a spreadsheet; save it as CSV"),
        (b"path,label\na/1.png,\x81\x8d\xff\x00\xfd\n", "not a text"),
    ],
)
def test_what_is_wrong_is_named(write: Callable[..., Path], text: str | bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_list(write(text))


PARTS = "path,label,{}\na/1.png,rose,{}\na/2.png,tulip,{}\na/3.png,rose,{}\na/4.png,tulip,{}\n"


@pytest.mark.parametrize(
    ("column", "train", "other", "part"),
    [
        ("split", "train", "test", "test"),
        ("data set", "train", "valid", "val"),
        ("Usage", "Training", "PublicTest", "test"),
        ("phase", "TRAIN", "eval", "test"),
        ("is_valid", "False", "True", "val"),
        ("is_test", "0", "1", "test"),
        ("is_train", "yes", "no", "test"),
        ("valid", "0.0", "1.0", "val"),
    ],
)
def test_a_column_of_parts_is_told_by_what_stands_in_it(
    write: Callable[..., Path], column: str, train: str, other: str, part: str
) -> None:
    path = write(PARTS.format(column, train, train, other, other), *(f"a/{i}.png" for i in range(1, 5)))
    read = read_list(path)
    assert {name: list(split.images.names) for name, split in read.splits.items()} == {
        "train": ["a/1.png", "a/2.png"],
        part: ["a/3.png", "a/4.png"],
    }
    assert (f"the parts of `{column}`" in " ".join(read.notes)) == (column != "split")


def test_a_column_that_is_no_split_is_left_aside_and_said(write: Callable[..., Path]) -> None:
    path = write(PARTS.format("fold", 0, 1, 2, 3), *(f"a/{i}.png" for i in range(1, 5)))
    assert "left aside: `fold`." in understood(path)[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,breed\n1,rose\n2,tulip\n", "all.csv: 1 is taken for a/1.png."),
        ("image_id,label\n1.png,rose\n2.png,tulip\n", "all.csv: 1.png is taken for a/1.png."),
        ("fname,kind\na/1,rose\na/2,tulip\n", "all.csv: a/1 is taken for a/1.png."),
        (",photo,name\n0,a/1.png,rose\n1,a/2.png,tulip\n", "the labels of `name`"),
        ("image,rose,tulip\na/1.png,1.0,0.0\na/2.png,0.0,1.0\n", "the names of the columns `rose` and `tulip`"),
    ],
)
def test_lists_of_competitions(write: Callable[..., Path], text: str, said: str) -> None:
    classes, named, notes = understood(write(text))
    assert classes == FLOWERS and named == ["a/1.png rose", "a/2.png tulip"] and said in notes


def test_of_several_folders_with_the_same_names_the_list_says_which(write: Callable[..., Path]) -> None:
    path = write("id,label\n1,rose\n2,tulip\n", *(f"{part}/{i}.png" for part in ("train", "test") for i in (1, 2)))
    with pytest.raises(UserError, match="names '1', which is in test and train. Put the folder before the paths"):
        read_list(path)
    path = path.rename(path.with_name("train_labels.csv"))
    assert understood(path)[1] == ["train/1.png rose", "train/2.png tulip"]


def test_a_label_that_says_that_there_is_none(write: Callable[..., Path]) -> None:
    classes, _, said = understood(write(PLAIN + "a/3.png,nan\n", *(f"a/{i}.png" for i in range(1, 4))))
    assert classes == ("nan", *FLOWERS) and "1 row has the label 'nan', the first in line 4" in said


@pytest.mark.parametrize(
    ("labels", "several"),
    [
        (["cat", "dog", "cat dog", "dog"], "cat dog"),
        (["Edema", "Mass", "Edema|Mass", "Mass"], "Edema|Mass"),
        (["haze primary", "clear primary", "haze primary water", "haze water", "clear water"], "clear primary"),
        (["golden retriever", "labrador retriever", "persian cat", "siamese cat"], ""),
        (["no damage", "damage", "1", "2"], ""),
    ],
)
def test_several_labels_in_one_are_doubted(write: Callable[..., Path], labels: list[str], several: str) -> None:
    rows = "".join(f"a/{i}.png,{label}\n" for i, label in enumerate(labels))
    said = understood(write("path,label\n" + rows, *(f"a/{i}.png" for i in range(5))))[2]
    assert (f"{several!r} reads as several labels in one" in said) if several else said == ""


def test_a_row_that_stands_twice_is_used_once(write: Callable[..., Path]) -> None:
    _, named, said = understood(write(PLAIN + "a/1.png,rose\n"))
    assert named == ["a/1.png rose", "a/2.png tulip"] and said.startswith(
        "all.csv: 1 row named an image of an earlier row"
    )


@settings(deadline=None)
@given(st.text())
def test_any_cell_reads_back(text: str) -> None:
    assert from_cell(cell(text)) == text


LABELS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(st.lists(LABELS, min_size=2, max_size=4), st.sampled_from(",;\t|"), st.sampled_from(["utf-8-sig", "utf-16"]))
def test_any_label_in_any_form_of_list(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], separator: str, encoding: str
) -> None:
    wanted = [unicodedata.normalize("NFC", label) for label in labels]
    assume(len(set(wanted)) > 1)
    folder = tmp_path_factory.mktemp("any")
    with (folder / "all.csv").open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(("path", "label"))
        for i, label in enumerate(labels):
            (folder / f"{i}.png").touch()
            writer.writerow((f"{i}.png", cell(label)))
    splits, classes, *_ = read_list(folder / "all.csv")
    assert [classes[label] for label in splits["all"].labels] == wanted


@pytest.mark.parametrize(
    "text", ["=1+1", "+x", "-x", "@sum", "'=1+1", "''-x", "'quoted'", "-1", "+2.5e3", "-", "rose", ""]
)
def test_a_cell_reads_back_and_is_no_formula(text: str) -> None:
    assert from_cell(cell(text)) == text
    assert cell(text)[:1] not in ("=", "@") and (cell(text) == text or cell(text) == f"'{text}")


def test_predictions_of_a_class_like_a_formula_read_back(tmp_path: Path) -> None:
    import torch

    from alexlab.inference.evaluation import from_logits

    names = ("=HYPERLINK(1)", "b.png")
    found: Evaluation = from_logits(
        torch.tensor([[0.75, 0.25], [0.5, 0.5]]).log(), torch.tensor([0, 1]), "test", ("=1+1", "b"), names
    )
    rows = list(csv.DictReader(found.table().splitlines()))
    assert (
        rows[0]["image"] == "'=HYPERLINK(1)"
        and rows[0]["class"] == "'=1+1"
        and from_cell(rows[0]["predicted"]) == "=1+1"
    )
