"""A run is put to use: images are classified, and it is taken along as a file."""

import tempfile
from pathlib import Path
from typing import Any

from alexlab.errors import UserError
from alexlab.web.studio.opened import Opened


def classified(opened: Opened, name: str, content: bytes, inverted: bool) -> dict[str, Any]:
    """Return what the run predicts of an image file, in the words of `predict --json`."""
    with opened.lock:
        (found,) = opened.run.predictions([(name, content)], device="cpu", invert=inverted)
    return found.facts()


def as_onnx(opened: Opened) -> bytes:
    """Return the run as the ONNX file that `alexlab export` writes, held against the run as always."""
    try:
        from alexlab.export.exporting import export
    except ModuleNotFoundError as error:
        raise UserError(f"exporting takes {error.name}: pip install 'alexlab[export]'.") from None
    with tempfile.TemporaryDirectory(prefix="alexlab-studio-") as place:
        file = Path(place) / "run.onnx"
        with opened.lock:
            export(opened.run, file, data_dir=opened.data_dir)
        return file.read_bytes()
