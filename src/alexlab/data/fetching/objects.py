"""Fetching from object stores (s3://, gs://, az:// ...) by fsspec, which takes credentials from where each store's own tools do."""

from pathlib import Path
from typing import Any

import urllib3

from alexlab.data.catalogue import File
from alexlab.data.fetching.answers import Final
from alexlab.data.progress import Progress
from alexlab.errors import UserError

BLOCK = 8 << 20  # bytes of a request


def carry_on(file: File, part: Path, progress: Progress | None) -> bool:
    """Append to `part` what follows there, as `fetch` asks for it; True where it is whole then.

    Raises:
        UserError: the libraries for this kind of address are not installed.
        Final, HTTPError: what another try will not mend, and what it may.
    """
    address = file.url + file.name
    system, path = _system(address)
    have = part.stat().st_size if part.exists() else 0
    size = file.size if file.size is not None else _asked(system.info, path)["size"]
    with part.open("r+b" if part.exists() else "wb") as out:
        out.truncate(min(have, size))
        out.seek(min(have, size))
        while have < size:
            piece: bytes = _asked(system.cat_file, path, start=have, end=min(size, have + BLOCK))
            if not piece:
                raise Final(f"it ends after {have:,} bytes")
            out.write(piece)
            have += len(piece)
            if progress:
                progress(file.name, have, size)
    return True


def _system(address: str) -> tuple[Any, str]:
    """Return the file system that an address speaks of, and the path in it."""
    try:  # not at the top: fsspec need not be installed
        from fsspec.core import url_to_fs  # type: ignore[import-untyped,import-not-found,unused-ignore]  # ships no types

        system, path = url_to_fs(address, use_listings_cache=False)
    except ImportError as error:
        raise UserError(
            f"{address}: reading it takes libraries that are not installed ({error}): pip install 'alexlab[cloud]' (for stores "
            "other than S3, fsspec's library for them)."
        ) from error
    except ValueError as error:  # a protocol that nobody knows
        raise UserError(
            f"{address}: {error}. Expected an address such as https://..., s3://BUCKET/FOLDER or gs://BUCKET/FOLDER."
        ) from error
    return system, str(path)


def _asked(question: Any, *arguments: Any, **named: Any) -> Any:
    """Return what the store answers. Of its libraries' many errors, those of a file that is not there, or not ours, are OSErrors."""
    try:
        return question(*arguments, **named)
    except (FileNotFoundError, PermissionError) as error:
        raise Final(f"the store answered: {error}") from error
    except Exception as error:
        raise urllib3.exceptions.HTTPError(f"{type(error).__name__}: {error}") from error
