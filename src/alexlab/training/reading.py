"""Images to be classified: files, whole folders, and standard input, decoded ahead of the network."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from alexlab.data.decode import decode
from alexlab.data.files import open_files
from alexlab.data.folder import IMAGE_ENDINGS
from alexlab.errors import UserError

AHEAD = 128  # images decoded before they are asked for

Read = tuple[str, Image.Image | str]


def pictures(paths: Iterable[str], standard_input: BinaryIO) -> Iterator[Read]:
    """For each image its path and the picture, or the path and why there is none; folders are gone through by name."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting: deque[Future[Read]] = deque()
        for path in _each(paths):
            waiting.append(pool.submit(_read, path, standard_input))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _each(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path != "-" and Path(path).is_dir():
            inside = [name for name in open_files(Path(path)).names if name.lower().endswith(IMAGE_ENDINGS)]
            if not inside:
                raise UserError(f"{path}: holds no images (looked for {', '.join(IMAGE_ENDINGS)}).")
            yield from (str(Path(path) / name) for name in inside)
        else:
            yield path


def _read(path: str, standard_input: BinaryIO) -> Read:
    try:
        data = standard_input.read() if path == "-" else Path(path).read_bytes()
        return path, decode(data, "standard input" if path == "-" else path)
    except OSError as error:
        return path, f"{path}: cannot be read ({error.strerror or error})."
    except UserError as error:
        return path, str(error)
