"""Fetching published files: with progress, resumed where it broke off, checked, and renamed only when whole."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from alexlab import system
from alexlab.data.catalogue import File
from alexlab.data.fetching.answers import PASSING, Final
from alexlab.data.fetching.objects import carry_on
from alexlab.data.progress import Progress
from alexlab.errors import UserError

CHUNK = 1 << 15  # read at a time: what a broken connection loses at most
UNREACHABLE = 2  # tries, where there is no way to the publisher: no network, or nobody who listens
TRIES = 5  # that bring nothing new; those that do are not counted,
MOST_TRIES = 100  # up to so many
PAUSE = 1.0  # seconds before the second try, then twice as long each time, up to
LONGEST_PAUSE = 30.0
SLOWEST = 1000  # bytes a second, over
PATIENCE = 60.0  # seconds; a server that sends less counts as one that stalls
MOST_UNKNOWN = 1 << 30  # bytes of a file whose size the catalogue does not know
TIMEOUT = urllib3.Timeout(connect=10, read=30)


def fetch(file: File, folder: Path, progress: Progress | None = None) -> Path:
    """Fetch `file` into `folder`, and return its path there. What an earlier try left is carried on with.

    Where another process fetches the same file, it is waited for, and what it fetched is taken.

    Raises:
        UserError: the publisher cannot be reached, or what it sends is not the published file. Nothing that looks whole stays
            behind; a part that can be carried on with stays as `NAME.part`.
    """
    whole, part = folder / file.name, folder / (file.name + ".part")
    try:
        with _alone(folder / f".{file.name}.lock"):
            if whole.is_file() and is_right(file, whole):
                return whole
            resumed = part.exists()
            _bring(file, part, progress)
            if resumed and not is_right(file, part):
                part.unlink()  # what an earlier process left was of something else
                _bring(file, part, progress)
            if not is_right(file, part):
                found = _digest(file, part)
                part.unlink()
                raise UserError(
                    f"{file.url}{file.name} sent a file whose {file.digest.partition(':')[0].upper()} is {found}, expected "
                    f"{file.digest.partition(':')[2]}; it was deleted. A proxy may have answered in the publisher's place."
                )
            with part.open("r+b") as content:  # Windows syncs what may be written
                os.fsync(content.fileno())
            part.replace(whole)
    except OSError as error:
        raise UserError(f"{folder}: cannot hold {file.name} ({error.strerror or error}).") from error
    return whole


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is in the block, and keep others out of it."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = lock.open("a")
        except FileNotFoundError:  # another deleted the folder just now
            continue
        with held:
            with suppress(OSError):  # a file system without locks: two may fetch at once, and each renames a whole file
                system.lock(held, wait=True)
            if not lock.exists() or os.fstat(held.fileno()).st_ino != lock.stat().st_ino:
                continue  # whoever had it has taken it away since
            try:
                yield
            finally:
                with suppress(OSError):  # Windows deletes no open file; the next one locks it
                    lock.unlink(missing_ok=True)
            return


def _digest(file: File, path: Path) -> str:
    kind, _, expected = file.digest.partition(":")
    with path.open("rb") as content:
        return hashlib.file_digest(content, kind).hexdigest()[: len(expected)]


def is_right(file: File, path: Path) -> bool:
    """Whether the file at `path` has the digest that its publisher gives."""
    return _digest(file, path) == file.digest.partition(":")[2]


def _bring(file: File, part: Path, progress: Progress | None) -> None:
    """Try until `part` is as long as it should be."""
    problem: Exception = OSError("the connection ended early")
    without_progress = tries = (
        0  # a publisher that cannot be reached at all is tried UNREACHABLE times: a second, not fifteen
    )
    while without_progress < TRIES and tries < MOST_TRIES:
        if without_progress:
            time.sleep(min(PAUSE * 2 ** (without_progress - 1), LONGEST_PAUSE))
        before = part.stat().st_size if part.exists() else 0
        tries += 1
        try:
            if _carry_on(file, part, progress):
                return
            problem = OSError("the connection ended early")
        except urllib3.exceptions.HTTPError as error:
            problem = error
            if tries == UNREACHABLE == without_progress + 1 and _no_way(error):
                break
        except Final as error:
            problem = error
            break
        gained = part.exists() and part.stat().st_size >= before + CHUNK
        without_progress = 0 if gained else without_progress + 1
    raise UserError(
        f"fetching {file.url}{file.name} failed after {tries} tr{'ies' if tries > 1 else 'y'} ({_short(problem)}). "
        f"Try again (it carries on where it stopped), or put the file into {part.parent} by hand."
    )


def _no_way(error: urllib3.exceptions.HTTPError) -> bool:
    """Whether there is no connection at all, at once: the name is not known, or the address refuses."""
    reason = getattr(error, "reason", None) or error
    reason = reason.original_error if isinstance(reason, urllib3.exceptions.ProxyError) else reason
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _carry_on(file: File, part: Path, progress: Progress | None) -> bool:
    """Append to `part` what the publisher sends from where it ends; whether it is whole then."""
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        return True
    if not file.url.startswith(("http://", "https://")):
        return carry_on(file, part, progress)
    with _pool(file.url) as pool:
        headers = {"Range": f"bytes={have}-"} if have else {}
        # As it is, byte by byte: a server that compresses on its way would make another file of it.
        headers["Accept-Encoding"] = "identity"
        with pool.request(
            "GET", file.url + file.name, headers=headers, preload_content=False, decode_content=False
        ) as response:
            if response.status == 416 and have and file.size is None:
                return True  # there is nothing after what we have
            if 400 <= response.status < 500 and response.status not in PASSING:
                raise Final(f"the server answered {response.status}")
            if response.status not in (200, 206):
                raise urllib3.exceptions.HTTPError(f"the server answered {response.status}")
            if response.status == 200:
                have = 0  # the server does not resume: start over
            elif _first_byte(response.headers) not in (None, have):  # the digest decides where it says nothing
                part.unlink(missing_ok=True)
                raise urllib3.exceptions.HTTPError("the server sent another part of the file than was asked for")
            announced = _announced(response.headers)
            size = file.size or (MOST_UNKNOWN if announced is None else have + announced)
            if size > (file.size or MOST_UNKNOWN):
                raise Final(f"the server announces {size:,} bytes, more than {MOST_UNKNOWN:,}")
            with part.open("r+b" if part.exists() else "wb") as out:
                out.truncate(have)
                out.seek(have)
                for piece in _pieces(response):
                    have += len(piece)
                    if have > size:
                        out.truncate(0)
                        raise urllib3.exceptions.HTTPError(f"the server sent more than {size:,} bytes")
                    out.write(piece)
                    if progress:
                        progress(file.name, have, size)
    return have >= size or (file.size is None and announced is None)


def _pool(address: str) -> urllib3.PoolManager:
    """Return what fetches from there: through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, as for curl and pip, where they do.

    Raises:
        Final: the proxy's address is not one.
    """
    retries = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=5)
    parts = urlsplit(address)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return urllib3.PoolManager(timeout=TIMEOUT, retries=retries)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        login = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(proxy, timeout=TIMEOUT, retries=retries, proxy_headers=headers)
    except urllib3.exceptions.HTTPError as error:
        name = f"{parts.scheme.upper()}_PROXY"
        raise Final(f"the proxy of {name} is not one of http:// or https://: {error}") from error


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield what comes, as it comes; a server that sends next to nothing is given up, however often it sends it."""
    began, brought = time.monotonic(), 0
    while piece := response.read1(CHUNK):
        yield piece
        brought += len(piece)
        if (passed := time.monotonic() - began) > PATIENCE:
            if brought < SLOWEST * passed:
                raise urllib3.exceptions.HTTPError(f"the server sent {brought:,} bytes in {passed:.0f} s")
            began, brought = time.monotonic(), 0


def _announced(headers: urllib3.HTTPHeaderDict) -> int | None:
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def _first_byte(headers: urllib3.HTTPHeaderDict) -> int | None:
    """Return the first byte that an answer 206 says it holds."""
    unit, _, rest = headers.get("Content-Range", "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() and len(first) < 20 else None


def _short(problem: Exception | None) -> str:
    return str(problem).split("Caused by ")[-1][:200]
