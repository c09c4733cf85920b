"""Files written whole or not at all, and the checksums by which later damage is found.

A folder that holds the file `checksums.sha256` keeps in it the SHA-256 of every file written here, in the form that `sha256sum -c`
reads. A digest is noted before its file takes its name, so that a crash between the two leaves the old file with its own, older
line: a file is good where its digest is any of those noted for its name. A training that ends leaves one line a file.
"""

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from alexlab.errors import UserError
from alexlab.regular import check_regular, read_regular
from alexlab.system import sync_folder

CHECKSUMS = "checksums.sha256"
LARGEST = 64 << 20  # bytes of checksums


def write_file(path: Path, data: bytes, noted: bool = True, within: Path | None = None) -> None:
    """Write `data` beside `path`, sync it, and rename it: `path` holds all of it or what it held before.

    Args:
        noted: keep its digest where the folder keeps checksums; not for a file that lines are added to.
        within: the folder that keeps them, where it is not the file's own.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        keeper = within or path.parent
        if noted and (keeper / CHECKSUMS).exists():
            _note(keeper, path.relative_to(keeper), hashlib.sha256(data).hexdigest())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise not_written(path, error, len(data)) from error


def not_written(path: Path, error: OSError, size: int = 0) -> UserError:
    """Make the error for `path`, which cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        wanted = f" for {size:,} bytes" if size else ""
        return UserError(f"{path}: no room on the disk{wanted}; nothing was overwritten. Make room, and carry on.")
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return UserError(f"{path}: the folder {path.parent} does not exist; make it first.")
    return UserError(f"{path}: cannot be written ({error.strerror or error}).")


def _note(keeper: Path, name: Path, digest: str) -> None:
    # One write to a file opened for appending: lines of two threads do not mix.
    with (keeper / CHECKSUMS).open("ab", buffering=0) as file:
        file.write(f"{digest}  {name.as_posix()}\n".encode(errors="surrogateescape"))
        os.fsync(file.fileno())


def noted_digests(folder: Path) -> dict[str, list[str]]:
    """Read the digests noted for each name, the latest last; none where the folder keeps no checksums.

    Raises:
        UserError: they cannot be read.
    """
    found: dict[str, list[str]] = {}
    path = folder / CHECKSUMS
    if not path.exists():
        return found
    for line in read_regular(path, LARGEST).decode(errors="surrogateescape").splitlines():
        digest, gap, name = line.partition("  ")
        if gap and len(digest) == 64 and name and not {"..", "/"} & set(Path(name).parts):
            found.setdefault(name, []).append(digest)
    return found


def digest_of(path: Path, kind: str = "sha256") -> str:
    """Return the digest of a file, SHA-256 or another of hashlib. Raises UserError where it cannot be read."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, kind).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error


def check_digest(path: Path) -> None:
    """Raise UserError where `path` is not what was written there; say nothing where no digest was noted."""
    noted = noted_digests(path.parent).get(path.name)
    if noted and (found := digest_of(path)) not in noted:
        raise UserError(
            f"{path}: damaged or changed: its SHA-256 begins with {found[:8]}, what was written had {noted[-1][:8]}. "
            f"If you changed it on purpose, delete its line in {path.parent / CHECKSUMS}."
        )


def is_sealed(folder: Path) -> bool:
    """Whether the folder's checksums are those of a training that has ended."""
    noted = noted_digests(folder)
    return not noted or "metrics.jsonl" in noted


def seal(folder: Path) -> None:
    """Leave one line a file in the folder's checksums, and take in the files that lines were added to (NAME.jsonl)."""
    noted = noted_digests(folder)
    if not noted:
        return
    for path in folder.glob("*.jsonl"):
        noted[path.name] = [digest_of(path)]
    lines = []
    for name, digests in sorted(noted.items()):
        if (folder / name).is_file():
            digest = digests[-1] if len(set(digests)) == 1 else digest_of(folder / name)
            lines.append(f"{digest}  {name}\n")
    write_file(folder / CHECKSUMS, "".join(lines).encode(errors="surrogateescape"), noted=False)
