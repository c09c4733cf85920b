"""What lies where in a zip archive, and how a file of it is unpacked.

Python's zipfile reads the table of contents. Files are read here, by their place: several threads and processes do it at once, which
zipfile's one position in the file does not allow.
"""

import bz2
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alexlab import system
from alexlab.data.sources.members import Members, gathered
from alexlab.errors import UserError

LOCAL = 30  # bytes before the name in a file's own header
LOCAL_SIGN = b"PK\x03\x04"
ENCRYPTED, UTF8 = 0x1, 0x800  # flags
METHODS: dict[int, Callable[[], "bz2.BZ2Decompressor | zlib._Decompress"]] = {
    zipfile.ZIP_DEFLATED: lambda: zlib.decompressobj(-15),
    zipfile.ZIP_BZIP2: bz2.BZ2Decompressor,
}
"""What unpacks what is packed, by the number of the method."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file of a zip: where its header is, its bytes packed and unpacked, how it is packed, its checksum."""

    offset: int
    packed: int
    size: int
    method: int
    crc: int


def zip_members(file: int, path: Path, largest: int) -> Members[Packed]:
    """Return what lies in the zip that a file descriptor reads.

    Args:
        largest: bytes that all may unpack to.

    Raises:
        UserError: it is damaged, encrypted, packed in a way that is not read, or unpacks to more than `largest`.
    """
    try:
        with os.fdopen(os.dup(file), "rb") as opened, zipfile.ZipFile(opened) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, UnicodeError) as error:
        raise UserError(f"{path}: the archive is damaged or is no zip ({error}). Fetch it again.") from error
    if sum(each.file_size for each in members) > largest:
        raise UserError(f"{path}: unpacks to more than {largest:,} bytes, as an archive bomb does; refused.")
    found, end = [], os.fstat(file).st_size
    for each in members:
        name = _name(each)
        if not 0 <= each.header_offset <= each.header_offset + each.compress_size <= end:
            raise UserError(f"{path}: the archive is damaged ({name[:100]!r} does not lie within it). Fetch it again.")
        if each.flag_bits & ENCRYPTED:
            raise UserError(f"{path}: {name} is encrypted. Unpack the archive with its password, and name the folder.")
        if each.compress_type != zipfile.ZIP_STORED and each.compress_type not in METHODS:
            how = zipfile.compressor_names.get(each.compress_type, f"method {each.compress_type}")  # type: ignore[attr-defined]
            raise UserError(f"{path}: {name} is packed by {how}, which is not read. Unpack it, and name the folder.")
        place = Packed(each.header_offset, each.compress_size, each.file_size, each.compress_type, each.CRC)
        kind = _kind(each, name)
        target = unpacked(file, place, name, path).decode("utf-8", "surrogateescape") if kind == "link" else ""
        found.append((name, kind, place, target))
    return gathered(found, path)


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; where it does not say that it is UTF-8, it is if its bytes are, as macOS writes it."""
    name = member.orig_filename.partition("\0")[0]
    if not member.flag_bits & UTF8 and not name.isascii():
        name = name.encode("cp437").decode("utf-8", "surrogateescape")  # as the bytes of a file's name are kept
    if "\\" in name and "/" not in name and member.create_system == 0:
        name = name.replace("\\", "/")  # some programs of Windows
    return name


def _kind(member: zipfile.ZipInfo, name: str) -> str:
    mode = member.external_attr >> 16 if member.create_system == 3 else 0  # of Unix
    if name.endswith("/") or stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if not stat.S_IFMT(mode) or stat.S_ISREG(mode) else "device or pipe"


def unpacked(file: int, place: Packed, name: str, path: Path, most: int | None = None) -> bytes:
    """Return the content of a member, or the first `most` bytes of it.

    Raises:
        UserError: it is damaged or cut off.
    """
    header = system.read_at(file, LOCAL, place.offset)
    begin = place.offset + LOCAL + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    data = system.read_at(file, place.packed, begin)
    try:
        if len(header) < LOCAL or not header.startswith(LOCAL_SIGN) or len(data) != place.packed:
            raise ValueError("it is cut off")
        if place.method != zipfile.ZIP_STORED:
            data = METHODS[place.method]().decompress(data, place.size + 1 if most is None else most)
        if most is None and (len(data) != place.size or zlib.crc32(data) != place.crc):
            raise ValueError("its checksum is another")
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: {name} is damaged ({error}). Fetch the archive again.") from error
    return data[:most]
