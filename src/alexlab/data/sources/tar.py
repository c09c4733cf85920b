"""What lies where in a tar archive that is not compressed.

Python's tarfile makes an object of every header, which takes longer than all else that a million small files ask for before they
are read. So the headers of plain regular files are read here; every other one is tarfile's, and so are its errors.
"""

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from alexlab import system
from alexlab.data.sources.members import Members, gathered
from alexlab.errors import UserError

BLOCK = 512
NUMBER = rb"[0-7]{6}[0-7 ][ \x00]"
PLAIN_FILE = re.compile(
    rb"([^\x00].{99})"  # name
    + NUMBER * 3  # mode, user, group
    + rb"([0-7]{11})[ \x00][0-7]{11}[ \x00]"  # size, time
    rb"(([0-7]{6})\x00 )"  # checksum
    rb"[0\x00].{100}"  # a regular file; what it links to
    rb"ustar(?:\x0000|  \x00).{64}"  # names of user and group
    rb"(?:" + NUMBER * 2 + rb"|\x00{16})"  # device
    rb"(.{155}).{12}",  # what comes before the name
    re.DOTALL,
)
"""The header of a regular file as ustar and GNU have it, and pax where an extended header has not come before."""

Place = tuple[int, int]
"""Where in the archive a file's content begins, and its bytes."""


def tar_members(plain: int, path: Path) -> Members[Place]:
    """Return what lies in the tar that the file descriptor `plain` reads.

    Raises:
        UserError: the tar is damaged, or holds what none should.
    """
    try:
        return gathered(_found(plain), path)
    except UserError:
        raise
    except Exception as error:  # tarfile raises much on headers that lie
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    """Return what is said of an archive that cannot be read."""
    return UserError(f"{path}: the archive is damaged or is no tar ({error}). Fetch it again.")


def _found(plain: int) -> Iterator[tuple[str, str, Place, str]]:
    """Name, kind, place and what is linked to, of each member."""
    os.lseek(plain, 0, os.SEEK_SET)
    with os.fdopen(plain, "rb", closefd=False) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        end, before = os.fstat(plain).st_size, -1
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep each of millions
            if not before < member.offset <= member.offset_data <= member.offset_data + member.size <= end:
                raise tarfile.ReadError(f"its member {member.name[:100]!r} does not lie within it")
            before = member.offset
            yield member.name, _kind(member), (member.offset_data, member.size), member.linkname
            # A pax header for the whole archive changes what all that come after it say.
            while not archive.pax_headers and (found := _plain_file(system.read_at(plain, BLOCK, archive.offset))):
                name, size = found
                begin = archive.offset + BLOCK
                if begin + size > end:
                    break  # tarfile reads it again, and it is refused above
                before = archive.offset
                yield name.decode(archive.encoding, archive.errors), "file", (begin, size), ""
                archive.offset = begin + -(-size // BLOCK) * BLOCK


def _plain_file(header: bytes) -> tuple[bytes, int] | None:
    """Name and size, where the header is that of a plain regular file, and undamaged."""
    fields = PLAIN_FILE.fullmatch(header)
    if fields is None:
        return None
    name, size, checksum, octal, prefix = fields.groups()
    if sum(header) - sum(checksum) + 8 * ord(" ") != int(octal, 8):
        return None
    name, prefix = name.partition(b"\0")[0], prefix.partition(b"\0")[0]
    if name.endswith(b"/"):  # a folder, as the oldest tars have it
        return None
    return (prefix + b"/" + name if prefix else name), int(size, 8)


def _kind(member: tarfile.TarInfo) -> str:
    if member.sparse is not None:
        return "file with holes"
    if member.isfile():
        return "file"
    if member.isdir():
        return "folder"
    if member.issym():
        return "link"
    return "hard link" if member.islnk() else "device or pipe"
