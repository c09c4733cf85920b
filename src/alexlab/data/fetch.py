"""Fetching published files: with progress, resumed where it broke off, checked, and renamed only when whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import urllib3

from alexlab.data.catalogue import File
from alexlab.errors import UserError

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes so far and the bytes in all."""

CHUNK = 1 << 15  # what a broken connection loses at most
TRIES = 5
MOST_UNKNOWN = 1 << 30  # bytes of a file whose size the catalogue does not know
TIMEOUT = urllib3.Timeout(connect=10, read=30)


def fetch(file: File, folder: Path, progress: Progress | None = None) -> Path:
    """Fetch `file` into `folder`, and return its path there. What an earlier try left is carried on with.

    Raises:
        UserError: the publisher cannot be reached, or what it sends is not the published file. Nothing that looks whole stays
            behind; a part that can be carried on with stays as `NAME.part`.
    """
    whole, part = folder / file.name, folder / (file.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem: Exception | None = None
        for _ in range(TRIES):
            try:
                whole_now = _carry_on(file, part, progress)
            except urllib3.exceptions.HTTPError as error:
                problem = error
                continue
            if whole_now:
                break
            problem = OSError("the connection ended early")
        else:
            raise UserError(
                f"fetching {file.url}{file.name} failed after {TRIES} tries ({_short(problem)}). "
                f"Try again (it carries on where it stopped), or put the file into {folder} by hand."
            )
        kind, _, expected = file.digest.partition(":")
        with part.open("rb") as content:
            found = hashlib.file_digest(content, kind).hexdigest()[: len(expected)]
        if found != expected:
            part.unlink()
            raise UserError(
                f"{file.url}{file.name} sent a file whose {kind.upper()} is {found}, expected {expected}; it was deleted. "
                "A proxy may have answered in the publisher's place."
            )
        part.replace(whole)
    except OSError as error:
        raise UserError(f"{folder}: cannot hold {file.name} ({error.strerror or error}).") from error
    return whole


def _carry_on(file: File, part: Path, progress: Progress | None) -> bool:
    """Append to `part` what the publisher sends from where it ends; whether it is whole then."""
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        return True
    retries = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=5)
    with urllib3.PoolManager(timeout=TIMEOUT, retries=retries) as pool:
        headers = {"Range": f"bytes={have}-"} if have else {}
        with pool.request("GET", file.url + file.name, headers=headers, preload_content=False) as response:
            if response.status == 416 and have and file.size is None:
                return True  # there is nothing after what we have
            if response.status not in (200, 206):
                raise urllib3.exceptions.HTTPError(f"the server answered {response.status}")
            if response.status == 200:
                have = 0  # the server does not resume: start over
            size = file.size or have + int(response.headers.get("Content-Length", 0))
            if size > (file.size or MOST_UNKNOWN):
                raise urllib3.exceptions.HTTPError(f"the server announces {size:,} bytes, more than {MOST_UNKNOWN:,}")
            with part.open("r+b" if part.exists() else "wb") as out:
                out.truncate(have)
                out.seek(have)
                for piece in response.stream(CHUNK):
                    have += len(piece)
                    if have > size:
                        out.truncate(0)
                        raise urllib3.exceptions.HTTPError(f"the server sent more than {size:,} bytes")
                    out.write(piece)
                    if progress:
                        progress(file.name, have, size)
    return have >= size


def _short(problem: Exception | None) -> str:
    return str(problem).split("Caused by ")[-1][:200]
