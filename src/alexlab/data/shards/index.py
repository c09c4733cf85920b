"""The index of a dataset in shards: `index.json`, which says what the dataset is and where in which tar each image lies."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from alexlab.errors import UserError
from alexlab.shape import Shape

INDEX = "index.json"
KIND = "alexlab shards"
FORMAT = 1
SPLITS = ("train", "val", "test", "all")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._{}-]{0,250}\.tar")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """One tar, and what lies in it. The columns have an entry for each image, in the order of the tar.

    Attributes:
        name: of the file, beside the index.
        split: "train", "val" or "test"; "all" where the source does not divide its images.
        images, bytes, sha256: how many images, and size and digest of the tar; no digest where nobody wrote one down.
        names: what the images were called in the dataset that was packed.
        labels: numbers of their classes.
        places: where they stood in their split: shards hold training images shuffled.
        offsets, sizes, crc32: where in the tar a file begins, its bytes and their CRC-32; no CRC-32 where nobody wrote them down.
    """

    name: str
    split: Literal["train", "val", "test", "all"]
    images: int
    bytes: int
    sha256: str
    names: tuple[str, ...]
    labels: tuple[int, ...]
    places: tuple[int, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    crc32: tuple[int, ...]


@dataclass(frozen=True)
class Index:
    """A dataset in shards. Title to augment are those of `data.images.Dataset`; `plan` is a digest of what was to be packed."""

    kind: str
    format: int
    title: str
    classes: tuple[str, ...]
    shape: Shape | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    augment: tuple[str, ...]
    plan: str
    images: int
    bytes: int
    shards: tuple[Shard, ...]

    def of_split(self, split: str) -> list[Shard]:
        """Return the shards of a split."""
        return [shard for shard in self.shards if shard.split == split]


def index_bytes(index: Index) -> bytes:
    """Return the content of index.json: a line a shard, so that its first lines tell a person what it is."""
    facts = asdict(index)
    shards = ",\n".join("  " + _compact(shard) for shard in facts.pop("shards"))
    head = ",\n".join(f' "{key}": {_compact(value)}' for key, value in facts.items())
    return f'{{\n{head},\n "shards": [\n{shards}\n ]\n}}\n'.encode()


def shard_bytes(shard: Shard) -> bytes:
    """Return a shard's facts as JSON, in a line."""
    return _compact(asdict(shard)).encode()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_index(data: bytes, where: str) -> Index:
    """Return the index in `data`. Raises UserError, which begins with `where`, for anything that an index may not say."""
    index: Index = _read(Index, data, where)
    if index.kind != KIND or index.format != FORMAT:
        raise UserError(
            f"{where}: found {index.kind[:40]!r} of format {index.format}; expected {KIND!r} of format {FORMAT}."
        )
    if len(index.classes) < 2 or len(set(index.classes)) < len(index.classes):
        raise UserError(f"{where}: found {len(index.classes)} classes; expected at least two, of different names.")
    channels = index.shape[0] if index.shape else None
    if index.shape and (min(index.shape) < 1 or channels not in (1, 3)):
        raise UserError(f"{where}: images of shape {index.shape}; expected 1 or 3 channels, and height and width.")
    for key, values in (("mean", index.mean), ("std", index.std)):
        if values is not None and len(values) != channels:
            raise UserError(f"{where}: {len(values)} values of {key} for {channels} channels.")
    if index.std is not None and min(index.std) <= 0:
        raise UserError(f"{where}: a standard deviation of {min(index.std)}; expected more than 0.")
    names = [shard.name for shard in index.shards]
    if not names or len(set(names)) < len(names):
        raise UserError(f"{where}: names {'a shard twice' if names else 'no shards'}.")
    for shard in index.shards:
        check_shard(shard, where, len(index.classes))
    if index.images != sum(shard.images for shard in index.shards):
        raise UserError(f"{where}: says {index.images:,} images, and its shards hold another number. Fetch it again.")
    present = {shard.split for shard in index.shards if shard.images}
    if present != {"all"} and ("all" in present or "train" not in present):
        raise UserError(
            f"{where}: has the splits {', '.join(sorted(present)) or 'none'}; expected train, or all alone."
        )
    for split in present:
        places = [place for shard in index.of_split(split) for place in shard.places]
        if sorted(places) != list(range(len(places))):
            raise UserError(f"{where}: the places of the images of {split} are not 0 to {len(places) - 1}.")
    return index


def read_shard(data: bytes, where: str, classes: int) -> Shard:
    """As `read_index`, of what `shard_bytes` wrote."""
    shard: Shard = _read(Shard, data, where)
    check_shard(shard, where, classes)
    return shard


def _read(kind: Any, data: bytes, where: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"]))[:100]
        raise UserError(
            f"{where}: is no index of shards, or damaged ({at + ': ' if at else ''}{first['msg'][:200]}). Fetch or pack it again."
        ) from None


def check_shard(shard: Shard, where: str, classes: int) -> None:
    """Raise UserError where the facts of a shard cannot be true."""
    if not NAME.fullmatch(shard.name):
        raise UserError(f"{where}: a shard is called {shard.name[:100]!r}; expected a plain name that ends in .tar.")
    columns: tuple[Sequence[object], ...] = (shard.names, shard.labels, shard.places, shard.offsets, shard.sizes)
    if any(len(column) != shard.images for column in columns) or len(shard.crc32) not in (0, shard.images):
        raise UserError(f"{where}: {shard.name}: its columns do not all have {shard.images:,} entries.")
    if shard.sha256 and not DIGEST.fullmatch(shard.sha256):
        raise UserError(f"{where}: {shard.name}: {shard.sha256[:80]!r} is no SHA-256.")
    if shard.images and (min(shard.labels) < 0 or max(shard.labels) >= classes):
        raise UserError(f"{where}: {shard.name}: labels outside 0 to {classes - 1}.")
    for offset, size in zip(shard.offsets, shard.sizes, strict=True):
        if min(offset, size) < 0 or offset + size > shard.bytes:
            raise UserError(f"{where}: {shard.name}: an image of {size:,} bytes at {offset:,} does not lie within it.")
