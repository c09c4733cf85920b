"""What makes figures look better than the network is: one class that is nearly all, copies of images, classes told by their files' form.

A network that answers with the class of most images, that has seen a picture's copy or mask, or that tells a grey class from a
coloured one is right on the test, and knows nothing of what is in the pictures.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from alexlab.data.images import FileImages, Images, Split
from alexlab.data.input.decode import FORMATS
from alexlab.errors import UserError
from alexlab.showing import listed, shown

NEARLY_ALL = 0.8  # of the training images, of one class
FEWEST_PAIRS = 3  # with the same words behind the name: less is chance
FEWEST_SEEN, MOST_OF_A_CLASS, MOST_SEEN = 8, 16, 320  # files whose heads are looked at: of a class, and in all

_SEPARATED = re.compile(r"[ _.\-(]+")
_WORDS = re.compile(r"[ _.\-(]+[^\W\d_]{2,}[\w .\-()]*")
_MASK = re.compile(
    r"(?:^|[\W_])(?:masks?|seg|segmentations?|gt|groundtruth|labels?|annotations?|annot|overlays?|heatmaps?|trimap)(?![^\W\d_])",
    re.I,
)
_ROBOFLOW = re.compile(r"(?:_(?:jpe?g|png|bmp|webp))?\.rf\.[0-9a-f]{16,}$", re.I)

Pair = tuple[str, int, int]
"""The words behind an image's name, its number among all, and that of the image whose name it has."""


def shortcuts(train: Split, held_out: Mapping[str, Split], classes: Sequence[str], named: int) -> list[str]:
    """Return a sentence for each way to a good figure that does not lead through the pictures; none where there is none."""
    if len(classes) < 2:
        return []
    return [
        *_nearly_all(train, held_out, classes),
        *_made_of_others({"training": train, **held_out}, named),
        *_told_by_form(train, classes),
    ]


def _nearly_all(train: Split, held_out: Mapping[str, Split], classes: Sequence[str]) -> Iterator[str]:
    counts = np.bincount(train.labels, minlength=len(classes))
    most = int(counts.argmax())
    if not len(train) or counts[most] < NEARLY_ALL * len(train):
        return
    what, on = ("test", held_out["test"]) if "test" in held_out else next(iter(held_out.items()), ("training", train))
    share = float((on.labels == most).mean()) if len(on) else 0.0
    name = shown(classes[most])
    yield (
        f"{counts[most] / len(train):.0%} of the training images are {name}: to answer nothing but {name} is an accuracy of {share:.4f} "
        f"on the {what} images. The figures of each class say more."
    )


def _made_of_others(parts: Mapping[str, Split], named: int) -> Iterator[str]:
    """Yield sentences on images that have another's name and something behind it, such as x_mask.png beside x.png."""
    splits = {what: split for what, split in parts.items() if isinstance(split.images, FileImages)}
    part = [what for what, split in splits.items() for _ in range(len(split))]
    names = [name for split in splits.values() for name in split.images.names]
    labels = [label for split in splits.values() for label in split.labels.tolist()]
    pairs = list(_pairs(names, labels))
    often = Counter(words for words, _, _ in pairs)
    pairs = [pair for pair in pairs if often[pair[0]] >= FEWEST_PAIRS]
    masks = [pair for pair in pairs if _MASK.search(pair[0])]
    if masks:
        yield (
            f"{len(masks):,} images have the name of another and `{shown(masks[0][0])}` behind it "
            f"({_examples(masks, names, named)}): if they are no pictures of their class but drawn over one, move them out of its folder."
        )
    divided = [pair for pair in pairs if not _MASK.search(pair[0]) and part[pair[1]] != part[pair[2]]]
    if divided:
        yield (
            f"{len(divided):,} images have the name of one in another part and `{shown(divided[0][0])}` behind it "
            f"({_examples(divided, names, named)}): if they were made of it, what is measured says little of new images. Divide the "
            "pictures before copies are made of them."
        )


def _pairs(names: Sequence[str], labels: Sequence[int]) -> Iterator[Pair]:
    paths = [PurePosixPath(name) for name in names]
    known: dict[tuple[int, str], int] = {}
    originals: dict[tuple[int, str], int] = {}
    for i, (path, label) in enumerate(zip(paths, labels, strict=True)):
        known.setdefault((label, path.stem), i)
    for i, (path, label) in enumerate(zip(paths, labels, strict=True)):
        stem = path.stem
        if (original := _ROBOFLOW.sub("", stem)) != stem:
            first = originals.setdefault((label, original), i)
            if first != i:
                yield ".rf.#", i, first
            continue
        for found in _SEPARATED.finditer(stem):
            words = stem[found.start() :]
            if _WORDS.fullmatch(words) and (of := known.get((label, stem[: found.start()]))) is not None:
                yield re.sub(r"\d+", "#", words), i, of
                break


def _examples(pairs: Sequence[Pair], names: Sequence[str], named: int) -> str:
    return listed([f"{shown(names[mine])} of {shown(names[theirs])}" for _, mine, theirs in pairs], named)


def _told_by_form(train: Split, classes: Sequence[str]) -> Iterator[str]:
    """Yield a sentence where a class's files have a form that no other class's have: grey, of one size, of one format."""
    images = train.images
    members = [np.flatnonzero(train.labels == label) for label in range(len(classes))]
    each = MOST_SEEN // max(1, len(classes))
    fewest = min(map(len, members), default=0)
    if not isinstance(images, FileImages) or images.files.remote or min(each, fewest) < FEWEST_SEEN:
        return
    each = min(each, fewest, MOST_OF_A_CLASS)
    heads = [_heads(images, own[np.linspace(0, len(own) - 1, each).astype(int)]) for own in members]
    forms: dict[str, Callable[[Image.Image], str]] = {
        "colour": lambda head: "grey" if head.mode in ("1", "L", "LA", "I", "I;16", "F") else "coloured",
        "size": lambda head: f"{head.width}x{head.height} pixels",
        "format": lambda head: str(head.format),
    }
    found = []
    for form in forms.values():
        values = [{form(head) for head in own} for own in heads]
        alone = [
            (name, *own)
            for i, (name, own) in enumerate(zip(classes, values, strict=True))
            if len(own) == 1
            and len(heads[i]) >= FEWEST_SEEN
            and not any(own & other for j, other in enumerate(values) if j != i)
        ]
        if alone:
            found.append(", ".join(f"{shown(name)} {value}" for name, value in alone[:3]))
    if found:
        yield (
            f"classes can be told by the form of their files, without a look at what is in them ({'; '.join(found)}; no image looked at of "
            "the other classes is so): a network learns that first. Bring all images into one form, or mix their origins."
        )


def _heads(images: Images, indices: Sequence[int]) -> list[Image.Image]:
    assert isinstance(images, FileImages)
    heads: list[Image.Image] = []
    for index in indices:
        try:
            heads.append(Image.open(io.BytesIO(images.read(int(index))), formats=FORMATS))
        except (UserError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # said when it is decoded
    return heads
