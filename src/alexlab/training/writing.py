"""Files written whole or not at all."""

import errno
import os
from pathlib import Path

from alexlab.errors import UserError


def write_file(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, sync it, and rename it: `path` holds all of it or what it held before.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise UserError(f"{path}: no room on the disk for {len(data):,} bytes; nothing was overwritten.") from error
        raise UserError(f"{path}: cannot be written ({error.strerror or error}).") from error
