"""Networks beside each other, as the textbooks draw LeNet and AlexNet: from the picture below to the classes above.

Blocks of the same role stand at the same height. A feature map is a plate as wide and deep as it has pixels and as
thick as there are maps, a fully connected layer a bar as long as it has units; one scale holds for all networks.
"""

from dataclasses import dataclass

from alexlab.describe.description import Description
from alexlab.describe.drawing import Drawing, Line, Mark, Words, text_width
from alexlab.describe.structure import Block, blocks, layer_text, short_name
from alexlab.describe.tables import shape_text
from alexlab.describe.volumes import Box

WIDEST = 170.0
THICKEST = 30.0
MARGIN = 36.0
STEP = 30.0
"""Free height between one plate and the next."""


@dataclass(frozen=True)
class Plate:
    """One thing in a column: what it is, what shape it has, in how many towers, and its caption's two lines."""

    role: str
    shape: tuple[int, ...]
    towers: int
    title: str
    detail: str
    crosses: bool = False


@dataclass(frozen=True)
class Scale:
    """Units of the drawing for a pixel, for a map, and for a unit of a fully connected layer, for all networks."""

    pixel: float
    map: float
    unit: float

    def size(self, shape: tuple[int, ...]) -> tuple[float, float, float]:
        """Width, height and depth of the plate of one output."""
        if len(shape) < 2:
            return max((shape[0] if shape else 1) * self.unit, 3.0), 5.0, 7.0
        channels, *sides = shape
        wide = max(sides[-1] * self.pixel, 2.0)
        return wide, max(channels * self.map, 1.5), max((sides[0] if len(sides) > 1 else 1) * self.pixel, 2.0)


def column_diagram(descriptions: list[Description], theme: str = "light") -> Drawing:
    """Draw networks whose shapes fit, in columns."""
    columns = [_plates(description) for description in descriptions]
    keys = _order(columns)
    scale = _scale([plate for column in columns for plate in column.values()])
    heights = [max(_high(scale, column[key]) for column in columns if key in column) for key in keys]
    places: dict[str, float] = {}
    y = 78.0
    for key, high in zip(reversed(keys), reversed(heights), strict=True):
        y += max(high, 26.0)
        places[key] = y
        y += STEP
    marks: list[Mark] = []
    x = MARGIN
    for description, column in zip(descriptions, columns, strict=True):
        boxes_wide = max(_wide(scale, plate) for plate in column.values())
        text_at = x + boxes_wide + 22
        captions = [line for p in column.values() for line in ((p.title, 11.0, True), (p.detail, 10.0, False))]
        texts_wide = max(text_width(*caption) for caption in captions)
        heading = f"{description.totals.parameters:,} parameters, {description.totals.multiply_adds:,} multiply-adds"
        marks.append(Words((x, 34), short_name(description), 16, "start", bold=True))
        marks.append(Words((x, 52), heading, 10.5, "start", "soft"))
        marks += _column(column, keys, places, scale, x + boxes_wide / 2, text_at)
        x = (
            max(text_at + texts_wide, x + text_width(heading, 10.5), x + text_width(short_name(description), 16, True))
            + 44
        )
    legend = (
        "To scale, one scale for all: sides of the maps; number of maps (thickness); units of fully connected layers."
    )
    marks.append(Words((MARGIN, y + 8), legend, 9.5, "start", "soft"))
    wide = max(x - 44 + MARGIN, MARGIN * 2 + text_width(legend, 9.5))
    title = " beside ".join(short_name(description) for description in descriptions)
    return Drawing(wide, y + 26, title, tuple(marks), theme)


def _plates(description: Description) -> dict[str, Plate]:
    """Return the plates of one network by the place where they stand: input, conv 1, conv 1 pool, ..., fc 1, ..., output."""
    found = {"input": Plate("input", description.input, 1, f"image, {shape_text(description.input)}", "")}
    made = blocks(description)
    numbers = {"convolution": 0, "linear": 0}
    for i, block in enumerate(made):
        numbers[block.role] += 1
        is_last = i == len(made) - 1
        key = "output" if is_last else f"{'conv' if block.role == 'convolution' else 'fc'} {numbers[block.role]}"
        found |= _block_plates(key, block)
    return found


def _block_plates(key: str, block: Block) -> dict[str, Plate]:
    layer, count = block.towers[0].layer, len(block.towers)
    times = f"{count} x " if count > 1 else ""
    then = block.towers[0].then
    pool_at = next((i for i, follower in enumerate(then) if follower.role == "pooling"), len(then))
    what = _spelt(layer_text(layer)) if block.role == "convolution" else f"{layer_text(layer)} units"
    crossing = ", each reads all" if block.crosses and count > 1 else ""
    follows = [layer_text(follower) for follower in then[:pool_at]]
    shape = shape_text(layer.output_shape) if len(layer.output_shape) > 1 else ""
    detail = ", then ".join(part for part in (f"{times}{shape}" if shape else "", ", ".join(follows)) if part)
    title = f"{block.label}: {times}{what}{crossing}"
    found = {key: Plate(block.role, layer.output_shape, count, title, detail, block.crosses)}
    if pool_at < len(then):
        pooled = block.towers[0].output_shape
        title = ", ".join(_spelt(layer_text(follower)) for follower in then[pool_at:])
        found[f"{key} pool"] = Plate("pooling", pooled, count, title, f"{times}{shape_text(pooled)}")
    return found


def _spelt(text: str) -> str:
    return text.replace(" of ", " filters ").replace(", s ", ", stride ").replace(", p ", ", padding ")


def _order(columns: list[dict[str, Plate]]) -> list[str]:
    """All places from the input to the output, the convolutions of every network before the fully connected layers."""

    def rank(key: str) -> tuple[int, int, int]:
        if key in ("input", "output"):
            return (0 if key == "input" else 3, 0, 0)
        kind, number, *pool = key.split(" ")
        return (1 if kind == "conv" else 2, int(number), len(pool))

    places = {key for column in columns for key in column}
    ends = {"output pool"} & places  # a network may end in a pooling
    return [*sorted(places - ends, key=rank), *ends]


def _scale(plates: list[Plate]) -> Scale:
    maps = [plate.shape for plate in plates if len(plate.shape) > 1]
    bars = [plate.shape[0] * plate.towers for plate in plates if len(plate.shape) == 1]
    largest = max((max(shape[1:]) for shape in maps), default=1)
    return Scale(
        WIDEST / largest / 1.42, THICKEST / max((shape[0] for shape in maps), default=1), WIDEST / max(bars, default=1)
    )


def _wide(scale: Scale, plate: Plate) -> float:
    wide, _, deep = scale.size(plate.shape)
    return plate.towers * (Box(0, 0, wide, 0, deep).right + 10) - 10


def _high(scale: Scale, plate: Plate) -> float:
    wide, high, deep = scale.size(plate.shape)
    return -Box(0, 0, wide, high, deep).top


def _column(
    column: dict[str, Plate], keys: list[str], places: dict[str, float], scale: Scale, centre: float, text_at: float
) -> list[Mark]:
    marks: list[Mark] = []
    below: list[Box] = []
    apart = _apart(column, scale)
    for key in keys:
        if key not in column:
            continue
        plate = column[key]
        boxes = _boxes(plate, scale, centre, places[key], apart)
        marks += _arrows(below, boxes, plate.crosses)
        for box in boxes:
            marks += box.marks(plate.role)
        middle = (boxes[0].top + boxes[0].y) / 2
        marks.append(Words((text_at, middle + (0 if plate.detail else 4)), plate.title, 11, "start", bold=True))
        if plate.detail:
            marks.append(Words((text_at, middle + 13), plate.detail, 10, "start", "soft"))
        below = boxes
    return marks


def _apart(column: dict[str, Plate], scale: Scale) -> float:
    """How far the middles of two towers of a column are from each other."""
    wide = [_wide(scale, plate) / plate.towers for plate in column.values() if plate.towers > 1]
    return max(wide, default=0.0) + 10


def _boxes(plate: Plate, scale: Scale, centre: float, y: float, apart: float) -> list[Box]:
    wide, high, deep = scale.size(plate.shape)
    start = centre - Box(0, 0, wide, high, deep).right / 2 - apart * (plate.towers - 1) / 2
    return [Box(start + i * apart, y, wide, high, deep) for i in range(plate.towers)]


def _arrows(below: list[Box], above: list[Box], crosses: bool) -> list[Mark]:
    """From each plate to the one above it; where towers meet, or their number changes, to all of them."""
    if len(below) == len(above) and not crosses:
        pairs = list(zip(below, above, strict=True))
    else:
        pairs = [(low, top) for low in below for top in above]
    return [
        Line(
            ((low.left + low.right) / 2, low.top - 3), ((top.left + top.right) / 2, top.y + 4), "line", 1.0, arrow=True
        )
        for low, top in pairs
    ]
