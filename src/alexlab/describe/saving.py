"""The files that a drawing can become: SVG, and PNG and PDF, which are matplotlib's."""

from pathlib import Path

from alexlab.describe.drawing import Drawing
from alexlab.errors import UserError
from alexlab.writing import write_file


def save(drawing: Drawing, path: Path) -> None:
    """Write a drawing as what the name of the file asks for: .svg, .png (two pixels a unit) or .pdf.

    Raises:
        UserError: another ending, or a file that cannot be written.
    """
    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise UserError(f"{path}: found the ending {path.suffix!r}; expected .svg, .png or .pdf.")
    if path.suffix.lower() == ".svg":
        write_file(path, drawing.svg().encode())
        return
    from alexlab.describe.raster import raster  # imports matplotlib

    write_file(path, raster(drawing, path.suffix.lower().removeprefix(".")))
