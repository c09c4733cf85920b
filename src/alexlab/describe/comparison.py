"""Networks side by side, aligned by role: what is the same, what differs."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from alexlab.describe.description import Description, Layer
from alexlab.describe.pages import table_markdown, text_markdown
from alexlab.describe.structure import Block, block_text, blocks, layer_text, then_text
from alexlab.describe.tables import Table, shape_text, tells_connections
from alexlab.errors import UserError
from alexlab.networks.catalogue import NETWORKS
from alexlab.networks.initialisation import INITIALISATIONS
from alexlab.templates import fill


@dataclass(frozen=True)
class Row:
    """One line of the comparison: what it is about, and each network's value ("" where it has none)."""

    section: str
    label: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Return whether not all networks have the same."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True)
class Comparison:
    """Networks side by side. `str()` is the terminal's table; a notebook shows it as HTML.

    Attributes:
        networks: their names, in order.
        rows: at a glance, layer by layer, in numbers.
        words: for each network but the first, what it changes against the first.
    """

    networks: tuple[str, ...]
    rows: tuple[Row, ...]
    words: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [
            {
                "section": row.section,
                "label": row.label.strip(),
                "differs": row.differs,
                "values": dict(zip(self.networks, row.cells, strict=True)),
            }
            for row in self.rows
        ]
        return {"networks": list(self.networks), "rows": rows, "words": list(self.words)}

    def table(self) -> Table:
        """All rows, with a star where the networks differ."""
        rows = tuple(("*" if row.differs else "", row.label, *(cell or "-" for cell in row.cells)) for row in self.rows)
        return Table("", ("", "", *self.networks), rows)

    def markdown(self) -> str:
        """Return a page with the table and the words."""
        title = " and ".join(self.networks) if len(self.networks) == 2 else ", ".join(self.networks)
        words = [text_markdown(text) for text in self.words]
        parts = [text_markdown(f"# {title}"), table_markdown(self.table()), "\\* differs", *words]
        return "\n\n".join(parts) + "\n"

    def __str__(self) -> str:
        out = StringIO()
        print_comparison(self, Console(file=out, width=100, color_system=None, legacy_windows=False, highlight=False))
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"

    def page(self) -> str:
        """Return a whole HTML page with the table and the words. It loads nothing from anywhere."""
        title = ", ".join(self.networks)
        return fill("alexlab.describe", "page.html", title=title, element="comparison.html", **self._facts())

    def _repr_html_(self) -> str:
        return fill("alexlab.describe", "comparison.html", **self._facts())

    def _facts(self) -> dict[str, Any]:
        differing = [i for i, row in enumerate(self.rows) if row.differs]
        return {"compared": self.table(), "differing": differing, "words": self.words}


def compare(*descriptions: Description) -> Comparison:
    """Put networks beside each other, each block of one beside the block of the same role of the others.

    Convolutions are aligned from the first, fully connected layers from the first too, and the last layer of each
    network with the last of the others.

    Raises:
        UserError: fewer than two networks, or one whose shapes do not fit.
    """
    if len(descriptions) < 2:
        raise UserError(f"found {len(descriptions)} network to compare; expected two or more.")
    for description in descriptions:
        if description.failure is not None:
            failure = description.failure
            raise UserError(
                f"{description.network}: shapes do not fit at {failure.layer} ({failure.kind}), so there is nothing to "
                f"compare. `alexlab describe {description.network}` says why."
            )
    names = _distinct([description.network for description in descriptions])
    drawn = [blocks(description) for description in descriptions]
    glance = [Row("at a glance", label, cells) for label, cells in _glance(descriptions, drawn) if any(cells)]
    layers = [Row("layer by layer", label, cells) for label, cells in _layers(descriptions, drawn)]
    numbers = [Row("in numbers", label, cells) for label, cells in _numbers(descriptions)]
    words = tuple(_changes(names, [*glance, *layers], i, descriptions) for i in range(1, len(descriptions)))
    return Comparison(tuple(names), (*glance, *layers, *numbers), words)


SHAPE = re.compile(r" -> [0-9x]+")


def _distinct(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    made = []
    for name in names:
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _glance(descriptions: tuple[Description, ...], drawn: list[tuple[Block, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    def each(role: str) -> tuple[str, ...]:
        return tuple(
            _counted(_exactly(layer) for layer in _in_one_tower(d, made) if layer.role == role)
            for d, made in zip(descriptions, drawn, strict=True)
        )

    known = [next((entry for entry in NETWORKS if entry.name == d.network), None) for d in descriptions]
    return [
        ("input", tuple(" and ".join(map(shape_text, d.inputs)) for d in descriptions)),
        ("depth", tuple(_depth(made) for made in drawn)),
        ("activation", each("activation")),
        ("pooling", each("pooling")),
        ("normalisation", each("normalisation")),
        ("dropout", each("dropout")),
        ("towers", tuple(str(max((len(b.towers) for b in made if b.alike), default=1)) for made in drawn)),
        ("outputs", tuple(d.outputs for d in descriptions)),
        ("first weights", tuple(INITIALISATIONS[entry.initialisation].words if entry else "" for entry in known)),
        ("pixels", tuple(entry.pixels if entry else "" for entry in known)),
    ]


def _exactly(layer: Layer) -> str:
    """Return a layer in a few words, with the settings over which tutorials disagree."""
    if layer.role == "normalisation" and layer.kind in ("LocalResponseNorm", "WithinMapNorm"):
        name = "LRN" if layer.kind == "LocalResponseNorm" else "within each map"
        return f"{name} ({layer.settings.get('settings', '')})"
    return (
        f"dropout {layer.settings.get('p', '')}, halved in the test"
        if layer.kind == "UnscaledDropout"
        else layer_text(layer)
    )


def _in_one_tower(description: Description, made: tuple[Block, ...]) -> list[Layer]:
    """Return what comes before the first weighted layer, and what follows each in the first of its towers."""
    return _before_first(description, made) + [layer for block in made for layer in block.towers[0].then]


def _counted(texts: Iterable[str]) -> str:
    return ", ".join(f"{count} x {text}" if count > 1 else text for text, count in Counter(texts).items())


def _depth(made: tuple[Block, ...]) -> str:
    count = sum(block.role == "convolution" for block in made)
    return f"{len(made)}: {count} convolution{'s' * (count != 1)}, {len(made) - count} fully connected"


def _layers(descriptions: tuple[Description, ...], drawn: list[tuple[Block, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """Two lines a block: the weighted layer, and what follows it. What comes before the first is a line of its own."""
    rows = []
    before = tuple(
        ", ".join(layer_text(layer) for layer in _before_first(description, made))
        for description, made in zip(descriptions, drawn, strict=True)
    )
    if any(before):
        rows.append(("before", before))
    parts = [_parts(made) for made in drawn]
    for name in ("conv", "fc", "output"):
        for i in range(max(len(part[name]) for part in parts)):
            aligned = [part[name][i] if i < len(part[name]) else None for part in parts]
            label = name if name == "output" else f"{name} {i + 1}"
            rows.append((label, tuple(block_text(block) if block else "" for block in aligned)))
            then = tuple(then_text(block) if block else "" for block in aligned)
            if any(then):
                rows.append(("  then", then))
    return rows


def _before_first(description: Description, made: tuple[Block, ...]) -> list[Layer]:
    first = description.layers.index(made[0].towers[0].layer) if made else 0
    return [layer for layer in description.layers[:first] if layer.role != "reshape"]


def _parts(made: tuple[Block, ...]) -> dict[str, list[Block]]:
    hidden = list(made[:-1])
    return {
        "conv": [block for block in hidden if block.role == "convolution"],
        "fc": [block for block in hidden if block.role == "linear"],
        "output": list(made[-1:]),
    }


def _numbers(descriptions: tuple[Description, ...]) -> list[tuple[str, tuple[str, ...]]]:
    connections = [("connections", tuple(f"{d.totals.connections:,}" for d in descriptions))]
    return [
        ("parameters", tuple(f"{d.totals.parameters:,}" for d in descriptions)),
        *(connections if any(map(tells_connections, descriptions)) else []),
        ("multiply-adds", tuple(f"{d.totals.multiply_adds:,}" for d in descriptions)),
        ("units", tuple(f"{d.totals.units:,}" for d in descriptions)),
    ]


def _changes(names: list[str], rows: list[Row], i: int, descriptions: tuple[Description, ...]) -> str:
    """Return what network i changes against the first, in a sentence; layer by layer where both are as deep."""
    parts = []
    same_depth = any(row.label == "depth" and row.cells[i] == row.cells[0] for row in rows)
    above = ""
    for row in rows:
        mine, first = (SHAPE.sub("", cell) for cell in (row.cells[i], row.cells[0]))
        label, above = row.label, row.label if row.label != "  then" else above
        if mine == first or (row.section != "at a glance" and not same_depth):
            continue
        if label == "  then":
            parts.append(f"after {above} {mine or 'nothing'} instead of {first or 'nothing'}")
        elif not first:
            parts.append(f"{row.label} {mine}, which {names[0]} does not have")
        elif not mine:
            parts.append(f"no {row.label}" if row.label != "before" else f"no {first} before conv 1")
        else:
            parts.append(f"{row.label} {mine} instead of {first}")
    for label, mine_count, first_count in (
        ("parameters", descriptions[i].totals.parameters, descriptions[0].totals.parameters),
        ("multiply-adds", descriptions[i].totals.multiply_adds, descriptions[0].totals.multiply_adds),
    ):
        if mine_count != first_count and first_count:
            parts.append(f"{_times(mine_count / first_count)} the {label}")
    changed = "; ".join(parts) if parts else "nothing that counts here"
    return f"{names[i]} against {names[0]}: {changed}."


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.3g} times"


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Write a comparison to a console of any width."""
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False, header_style="bold")
    for column in comparison.table().columns:
        table.add_column(column, overflow="fold")
    section = comparison.rows[0].section
    for row, cells in zip(comparison.rows, comparison.table().rows, strict=True):
        if row.section != section:
            table.add_section()
            section = row.section
        table.add_row(*[Text(cell) for cell in cells], style="" if row.differs else "dim")
    console.print(table)
    console.print(Text("* differs", style="dim"))
    for text in comparison.words:
        console.print()
        console.print(Text(text))
