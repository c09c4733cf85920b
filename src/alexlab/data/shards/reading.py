"""Datasets in shards, tars in the WebDataset layout: `shards:FOLDER`, a folder with an index.json, or an address of one.

Shards in a folder are read at random, image by image, at the offsets that the index has: a dataset trains as it did before it was packed.
Remote shards are fetched whole, ahead of who reads them (`alexlab.data.shards.remote`); their images stand in the order of
the shards.
Where nobody wrote an index (the `webdataset` library does not), the folder's tars are looked through, header by header.
"""

import os
import re
import tempfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from alexlab import system
from alexlab.data.catalogue import File
from alexlab.data.images import FileImages, Split
from alexlab.data.shards.index import FORMAT, INDEX, KIND, SPLITS, Index, Shard, read_index
from alexlab.data.shards.remote import Fetching, Opened
from alexlab.data.sources.files import Files
from alexlab.data.sources.format import Splits
from alexlab.data.sources.names import IMAGE_ENDINGS, part
from alexlab.data.sources.tar import tar_members
from alexlab.errors import UserError
from alexlab.regular import READING, check_regular

SAMPLE = re.compile(r"((?:.*/|)[^.]+)\.([^/]*)")  # key and ending of a member, as WebDataset parts them
LARGEST_LABEL = 100  # bytes of a .cls
MOST_NAMED = 3
MOST_OPEN = 64  # shards in a folder that are held open


def is_address(name: str) -> bool:
    """Whether a dataset's name is an address: https://..., s3://... and the like."""
    return "://" in name


def read_shards(where: str) -> tuple[Splits, Index]:
    """Return splits and facts of the dataset in shards in the folder `where`, or at that address.

    Raises:
        UserError: there is none, its index is damaged, or shards are missing.
    """
    if is_address(where):
        address = where.removesuffix(INDEX).rstrip("/")
        index = _fetched_index(address)
        return _splits(index, _remote_files(address, index), near=False), index
    root = Path(where)
    index = _written_index(root) if (root / INDEX).exists() else _looked_through(root)
    _check_present(root, index)
    files = _files(root, index, lru_cache(MOST_OPEN)(lambda number: Opened(root / index.shards[number].name)))
    return _splits(index, files, near=True), index


def _written_index(root: Path) -> Index:
    check_regular(root / INDEX)
    try:
        data = (root / INDEX).read_bytes()
    except OSError as error:
        raise UserError(f"{root / INDEX}: cannot be read ({error.strerror or error}).") from error
    return read_index(data, str(root / INDEX))


def _fetched_index(address: str) -> Index:
    # Not at the top: urllib3 takes a tenth of the time in which `predict` answers.
    from alexlab.data.fetching.fetch import fetch

    with tempfile.TemporaryDirectory(prefix="alexlab-") as folder:
        try:
            path = fetch(File(INDEX, None, "sha256:", f"{address}/"), Path(folder))
        except UserError as error:
            said = str(error).partition(" Try again")[0]  # the rest names this folder, which is about to go
            raise UserError(f"{address}: expected a dataset in shards there, with an {INDEX}. {said}") from error
        index = read_index(path.read_bytes(), f"{address}/{INDEX}")
    if any(not shard.sha256 or not shard.crc32 for shard in index.shards):
        raise UserError(f"{address}/{INDEX}: has no checksums, without which nothing is fetched. Pack it again.")
    return index


def _check_present(root: Path, index: Index) -> None:
    problems = []
    for shard in index.shards:
        check_regular(root / shard.name)
        try:
            size = (root / shard.name).stat().st_size
        except OSError:
            problems.append(f"{shard.name} is missing{_expected(shard)}")
            continue
        if size != shard.bytes:
            problems.append(f"{shard.name} has {size:,} bytes, not {shard.bytes:,}{_expected(shard)}")
    if problems:
        more = f", and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
        raise UserError(
            f"{root}: {len(problems)} of {len(index.shards)} shards are not as they were packed: "
            f"{'; '.join(problems[:MOST_NAMED])}{more}. Copy them again."
        )


def _expected(shard: Shard) -> str:
    return f" (expected: SHA-256 {shard.sha256})" if shard.sha256 else ""


class _Damaged(Exception):
    """Bytes that are not those that were packed."""


def _files(root: Path | str, index: Index, opened: Callable[[int], Opened], remote: Fetching | None = None) -> Files:
    """Return the images of all shards as files. `opened` opens shard number i."""
    place_of = {
        name: (number, row) for number, shard in enumerate(index.shards) for row, name in enumerate(shard.names)
    }

    def read_once(name: str) -> bytes:
        number, row = place_of[name]
        shard = index.shards[number]
        held = opened(number)
        data = system.read_at(held.file, shard.sizes[row], shard.offsets[row])
        if len(data) != shard.sizes[row] or (shard.crc32 and zlib.crc32(data) != shard.crc32[row]):
            raise _Damaged
        return data

    def read(name: str) -> bytes:
        number, _ = place_of[name]
        shard = index.shards[number]
        try:
            try:
                return read_once(name)
            except _Damaged:
                if remote is None:
                    raise
                remote.forget(number)
                return read_once(name)
        except _Damaged:
            raise UserError(
                f"{root}/{shard.name}: damaged: the bytes of {name} are not those that were packed{_expected(shard)}. "
                "Copy the shard again."
            ) from None
        except OSError as error:
            raise UserError(
                f"{root}/{shard.name}: cannot be read ({error.strerror or error}){_expected(shard)}."
            ) from error

    def size(name: str) -> int:
        number, row = place_of[name]
        return index.shards[number].sizes[row]

    def version(name: str) -> str:
        number, row = place_of[name]
        shard = index.shards[number]
        if shard.crc32:
            return f"{shard.sizes[row]} {shard.crc32[row]}"
        state = (Path(root) / shard.name).stat()
        return f"{shard.offsets[row]} {state.st_size} {state.st_mtime_ns}"

    if remote:
        remote.number_of = lambda name: place_of[name][0]
    return Files(root, tuple(place_of), frozenset(), read, size, version, remote)


def _remote_files(address: str, index: Index) -> Files:
    remote = Fetching(address, index.shards)
    return _files(address, index, remote.open, remote)


def _splits(index: Index, files: Files, near: bool) -> Splits:
    """Return the splits: what lies near in the order that it had before it was packed, what is remote in that in which it is fetched."""
    found: Splits = {}
    for split in SPLITS:
        shards = index.of_split(split)
        names = [name for shard in shards for name in shard.names]
        labels = np.array([label for shard in shards for label in shard.labels], dtype=np.int64)
        if near and names:
            order = np.argsort(np.array([place for shard in shards for place in shard.places]), kind="stable")
            names, labels = [names[i] for i in order], labels[order]
        if names:
            found[split] = Split(FileImages(files, names, index.shape), labels)
    return found


def _looked_through(root: Path) -> Index:
    """Return an index of tars that have none, as the webdataset library writes them: key.jpg (or another image) and key.cls."""
    tars = sorted(root.glob("*.tar")) if root.is_dir() else []
    for path in tars:
        check_regular(path)
    if not tars:
        raise UserError(
            f"{root}: found neither {INDEX} nor shards (*.tar); expected a folder that `alexlab pack` made."
        )
    words = {path: part(path.stem) or "" for path in tars}
    divided = "train" in words.values()
    samples = {path: _samples(path) for path in tars if words[path] or not divided}
    told = {label for each in samples.values() for _, label, _, _ in each}
    numeric = all(label.isdecimal() for label in told)
    last = max((int(label) for label in told), default=0) if numeric else 0
    if last >= 1_000_000:
        raise UserError(f"{root}: a .cls says class {last:,}; expected numbers from 0.")
    classes = tuple(map(str, range(last + 1))) if numeric else tuple(sorted(told))
    if len(classes) < 2:
        raise UserError(f"{root}: found {len(classes)} class in the .cls of {len(tars)} shards; expected two or more.")
    number = {name: label for label, name in enumerate(classes)}
    shards, seen = [], dict.fromkeys(SPLITS, 0)
    for path, each in samples.items():
        split = words[path] if divided else "all"
        names, labels, offsets, sizes = zip(*each, strict=True) if each else ((), (), (), ())
        places = tuple(range(seen[split], seen[split] + len(each)))
        seen[split] += len(each)
        shards.append(
            Shard(
                name=path.name,
                split=split,  # type: ignore[arg-type]  # one of SPLITS
                images=len(each),
                bytes=path.stat().st_size,
                sha256="",
                names=tuple(f"{path.stem}/{name}" for name in names),  # keys may come again in another shard
                labels=tuple(number[str(int(label)) if numeric else label] for label in labels),
                places=places,
                offsets=offsets,
                sizes=sizes,
                crc32=(),
            )
        )
    total = sum(shard.bytes for shard in shards)
    return Index(KIND, FORMAT, root.name, classes, None, None, None, ("mirror",), "", sum(seen.values()), total, tuple(shards))  # fmt: skip


def _samples(path: Path) -> list[tuple[str, str, int, int]]:
    """Of each image in a tar: its name, what its .cls says, where it begins, its bytes."""
    try:
        file = os.open(path, READING)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    try:
        members = tar_members(file, path).places
        parts: dict[str, dict[str, tuple[int, int]]] = {}
        for name, place in members.items():
            if (found := SAMPLE.fullmatch(name)) and not name.startswith("__"):  # facts about the shard
                parts.setdefault(found[1], {})[found[2].lower()] = place
        samples = []
        for key, by_ending in parts.items():
            images = [ending for ending in by_ending if f".{ending}" in IMAGE_ENDINGS]
            if len(images) != 1 or "cls" not in by_ending:
                raise UserError(
                    f"{path}: the sample {key!r} has {', '.join(f'.{ending}' for ending in by_ending)}; expected one image "
                    f"({', '.join(IMAGE_ENDINGS[:3])} ...) and a .cls with the number of its class."
                )
            offset, size = by_ending["cls"]
            label = system.read_at(file, min(size, LARGEST_LABEL), offset).decode("utf-8", "replace").strip()
            samples.append((f"{key}.{images[0]}", label, *by_ending[images[0]]))
        return samples
    finally:
        os.close(file)
