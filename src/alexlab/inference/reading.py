"""Images to be classified: files, whole folders, and standard input."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from alexlab.data.sources.files import open_files
from alexlab.data.sources.names import IMAGE_ENDINGS, images_among
from alexlab.errors import UserError


def image_files(paths: Iterable[str], standard_input: BinaryIO) -> Iterator[tuple[str, bytes | str]]:
    """For each image its path and the file's content, or the path and why there is none; folders are gone through by name."""
    for path in image_paths(paths):
        try:
            data = standard_input.read() if path == "-" else Path(path).read_bytes()
            yield path, data
        except OSError as error:
            yield path, f"{path}: cannot be read ({error.strerror or error})."


def image_paths(paths: Iterable[str]) -> Iterator[str]:
    """Return the paths of images, the folders among them gone through by name. Raises UserError where a folder holds none."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            files = open_files(Path(path))
            inside = images_among(files.names, files.start, {})
            if not inside:
                raise UserError(f"{path}: holds no images (looked for {', '.join(IMAGE_ENDINGS)}).")
            yield from (str(Path(path) / name) for name in inside)
        else:
            yield path
