"""A description, or any Table, in the terminal: plain text that fits 80 columns, and uses more where there are more."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from alexlab.describe.tables import (
    Table,
    costs_table,
    notes_by_layer,
    shape_text,
    shapes_table,
    workings_table,
)
from alexlab.describe.words import LEGEND, failure_lines, sentences

if TYPE_CHECKING:
    from alexlab.describe.description import Description

WIDE = 112
"""From this many columns on, the workings have columns of their own."""


def print_description(description: Description, console: Console, with_failure: bool = True) -> None:
    """Write a description to a console of any width."""
    wide = console.width >= WIDE
    inputs = " and ".join(shape_text(shape) for shape in description.inputs)
    batch = f", batch of {description.batch}" if description.batch > 1 else ""
    gives = "does not fit" if description.failure else f"gives {description.outputs}"
    console.print(Text(f"{description.network}  input {inputs}{batch}, {gives}", style="bold"))
    if description.source:
        console.print(Text(description.source, style="dim"))
    print_table(shapes_table(description, with_working=wide), console)
    print_table(costs_table(description, with_working=wide), console)
    workings = workings_table(description, with_sizes=not wide)
    if workings.rows:
        print_table(workings, console)
    notes = notes_by_layer(description)
    if notes:
        print_table(Table("Notes", ("layer", "note"), tuple(notes)), console)
    for text in [*sentences(description), LEGEND]:
        console.print()
        console.print(Text(text, style="dim" if text == LEGEND else ""))
    if description.failure is not None and with_failure:
        failure = description.failure
        console.print()
        console.print(Text(f"Does not fit: {failure.layer} ({failure.kind})", style="bold red"))
        for label, text in failure_lines(failure):
            console.print(Padding(Text(f"{label}: {text}"), (0, 0, 0, 2)))


def print_table(table: Table, console: Console) -> None:
    """Write a table. A cell that is too wide is folded, never cut."""
    shown = RichTable(
        title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0),
        show_edge=False, pad_edge=False, header_style="",
    )  # fmt: skip
    for column in table.columns:
        right = column in table.right
        longest = max((len(row[0]) for row in table.rows), default=0) if column == table.columns[0] else 0
        shown.add_column(
            column, justify="right" if right else "left", overflow="fold", no_wrap=right, min_width=min(longest, 16)
        )
    for i, row in enumerate(table.rows):
        if table.summed and i == len(table.rows) - 1:
            shown.add_section()
        shown.add_row(*[Text(cell) for cell in row])
    console.print()
    console.print(shown)


def description_text(description: Description, width: int = 100, with_failure: bool = True) -> str:
    """Return the terminal's table as text of `width` columns."""
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, legacy_windows=False, highlight=False)
    print_description(description, console, with_failure)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
