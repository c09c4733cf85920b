"""A description, or any Table, as Markdown, CSV and HTML."""

import csv
from html import escape
from io import StringIO

from alexlab.describe.description import Description
from alexlab.describe.tables import (
    Table,
    costs_table,
    full_table,
    notes_by_layer,
    shape_text,
    shapes_table,
    workings_table,
)
from alexlab.describe.words import LEGEND, failure_lines, sentences

STYLE = """
.alexlab { --ink: #1a1d21; --soft: #5d6670; --line: #d5dae0; --paper: #fff; --mark: #fff3c4; --bad: #b3261e;
  font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--ink); background: var(--paper);
  padding: 1em; overflow-x: auto; }
@media (prefers-color-scheme: dark) { .alexlab { --ink: #e6e8eb; --soft: #9aa4af; --line: #3a424b; --paper: #15181c;
  --mark: #4a3f12; --bad: #ff8a80; } }
.alexlab table { border-collapse: collapse; margin: .4em 0 1.4em; font-variant-numeric: tabular-nums; }
.alexlab caption { text-align: left; font-weight: 600; padding-bottom: .3em; }
.alexlab th, .alexlab td { padding: .2em .9em .2em 0; text-align: left; vertical-align: top; white-space: pre-line; }
.alexlab th { border-bottom: 1px solid var(--line); color: var(--soft); font-weight: 500; }
.alexlab .n { text-align: right; }
.alexlab tr.sum td { border-top: 1px solid var(--line); font-weight: 600; }
.alexlab tr.differs td { background: var(--mark); }
.alexlab p { max-width: 75ch; margin: .6em 0; }
.alexlab .soft { color: var(--soft); }
.alexlab .bad { color: var(--bad); }
"""


def _title(description: Description) -> str:
    inputs = " and ".join(shape_text(shape) for shape in description.inputs)
    batch = f", batch of {description.batch}" if description.batch > 1 else ""
    gives = "does not fit" if description.failure else f"gives {description.outputs}"
    return f"{description.network}: input {inputs}{batch}, {gives}"


def _tables(description: Description) -> list[Table]:
    notes = Table("Notes", ("layer", "note"), tuple(notes_by_layer(description)))
    made = [
        shapes_table(description, with_working=True),
        costs_table(description, with_working=True),
        workings_table(description, with_sizes=False),
        notes,
    ]
    return [table for table in made if table.rows]


def description_markdown(description: Description) -> str:
    """A page with the tables and the words under them."""
    parts = [f"# {_title(description)}"]
    if description.source:
        parts.append(f"Source: {description.source}.")
    parts.extend(table_markdown(table) for table in _tables(description))
    parts.extend([*sentences(description), f"*{LEGEND}*"])
    if description.failure is not None:
        parts.append(f"## Does not fit: {description.failure.layer} ({description.failure.kind})")
        parts.append("\n".join(f"- {label}: {text}" for label, text in failure_lines(description.failure)))
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """A table in GitHub's Markdown."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(_markdown_cell(cell) for cell in cells) + " |"

    rule = "|" + "|".join(" ---: " if column in table.right else " --- " for column in table.columns) + "|"
    heading = f"**{table.title}**\n\n" if table.title else ""
    return heading + "\n".join([line(table.columns), rule, *(line(row) for row in table.rows)])


def _markdown_cell(text: str) -> str:
    for character in "\\*_|<":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "<br>")


def description_csv(description: Description) -> str:
    """One row a layer, with every fact of it."""
    return table_csv(full_table(description))


def table_csv(table: Table) -> str:
    """A table with its columns' names in the first line."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return out.getvalue()


def description_html(description: Description) -> str:
    """The tables and words as one element with its own style: for a notebook, or inside a page."""
    parts = [f"<h2>{escape(_title(description))}</h2>"]
    if description.source:
        parts.append(f'<p class="soft">{escape(description.source)}</p>')
    parts.extend(table_html(table) for table in _tables(description))
    parts.extend(f"<p>{escape(text)}</p>" for text in sentences(description))
    if description.failure is not None:
        failure = description.failure
        parts.append(f'<h3 class="bad">Does not fit: {escape(failure.layer)} ({escape(failure.kind)})</h3>')
        parts.extend(f"<p>{escape(label)}: {escape(text)}</p>" for label, text in failure_lines(failure))
    parts.append(f'<p class="soft">{escape(LEGEND)}</p>')
    return element(parts)


def element(parts: list[str]) -> str:
    """`parts` of HTML as one element with its own style."""
    return f'<div class="alexlab"><style>{STYLE}</style>\n' + "\n".join(parts) + "\n</div>"


def table_html(table: Table, differing: frozenset[int] = frozenset()) -> str:
    """A table; the rows whose numbers are in `differing` are marked."""

    def cells(row: tuple[str, ...], tag: str) -> str:
        made = []
        for column, cell in zip(table.columns, row, strict=True):
            align = ' class="n"' if column in table.right else ""
            made.append(f"<{tag}{align}>{escape(cell)}</{tag}>")
        return "".join(made)

    body = []
    for i, row in enumerate(table.rows):
        last = table.summed and i == len(table.rows) - 1
        style = ' class="sum"' if last else ' class="differs"' if i in differing else ""
        body.append(f"<tr{style}>{cells(row, 'td')}</tr>")
    return (
        f"<table><caption>{escape(table.title)}</caption>\n"
        f"<thead><tr>{cells(table.columns, 'th')}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody></table>"
    )


def page(title: str, body: str) -> str:
    """A whole HTML page around one element. It loads nothing from anywhere."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<style>body { margin: 0 }</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
