"""Writing a shard: a tar of key.jpg (or key.png) and key.cls, whose bytes depend on nothing but what is put in."""

import hashlib
import io
import os
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from alexlab.data.images import FileImages, Split
from alexlab.data.input.decode import decode
from alexlab.data.shards.index import Shard
from alexlab.data.shards.plan import Plan, Planned
from alexlab.errors import UserError

COPIED = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}
"""By how a file begins: JPEG and PNG are copied byte by byte. Everything else becomes a PNG of its pixels."""


class _Summed:
    """A file that knows the size and the digest of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size, self.digest = file, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.size


def write_shard(plan: Plan, planned: Planned, path: Path) -> Shard:
    """Write a shard to `path`, and wait until it is on the disk.

    Raises:
        UserError: an image that cannot be read, or is empty.
        OSError: the disk is full, or refuses.
    """
    split, keys = plan.splits[planned.split], plan.keys[planned.split]
    names = split.images.below if isinstance(split.images, FileImages) else split.images.names
    offsets, sizes, sums = [], [], []
    with path.open("wb") as file:
        summed = _Summed(file)
        with tarfile.open(fileobj=summed, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as tar:  # type: ignore[call-overload]  # asks for no more
            for row in planned.rows.tolist():
                data, ending = image_file(split, row)
                _add(tar, f"{keys[row]}.{ending}", data)
                offsets.append(tar.offset - _padded(len(data)))
                sizes.append(len(data))
                sums.append(zlib.crc32(data))
                _add(tar, f"{keys[row]}.cls", str(int(split.labels[row])).encode())
        file.flush()
        os.fsync(file.fileno())
    return Shard(
        name=planned.name,
        split=planned.split,  # type: ignore[arg-type]  # one of the four
        images=len(sizes),
        bytes=summed.size,
        sha256=summed.digest.hexdigest(),
        names=tuple(names[row] for row in planned.rows.tolist()),
        labels=tuple(split.labels[planned.rows].tolist()),
        places=tuple(planned.rows.tolist()),
        offsets=tuple(offsets),
        sizes=tuple(sizes),
        crc32=tuple(sums),
    )


def image_file(split: Split, row: int) -> tuple[bytes, str]:
    """Return the bytes of an image's file, and the ending that says what they are."""
    images = split.images
    picture = None
    if isinstance(images, FileImages):
        data = images.read(row)
        if not data:
            raise UserError(f"{images.path(row)}: the file is empty. Remove or replace it.")
        for start, ending in COPIED.items():
            if data.startswith(start):
                return data, ending
        picture = decode(data, images.path(row), images.levels)
    made = io.BytesIO()
    (picture or images.picture(row)).save(made, "PNG")
    return made.getvalue(), "png"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # of no time and no owner
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
    tar.members.clear()  # type: ignore[attr-defined]  # it would keep each


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
