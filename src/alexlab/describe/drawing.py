"""A drawing as a list of marks, and as SVG, which is the same on every machine and whose text can be edited."""

from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

FONT = "Helvetica Neue, Arial, DejaVu Sans, sans-serif"
CHARACTER_WIDTH = 0.56
"""Width of an average character in units of the text's size, for the layout."""

THEMES: dict[str, dict[str, str]] = {
    "light": {
        "paper": "#ffffff", "ink": "#1b2530", "soft": "#5a6673", "line": "#98a4b0", "window": "#c8372d",
        "input": "#cfd6dd", "convolution": "#79aed8", "pooling": "#eebd7c", "linear": "#a996d3", "fan": "#dfe5ec",
        "lit": "#ffffff", "shade": "#20344a", "edge": "#20344a",
    },
    "dark": {
        "paper": "#14181d", "ink": "#e8ebee", "soft": "#a0abb6", "line": "#63707d", "window": "#ff8a75",
        "input": "#7d8893", "convolution": "#4f8fc4", "pooling": "#c98d3e", "linear": "#8c75c4", "fan": "#262e37",
        "lit": "#ffffff", "shade": "#0a0d10", "edge": "#b4bfca",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Polygon:
    """A filled outline. `fill` is a colour of the theme, moved by `light` towards white (above 0) or black (below)."""

    points: tuple[Point, ...]
    fill: str
    light: float = 0.0
    edge: str = "line"
    width: float = 0.7
    opacity: float = 1.0


@dataclass(frozen=True)
class Line:
    """A straight line; dashed, or with an arrow at its end."""

    start: Point
    end: Point
    colour: str = "line"
    width: float = 0.8
    dashed: bool = False
    arrow: bool = False


@dataclass(frozen=True)
class Curve:
    """An open line through points."""

    points: tuple[Point, ...]
    colour: str
    width: float


@dataclass(frozen=True)
class Words:
    """One line of text. `anchor` is start, middle or end; `at` is on its baseline."""

    at: Point
    text: str
    size: float = 11
    anchor: str = "middle"
    colour: str = "ink"
    bold: bool = False


Mark = Polygon | Line | Curve | Words


@dataclass(frozen=True)
class Drawing:
    """Shapes in the order in which they are painted; y grows downwards. A notebook shows it as it is."""

    width: float
    height: float
    title: str
    marks: tuple[Mark, ...]
    theme: str = "light"

    def svg(self) -> str:
        """Return the drawing as an SVG document."""
        return svg(self)

    def _repr_svg_(self) -> str:
        return svg(self)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a line of text is."""
    return len(text) * size * CHARACTER_WIDTH * (1.06 if bold else 1.0)


def colour(theme: str, name: str, light: float = 0.0) -> str:
    """Return a colour of a theme as #rrggbb, mixed with the theme's light or shade."""
    mixed = THEMES[theme]["lit" if light > 0 else "shade"]
    pairs = zip(_rgb(THEMES[theme][name]), _rgb(mixed), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * abs(light)):02x}" for a, b in pairs)


def _rgb(code: str) -> tuple[int, int, int]:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def svg(drawing: Drawing) -> str:
    """Return the drawing as an SVG document."""
    size = f"{_number(drawing.width)} {_number(drawing.height)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{_number(drawing.width)}" '
        f'height="{_number(drawing.height)}" font-family="{FONT}" role="img">',
        f"<title>{escape(drawing.title)}</title>",
        f'<rect width="100%" height="100%" fill="{colour(drawing.theme, "paper")}"/>',
    ]
    lines.extend(_svg_mark(mark, drawing.theme) for mark in drawing.marks)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _svg_mark(mark: Mark, theme: str) -> str:
    if isinstance(mark, Polygon):
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
        clear = f' opacity="{_number(mark.opacity)}"' if mark.opacity < 1 else ""
        edge = f'stroke="{colour(theme, mark.edge)}" stroke-width="{_number(mark.width)}" stroke-linejoin="round"'
        return f'<polygon points="{points}" fill="{colour(theme, mark.fill, mark.light)}" {edge}{clear}/>'
    if isinstance(mark, Line):
        (x1, y1), (x2, y2) = mark.start, mark.end
        dash = ' stroke-dasharray="3 2.5"' if mark.dashed else ""
        stroke = f'stroke="{colour(theme, mark.colour)}" stroke-width="{_number(mark.width)}"'
        ends = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
        line = f"<line {ends} {stroke}{dash}/>"
        head = _svg_mark(arrow_head(mark), theme) if mark.arrow else ""
        return line + head
    if isinstance(mark, Curve):
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
        stroke = f'stroke="{colour(theme, mark.colour)}" stroke-width="{_number(mark.width)}" stroke-linejoin="round"'
        return f'<polyline points="{points}" fill="none" {stroke}/>'
    weight = ' font-weight="600"' if mark.bold else ""
    return (
        f'<text x="{_number(mark.at[0])}" y="{_number(mark.at[1])}" font-size="{_number(mark.size)}" '
        f'text-anchor="{mark.anchor}" fill="{colour(theme, mark.colour)}"{weight}>{escape(mark.text)}</text>'
    )


def arrow_head(line: Line) -> Polygon:
    """Return the triangle at the end of an arrow."""
    (x1, y1), (x2, y2) = line.start, line.end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    base = (x2 - 6 * ux, y2 - 6 * uy)
    sides = ((base[0] - 2.6 * uy, base[1] + 2.6 * ux), (base[0] + 2.6 * uy, base[1] - 2.6 * ux))
    return Polygon(((x2, y2), *sides), line.colour, edge=line.colour, width=0.3)
