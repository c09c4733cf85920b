"""ILSVRC-2012 as it is distributed: `ilsvrc:PATH`, a folder or a tar of it, whole or some of its classes.

    train/n01440764/n01440764_10026.JPEG ...         by WordNet id, in a folder called train or ILSVRC2012_img_train
    val/ILSVRC2012_val_00000001.JPEG ...             flat, with the official ground truth; or val/n01440764/... by WordNet id
    ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt    line i: the ILSVRC2012_ID of image i
    ILSVRC2012_devkit_t12/data/meta.mat              which WordNet id an ILSVRC2012_ID is (or map_clsloc.txt of later kits)

or, in place of the kit, Kaggle's LOC_val_solution.csv. Where these lie below PATH does not matter. Labels follow the sorted
WordNet ids, as in Caffe, torchvision and Keras; ILSVRC2012_IDs have another order, which is why the kit is needed.
"""

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import ARCHIVES, Files, open_files
from alexlab.errors import UserError

NUMBER = re.compile(r"[0-9]{1,9}")
WNID = re.compile(r"n\d{8}")
VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.jpe?g", re.IGNORECASE)
TRAIN_FOLDERS, VAL_FOLDERS = ("train", "ILSVRC2012_img_train"), ("val", "ILSVRC2012_img_val", "validation")
GROUND_TRUTH, SOLUTION = "ILSVRC2012_validation_ground_truth.txt", "LOC_val_solution.csv"
META, MAP = "meta.mat", "map_clsloc.txt"
TRAIN_IMAGES, VAL_IMAGES = 1_281_167, 50_000
MOST_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One line of the check: what was looked for, what was found, and what is wrong with it ("" for nothing)."""

    what: str
    found: str
    problem: str = ""


@dataclass(frozen=True)
class Survey:
    """What lies in a folder: image names by WordNet id, and the findings of the check."""

    files: Files
    train: dict[str, list[str]]
    val: dict[str, list[str]]
    findings: tuple[Finding, ...]


@cache
def class_names() -> dict[str, str]:
    """Return the 1,000 classes: WordNet id to name, in the order of the labels."""
    text = (package_files("alexlab.data.sources") / "ilsvrc-classes.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {wnid: name for wnid, _, name in (line.partition(" ") for line in lines)}


def readable(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of classes for people: of folders named by WordNet id the names in words, of others what they are."""
    return tuple(class_names().get(each, each) for each in classes)


def read_ilsvrc(path: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Return the splits "train" and "val" and the class names of ILSVRC at `path`.

    Raises:
        UserError: everything that is missing or does not fit, in one message.
    """
    found = survey(path)
    if problems := [each for each in found.findings if each.problem]:
        listed = "\n  ".join(f"{each.what}: found {each.found}; {each.problem}" for each in problems)
        raise UserError(f"{path}: not ILSVRC-2012 as it is distributed:\n  {listed}")
    wnids = sorted(found.train)
    splits = {
        split: _split(found.files, images, wnids) for split, images in (("train", found.train), ("val", found.val))
    }
    return splits, tuple(class_names()[wnid] for wnid in wnids)


def _split(files: Files, images: dict[str, list[str]], wnids: list[str]) -> Split:
    names = [name for wnid in wnids for name in images.get(wnid, [])]
    labels = np.repeat(np.arange(len(wnids)), [len(images.get(wnid, [])) for wnid in wnids])
    return Split(FileImages(files, names), labels.astype(np.int64))


def survey(path: Path) -> Survey:
    """Look at what lies at `path`, without decoding an image. Raises UserError only where nothing can be read there."""
    files = open_files(path)
    train: dict[str, list[str]] = defaultdict(list)
    val: dict[str, list[str]] = defaultdict(list)
    flat: dict[int, str] = {}
    strange: set[str] = set()
    for name in files.names:
        *above, last = name.split("/")
        if (flat_image := VAL_IMAGE.fullmatch(last)) and not (above and WNID.fullmatch(above[-1])):
            flat[int(flat_image[1])] = name
            continue
        if len(above) < 2 or not last.lower().endswith((".jpeg", ".jpg")):
            continue
        split = train if above[-2] in TRAIN_FOLDERS else val if above[-2] in VAL_FOLDERS else None
        if split is None:
            continue
        if above[-1] in class_names():
            split[above[-1]].append(name)
        else:
            strange.add(f"{above[-2]}/{above[-1]}")
    findings = [_packed(files), _strange(strange), _empty(files, train, val), _train(train)]
    if flat and not val:
        labelled, truth = _ground_truth(files, flat)
        for number, wnid in sorted(labelled.items()):
            if wnid in train or not train:
                val[wnid].append(flat[number])
        findings.append(truth)
    findings.append(_val(val, train, flat))
    return Survey(files, dict(train), dict(val), tuple(each for each in findings if each is not None))


def _packed(files: Files) -> Finding | None:
    packed = [
        name for name in files.names if name.lower().endswith(ARCHIVES) and ("ILSVRC2012" in name or WNID.search(name))
    ]
    if not packed:
        return None
    return Finding(
        "archives", _some(packed), "unpack them: the training tar holds a tar for each class, each to be unpacked into "
        "train/WNID, the validation tar goes into val."
    )  # fmt: skip


def _strange(strange: set[str]) -> Finding | None:
    if not strange:
        return None
    return Finding(
        "classes", _some(sorted(strange)), "not WordNet ids of the 1,000 classes of ILSVRC-2012. Remove these folders, or "
        "use folder:PATH for classes of your own."
    )  # fmt: skip


def _empty(files: Files, train: dict[str, list[str]], val: dict[str, list[str]]) -> Finding | None:
    """Class folders without an image, as an unpacking that was interrupted leaves them: the labels of all later classes would shift."""
    empty = []
    for folder in files.folders:
        *above, last = folder.split("/")
        split = train if above and above[-1] in TRAIN_FOLDERS else val if above and above[-1] in VAL_FOLDERS else None
        if split is not None and last in class_names() and last not in split:
            empty.append(f"{above[-1]}/{last}")
    return (
        Finding("empty classes", _some(sorted(empty)), "no images there; unpack them again, or remove the folders.")
        if empty
        else None
    )


def _train(train: dict[str, list[str]]) -> Finding:
    if not train:
        return Finding(
            "training images", "none", f"expected {' or '.join(TRAIN_FOLDERS)}, a folder for each WordNet id in it."
        )
    images = sum(map(len, train.values()))
    problem = "at least two classes are needed." if len(train) < 2 else ""
    return Finding("training images", f"{images:,} of {TRAIN_IMAGES:,}, in {len(train):,} of 1,000 classes", problem)


def _val(val: dict[str, list[str]], train: dict[str, list[str]], flat: dict[int, str]) -> Finding:
    images = sum(map(len, val.values()))
    found = f"{images:,} of {VAL_IMAGES:,}" if images or not flat else f"{len(flat):,} without labels"
    problem = ""
    if not images and not flat:
        problem = (
            f"expected {VAL_FOLDERS[0]}/ILSVRC2012_val_00000001.JPEG and so on, or a folder for each WordNet id in it."
        )
    elif not images:
        problem = "see the ground truth."
    elif extra := sorted(set(val) - set(train)):
        problem = f"of {_some(extra)} there are no training images." if train else ""
    return Finding("validation images", found, problem)


def _ground_truth(files: Files, flat: dict[int, str]) -> tuple[dict[int, str], Finding]:
    """Return the WordNet id of each validation image by its number, and the finding. Empty where there is a problem."""
    where = {
        name.rpartition("/")[2]: name for name in files.names if name.endswith((GROUND_TRUTH, SOLUTION, META, MAP))
    }
    try:
        if GROUND_TRUTH in where:
            found = f"{where[GROUND_TRUTH]}"
            labels = _official(files, where, len(flat))
        elif SOLUTION in where:
            found = where[SOLUTION]
            labels = _solution(_text(files, where[SOLUTION]))
        else:
            raise _Problem(
                "none", f"expected {GROUND_TRUTH} (in the development kit, ILSVRC2012_devkit_t12.tar.gz: unpack it here) "
                f"or {SOLUTION}.",
            )  # fmt: skip
        if missing := sorted(set(labels) - set(flat)):
            raise _Problem(
                f"{len(labels):,} labels for {len(flat):,} images", f"no image {_some([f'ILSVRC2012_val_{n:08}' for n in missing])}. "
                "Fetch the validation images again.",
            )  # fmt: skip
        if unlabelled := sorted(set(flat) - set(labels)):
            raise _Problem(
                f"{len(labels):,} labels for {len(flat):,} images", f"no label for {_some([flat[n] for n in unlabelled])}. Is the list "
                "that of these images?",
            )  # fmt: skip
    except _Problem as problem:
        return {}, Finding("ground truth", problem.found, problem.text)
    return labels, Finding("ground truth", f"{found}, {len(labels):,} labels")


class _Problem(Exception):
    def __init__(self, found: str, text: str) -> None:
        self.found, self.text = found, text


def _official(files: Files, where: dict[str, str], images: int) -> dict[int, str]:
    wnid_of = _ids(files, where)
    labels = {}
    lines = _text(files, where[GROUND_TRUTH]).split()
    for number, line in enumerate(lines, start=1):
        if not NUMBER.fullmatch(line) or int(line) not in wnid_of:
            raise _Problem(
                f"{line[:60]!r} in line {number} of {where[GROUND_TRUTH]}",
                f"expected an ILSVRC2012_ID, 1 to {len(wnid_of):,}.",
            )
        labels[number] = wnid_of[int(line)]
    return labels


def _ids(files: Files, where: dict[str, str]) -> dict[int, str]:
    """WordNet id of each ILSVRC2012_ID."""
    if MAP in where:
        rows = [line.split() for line in _text(files, where[MAP]).splitlines() if line.strip()]
        if any(len(row) < 2 or not NUMBER.fullmatch(row[1]) for row in rows):
            raise _Problem(where[MAP], "expected lines of a WordNet id, its number and a name.")
        found = {int(row[1]): row[0] for row in rows}
    elif META in where:
        found = _meta(files.read(where[META]), where[META])
    else:
        raise _Problem(
            f"{GROUND_TRUTH} without {META}", f"its numbers mean nothing without {META} of the same kit. Put it beside."
        )
    known = {number: wnid for number, wnid in found.items() if wnid in class_names()}
    if not known:
        raise _Problem(_some([str(wnid) for wnid in found.values()]), "not WordNet ids of the 1,000 classes.")
    return known


def _meta(data: bytes, name: str) -> dict[int, str]:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise _Problem(name, "reading it needs scipy: pip install 'alexlab[ilsvrc]'.") from None
    try:
        synsets = np.atleast_1d(loadmat(io.BytesIO(data), squeeze_me=True)["synsets"])
        return {int(each["ILSVRC2012_ID"]): str(each["WNID"]) for each in synsets if int(each["num_children"]) == 0}
    except Exception as error:  # whatever the reader stumbles over in bytes that are no such file
        raise _Problem(name, f"it is damaged or not that of the kit ({error}). Unpack the kit again.") from None


def _solution(text: str) -> dict[int, str]:
    labels = {}
    for line, row in enumerate(csv.reader(io.StringIO(text)), start=1):
        if line == 1 and row and row[0] == "ImageId":
            continue
        image = VAL_IMAGE.fullmatch(f"{row[0]}.JPEG") if len(row) == 2 else None
        wnid = row[1].split(" ")[0] if image else ""
        if image is None or wnid not in class_names():
            raise _Problem(
                f"{','.join(row)[:60]!r} in line {line} of {SOLUTION}",
                "expected an image and the WordNet id of its class.",
            )
        labels[int(image[1])] = wnid
    return labels


def _text(files: Files, name: str) -> str:
    try:
        return files.read(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Problem(name, "it is not text in UTF-8.") from None


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")
