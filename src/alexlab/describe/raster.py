"""A drawing as PNG or PDF, through matplotlib."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon as Patch

from alexlab.describe.drawing import Curve, Drawing, Line, Polygon, Words, arrow_head, colour
from alexlab.lettering import lettered

POINTS_PER_UNIT = 0.75
"""A unit of a drawing is a CSS pixel, 1/96 inch; matplotlib counts line widths and text in points, 1/72 inch."""


def raster(drawing: Drawing, form: str) -> bytes:
    """Return a drawing as "png" (192 dots an inch, two pixels a unit) or "pdf"."""
    figure = Figure(figsize=(drawing.width / 96, drawing.height / 96), facecolor=colour(drawing.theme, "paper"))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.axis("off")
    for order, mark in enumerate(drawing.marks):
        if isinstance(mark, Polygon):
            axes.add_patch(_patch(mark, drawing.theme, order))
        elif isinstance(mark, Line):
            xs, ys = zip(mark.start, mark.end, strict=True)
            style = (0, (3, 2.5)) if mark.dashed else "-"
            width = mark.width * POINTS_PER_UNIT
            axes.plot(xs, ys, color=colour(drawing.theme, mark.colour), linewidth=width, linestyle=style, zorder=order)
            if mark.arrow:
                axes.add_patch(_patch(arrow_head(mark), drawing.theme, order))
        elif isinstance(mark, Curve):
            xs, ys = zip(*mark.points, strict=True)
            width = mark.width * POINTS_PER_UNIT
            axes.plot(xs, ys, color=colour(drawing.theme, mark.colour), linewidth=width, zorder=order)
        else:
            _write(axes, mark, drawing.theme, order)
    metadata = {"Title": drawing.title}
    if form == "pdf":
        metadata |= {"CreationDate": None}  # type: ignore[dict-item]  # the same drawing is the same file
    content = BytesIO()
    with lettered(figure):
        figure.savefig(content, format=form, dpi=192, facecolor=figure.get_facecolor(), metadata=metadata)
    return content.getvalue()


def _patch(mark: Polygon, theme: str, order: int) -> Patch:
    return Patch(
        mark.points,
        closed=True,
        facecolor=colour(theme, mark.fill, mark.light),
        edgecolor=colour(theme, mark.edge),
        linewidth=mark.width * POINTS_PER_UNIT,
        alpha=mark.opacity,
        joinstyle="round",
        zorder=order,
    )


def _write(axes: object, mark: Words, theme: str, order: int) -> None:
    align = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
    axes.text(  # type: ignore[attr-defined]
        *mark.at,
        mark.text,
        fontsize=mark.size * POINTS_PER_UNIT * 0.93,  # DejaVu Sans is wider than the SVG's fonts
        ha=align,
        va="baseline",
        color=colour(theme, mark.colour),
        fontweight="bold" if mark.bold else "normal",
        zorder=order,
    )
