"""One network from left to right, as the AlexNet paper draws itself (figure 2): volumes to scale, towers in two rows.

Boxes: a feature map is as high and as deep as it has pixels, and as wide as there are maps. A fully connected layer
is a bar as high as it has units. Kernels are drawn on what they read, at the same scale.
"""

from dataclasses import dataclass
from math import prod

from alexlab.describe.description import Description, Layer
from alexlab.describe.drawing import Drawing, Line, Mark, Polygon, Words, text_width
from alexlab.describe.structure import Block, Tower, blocks, layer_text, short_name
from alexlab.describe.tables import shape_text
from alexlab.describe.volumes import Box, fan, rays, window_on

LARGEST_SIDE = 240.0
WIDEST = 56.0
TALLEST_BAR = 220.0
FEWEST_MAPS = 16
"""No box is wider than WIDEST, and one map alone is not drawn as thick as many."""

CAPTION = 10.5
GAP = 30.0
TOWER_GAP = 34.0


@dataclass(frozen=True)
class Scale:
    """Units of the drawing for a pixel of a map, for a map, and for a unit of a fully connected layer."""

    pixel: float
    map: float
    unit: float

    def box(self, shape: tuple[int, ...], x: float, centre: float) -> Box:
        """Return the box of one output, its middle at the height `centre`."""
        if len(shape) < 2:
            high = max((shape[0] if shape else 1) * self.unit, 3.0)
            deep = 7.0
            return _centred(x, centre, 7.0, high, deep)
        channels, *sides = shape
        high, deep = (sides[0], sides[1]) if len(sides) > 1 else (sides[0] if sides else 1, 1)
        return _centred(
            x, centre, max(channels * self.map, 2.5), max(high * self.pixel, 2.0), max(deep * self.pixel, 2.0)
        )


def _centred(x: float, centre: float, wide: float, high: float, deep: float) -> Box:
    raw = Box(x, 0, wide, high, deep)
    return Box(x, centre - raw.middle, wide, high, deep)


@dataclass(frozen=True)
class Placed:
    """The boxes of one tower of one block: the weighted layer's output, and the pooled one where it is pooled."""

    first: Box
    last: Box
    layer_shape: tuple[int, ...]
    last_shape: tuple[int, ...]


def row_diagram(description: Description, theme: str = "light") -> Drawing:
    """Draw one network whose shapes fit."""
    made = blocks(description)
    scale = _scale(description, made)
    towers = max((len(block.towers) for block in made), default=1)
    tower_high = max((_high(scale, t) for b in made if len(b.towers) > 1 for t in b.towers), default=0.0)
    picture = scale.box(description.input, 0, 0)
    high = max(picture.y - picture.top, towers * (tower_high + TOWER_GAP) - TOWER_GAP, TALLEST_BAR if made else 0)
    centre = 92 + high / 2
    behind: list[Mark] = []
    front: list[Mark] = []
    x = 34.0
    caption_y = centre + high / 2 + 34
    input_lines = _input_lines(description, made)
    wide = max(picture.right, *(text_width(line, CAPTION) for line in input_lines))
    start = _centred_in(picture, wide, x, centre)
    front += start.marks("input")
    front += _label(start, description.input)
    captions = [_caption(x, wide, caption_y, input_lines)]
    x += wide + GAP
    before = [Placed(start, start, description.input, description.input)]
    units = 0
    for block in made:
        lines = _caption_lines(block, units)
        units = sum(prod(tower.layer.output_shape) for tower in block.towers if len(tower.layer.output_shape) == 1)
        wide = max(max(text_width(line, CAPTION) for line in lines), _wide(scale, block))
        inset = (wide - _wide(scale, block)) / 2
        placed = [
            _place(scale, tower, x + inset, centre + (i - (len(block.towers) - 1) / 2) * (tower_high + TOWER_GAP))
            for i, tower in enumerate(block.towers)
        ]
        for tower, here in zip(block.towers, placed, strict=True):
            _connect(behind, front, tower, here, before)
        for here in placed:
            front += _drawn(here, block.role)
        captions.append(_caption(x, wide, caption_y, lines))
        x += wide + GAP
        before = placed
    deepest = max(len(caption) for caption in captions)
    title = f"{short_name(description)}: {description.totals.parameters:,} parameters, "
    title += f"{description.totals.multiply_adds:,} multiply-adds"
    bottom = caption_y + deepest * 14 + 16
    marks = [
        Words((34, 32), short_name(description), 17, "start", bold=True),
        Words((34, 51), title.split(": ", 1)[1], 11.5, "start", "soft"),
        *behind,
        *front,
        *(words for caption in captions for words in caption),
        Words((34, bottom), _legend(made), 9.5, "start", "soft"),
    ]
    wide = max([x + 4, *(34 + text_width(text, size) + 8 for text, size in ((_legend(made), 9.5), (title, 11.5)))])
    return Drawing(wide, bottom + 18, title, tuple(marks), theme)


def _scale(description: Description, made: tuple[Block, ...]) -> Scale:
    maps = [t.layer.output_shape for b in made for t in b.towers if len(t.layer.output_shape) > 1]
    volumes = [shape for shape in (description.input, *maps) if len(shape) > 1]
    bars = [t.layer.output_shape[0] for b in made for t in b.towers if len(t.layer.output_shape) == 1]
    bars += [description.input[0]] if len(description.input) == 1 else []
    largest = max((max(shape[1:]) for shape in volumes), default=1)
    towers = max((len(block.towers) for block in made), default=1)
    slope = 1.3  # a box is about this much higher on paper than its side: the slant adds to it
    return Scale(
        LARGEST_SIDE / largest / slope,
        WIDEST / max([FEWEST_MAPS, *(shape[0] for shape in maps)]),
        TALLEST_BAR / max(bars, default=1) / (1.0 if towers == 1 else 1.5),
    )


def _legend(made: tuple[Block, ...]) -> str:
    parts = ["sides of the maps", "the number of maps"] if any(b.role == "convolution" for b in made) else []
    if any(block.role == "linear" for block in made):
        parts.append("the units of fully connected layers")
    windows = " Red: what one unit reads." if any(b.role == "convolution" for b in made) else ""
    each = "; each at a scale of its own" if len(parts) > 1 else ""
    return f"To scale: {', '.join(parts)}{each}.{windows}"


def _wide(scale: Scale, block: Block) -> float:
    return max(_place(scale, tower, 0, 0).last.right for tower in block.towers)


def _high(scale: Scale, tower: Tower) -> float:
    box = _place(scale, tower, 0, 0).first
    return box.y - box.top


def _place(scale: Scale, tower: Tower, x: float, centre: float) -> Placed:
    shape, after = tower.layer.output_shape, tower.output_shape
    first = scale.box(shape, x, centre)
    if after == shape or len(after) < 2:
        return Placed(first, first, shape, shape)
    return Placed(first, scale.box(after, first.right + 9, centre), shape, after)


def _centred_in(box: Box, wide: float, x: float, centre: float) -> Box:
    return _centred(x + (wide - box.right) / 2, centre, box.wide, box.high, box.deep)


def _connect(behind: list[Mark], front: list[Mark], tower: Tower, here: Placed, before: list[Placed]) -> None:
    """Lines from what a tower reads: a kernel and its rays, or everything to everything."""
    sources = [before[i] for i in tower.reads if i < len(before)] or before
    for source in sources:
        kernel = tower.layer.settings.get("kernel")
        if tower.layer.role != "convolution" or not isinstance(kernel, tuple) or len(source.last_shape) < 2:
            behind.append(fan(source.last, here.first))
            continue
        sides = source.last_shape[1:]
        window = window_on(
            source.last, min(1.0, kernel[0] / sides[0]), min(1.0, kernel[-1] / sides[-1]) if len(sides) > 1 else 1.0
        )
        front.append(Polygon(window, "window", 0.55, "window", 0.7))
        front.extend(rays(window, here.first.at(0, 0.5, 0.5)))


def _drawn(here: Placed, role: str) -> list[Mark]:
    marks = here.first.marks(role)
    marks += _label(here.first, here.layer_shape)
    if here.last is not here.first:
        middle = here.first.middle
        marks.append(Line((here.first.right, middle), (here.last.left, middle), "line", 0.8))
        marks += here.last.marks("pooling")
    return marks


def _label(box: Box, shape: tuple[int, ...]) -> list[Mark]:
    """Return the sizes, where the paper has them: maps above the front edge, pixels beside the box."""
    middle = (box.left + box.right) / 2
    if len(shape) < 2:
        return [Words((middle, box.top - 6), str(shape[0] if shape else 1), 10.5)]
    return [
        Words((middle, box.top - 18), str(shape[0]), 10.5, bold=True),
        Words((middle, box.top - 6), shape_text(shape[1:]), 9.5, colour="soft"),
    ]


def _input_lines(description: Description, made: tuple[Block, ...]) -> list[str]:
    first = description.layers.index(made[0].towers[0].layer)
    padded = [layer_text(layer) for layer in description.layers[:first] if layer.role == "padding"]
    return ["input", shape_text(description.input), *padded]


def _caption_lines(block: Block, previous: int) -> list[str]:
    """Return what the block does, a line each. `previous` is how many units the block before has, 0 for maps."""
    layer = block.towers[0].layer
    count = len(block.towers)
    start = f"{count} x " if count > 1 and block.alike else ""
    lines = [block.label]
    if block.role == "linear":
        lines.append(f"{start}{layer_text(layer)} units")
        if len(layer.input_shape) == 1 and layer.input_shape[0] != previous:
            lines.append(f"each reads {layer.input_shape[0]}")
    else:
        lines += [start + line for line in _convolution_lines(layer)[:1]] + _convolution_lines(layer)[1:]
    if block.crosses:
        lines.append("reads both towers" if len(block.towers[0].reads) == 2 else "reads all towers")
    then = block.towers[0].then
    for i, follower in enumerate(then):
        lines.append(layer_text(follower).replace(", s ", ", stride "))
        if follower.role == "pooling" and not any(later.role == "pooling" for later in then[i + 1 :]):
            lines.append(f"to {shape_text(follower.output_shape)}")
    return lines


def _convolution_lines(layer: Layer) -> list[str]:
    settings = layer.settings
    kernel = settings.get("kernel")
    text = shape_text(kernel) if isinstance(kernel, tuple) else ""
    lines = [f"{settings.get('filters', '')} filters {text}".strip()]
    for key in ("stride", "padding", "dilation", "groups"):
        value = settings.get(key)
        if value is None or (key == "stride" and isinstance(value, tuple) and set(value) == {1}):
            continue
        shown = str(value[0]) if isinstance(value, tuple) and len(set(value)) == 1 else value
        lines.append(f"{key} {shape_text(shown) if isinstance(shown, tuple) else shown}")
    return lines


def _caption(x: float, wide: float, y: float, lines: list[str]) -> list[Words]:
    return [
        Words(
            (x + wide / 2, y + i * 14),
            line,
            11.5 if i == 0 else CAPTION,
            bold=i == 0,
            colour="ink" if i == 0 else "soft",
        )
        for i, line in enumerate(lines)
    ]
