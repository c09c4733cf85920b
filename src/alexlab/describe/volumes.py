"""Feature maps as boxes in parallel perspective: the marks that both diagrams are made of."""

from dataclasses import dataclass

from alexlab.describe.drawing import Line, Mark, Point, Polygon

SLANT: Point = (0.42, -0.30)
"""Where a unit of length away from the viewer goes on paper."""


@dataclass(frozen=True)
class Box:
    """A box: `x`, `y` its front lower left corner, `wide` and `high` its front, `deep` how far it goes back."""

    x: float
    y: float
    wide: float
    high: float
    deep: float

    def at(self, along: float, up: float, back: float) -> Point:
        """Return a point of the box on paper; each of the three from 0 to 1."""
        away = back * self.deep
        return self.x + along * self.wide + away * SLANT[0], self.y - up * self.high + away * SLANT[1]

    @property
    def left(self) -> float:
        """Return its left end on paper."""
        return self.x

    @property
    def right(self) -> float:
        """Return its right end on paper, the depth included."""
        return self.x + self.wide + self.deep * SLANT[0]

    @property
    def top(self) -> float:
        """Return its highest point on paper."""
        return self.y - self.high + self.deep * SLANT[1]

    @property
    def middle(self) -> float:
        """Half way between its highest and lowest point on paper."""
        return (self.top + self.y) / 2

    def marks(self, colour: str) -> list[Mark]:
        """Its three visible faces."""
        corner = self.at
        front = (corner(0, 0, 0), corner(1, 0, 0), corner(1, 1, 0), corner(0, 1, 0))
        top = (corner(0, 1, 0), corner(1, 1, 0), corner(1, 1, 1), corner(0, 1, 1))
        side = (corner(1, 0, 0), corner(1, 0, 1), corner(1, 1, 1), corner(1, 1, 0))
        return [
            Polygon(front, colour, 0.0, "edge"),
            Polygon(top, colour, 0.35, "edge"),
            Polygon(side, colour, -0.18, "edge"),
        ]


def window_on(box: Box, high: float, deep: float) -> tuple[Point, Point, Point, Point]:
    """Return the outline of a kernel on the right face of a box, in the middle; sizes as shares of the face."""
    up, back = (1 - high) / 2, (1 - deep) / 2
    return (
        box.at(1, up, back),
        box.at(1, up, back + deep),
        box.at(1, up + high, back + deep),
        box.at(1, up + high, back),
    )


def rays(window: tuple[Point, ...], to: Point) -> list[Mark]:
    """Return the lines from a kernel's corners to the unit that it makes."""
    return [Line(corner, to, "window", 0.6) for corner in window]


def fan(source: Box, target: Box) -> Polygon:
    """Everything to everything: the area between the right end of one box and the left edge of another."""
    points = (source.at(1, 1, 0.5), target.at(0, 1, 0.5), target.at(0, 0, 0.5), source.at(1, 0, 0.5))
    return Polygon(points, "fan", edge="fan", width=0.3, opacity=0.75)
