"""How a dataset is divided among shards, before anything is written: the same for the same dataset."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import ArrayImages, Dataset, FileImages, Split
from alexlab.data.shards.index import FORMAT
from alexlab.errors import UserError

MEGABYTES = 100
BLOCK = 512  # of a tar
MOST_SHARDS = 1_000_000
LONGEST_NAME = 1000


@dataclass(frozen=True)
class Planned:
    """A shard that is to be: its file's name, and the rows of its split that it holds."""

    name: str
    split: str
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What is to be packed. `keys` are those of each split's images in the tars, `digest` tells this plan from all others."""

    dataset: Dataset
    splits: dict[str, Split]
    keys: dict[str, list[str]]
    shards: tuple[Planned, ...]
    bytes: int
    digest: str


def plan_of(dataset: Dataset, megabytes: int = MEGABYTES, images: int | None = None) -> Plan:
    """How a dataset is divided among shards."""
    named = {"train" if dataset.divided else "all": dataset.train, "val": dataset.validation, "test": dataset.test}
    splits = {name: split for name, split in named.items() if split is not None}
    digest = hashlib.sha256()
    facts = (dataset.title, dataset.classes, dataset.shape, dataset.mean, dataset.std, dataset.augment)
    digest.update(json.dumps([FORMAT, facts, megabytes, images]).encode())
    keys, total = _keys(splits), 0
    shards: list[Planned] = []
    for split_name, split in splits.items():
        sizes = _sizes(split)
        _digest(digest, split_name, split, sizes)
        room = BLOCK + -(-sizes // BLOCK) * BLOCK + 2 * BLOCK  # with headers, and the .cls
        total += int(room.sum())
        order = np.arange(len(split))
        if split_name in ("train", "all"):  # shards that hold a class each would make batches of one
            order = np.random.Generator(np.random.PCG64(len(split))).permutation(len(split))
        shards += _divided(split_name, order, room[order], megabytes * 1_000_000, images)
    return Plan(dataset, splits, keys, tuple(shards), total + 20 * BLOCK * len(shards), digest.hexdigest())


def _sizes(split: Split) -> NDArray[np.int64]:
    """Bytes of each image's file; of pixels, as PNG packs them at worst."""
    if isinstance(split.images, FileImages):
        size = split.images.files.size
        return np.array([size(name) for name in split.images.names], np.int64)
    assert isinstance(split.images, ArrayImages)
    return np.full(len(split), split.images.pixels_NCHW[0].size + 200, np.int64)


def _digest(digest: "hashlib._Hash", name: str, split: Split, sizes: NDArray[np.int64]) -> None:
    digest.update(f"\0{name}\0{len(split)}\0".encode() + split.labels.tobytes() + sizes.tobytes())
    for each in split.images.names:
        digest.update(each.encode(errors="surrogateescape") + b"\0")
    if isinstance(split.images, ArrayImages):
        digest.update(np.ascontiguousarray(split.images.pixels_NCHW).data)


def _divided(
    split: str, order: NDArray[np.int64], room: NDArray[np.int64], most: int, images: int | None
) -> Iterator[Planned]:
    """Shards of about as many bytes, or images, each."""
    if images:
        images = min(images, max(1, len(order)))
        number = -(-len(order) // images)
        shard_of = np.arange(len(order)) // images
    else:
        number = max(1, -(-int(room.sum()) // most))
        shard_of = (np.cumsum(room) - room) * number // int(room.sum())
    if number > MOST_SHARDS:
        raise UserError(f"that would make {number:,} shards of {split}; make them larger.")
    parts = np.split(order, np.flatnonzero(np.diff(shard_of)) + 1)
    return (Planned(f"{split}-{i:06}.tar", split, rows) for i, rows in enumerate(parts))


def _keys(splits: dict[str, Split]) -> dict[str, list[str]]:
    """Return a key for each image: its name without its ending, as far as WebDataset allows that: its keys have no dots and come once."""
    whole, seen = Counter(_key(name) for split in splits.values() for name in split.images.names), Counter[str]()
    found: dict[str, list[str]] = {}
    for split_name, split in splits.items():
        found[split_name] = []
        for name in split.images.names:
            if not name.isprintable() or len(name.encode(errors="replace")) > LONGEST_NAME:
                raise UserError(f"the image {name[:100]!r} has a name that tars and JSON do not take; rename it.")
            key = _key(name) if whole[_key(name)] == 1 else _key(name, ending=True)
            seen[key] += 1
            found[split_name].append(key if seen[key] == 1 else f"{key}%%{seen[key]}")
    return found


def _key(name: str, ending: bool = False) -> str:
    *folders, last = name.replace("%", "%25").split("/")
    stem = last if ending or last.rfind(".") <= 0 else last[: last.rfind(".")]
    parts = [{"": "%", ".": "%2E", "..": "%2E%2E"}.get(folder, folder) for folder in folders]
    key = "/".join([*parts, stem.replace(".", "%2E") or "%"])
    return "%5F" + key[1:] if key.startswith("__") else key  # which WebDataset takes for facts about the shard
