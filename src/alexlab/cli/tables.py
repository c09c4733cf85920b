"""Tables for a terminal."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from alexlab.showing import shown


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = (), title: str = ""
) -> None:
    """Print a table that fits the terminal; the columns numbered in `right` are aligned right."""
    table = Table(box=box.SIMPLE_HEAD, title=shown(title) or None, title_justify="left", pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)  # a pipe has no width; do not fold for it
    console.print(table)
