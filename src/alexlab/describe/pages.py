"""A description, or any Table, as Markdown, CSV and HTML."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

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
from alexlab.showing import cell
from alexlab.templates import fill

if TYPE_CHECKING:
    from alexlab.describe.description import Description


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
    """Return a page with the tables and the words under them."""
    parts = [text_markdown(f"# {_title(description)}")]
    if description.source:
        parts.append(text_markdown(f"Source: {description.source}."))
    parts.extend(table_markdown(table) for table in _tables(description))
    parts.extend([*map(text_markdown, sentences(description)), f"*{LEGEND}*"])
    if description.failure is not None:
        failure = description.failure
        parts.append(text_markdown(f"## Does not fit: {failure.layer} ({failure.kind})"))
        parts.append("\n".join(text_markdown(f"- {label}: {text}") for label, text in failure_lines(failure)))
    return "\n\n".join(parts) + "\n"


def text_markdown(text: str) -> str:
    """Return a line for Markdown in which a name that is HTML stays a name."""
    return text.replace("<", "&lt;")


def table_markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown."""

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
    """Return a table with its columns' names in the first line."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([cell(each) for each in row] for row in table.rows)
    return out.getvalue()


def description_html(description: Description) -> str:
    """Return the tables and words as one element with its own style: for a notebook, or inside a page."""
    return fill("alexlab.describe", "description.html", **_facts(description))


def description_page(description: Description) -> str:
    """Return a whole HTML page of a description. It loads nothing from anywhere."""
    facts = _facts(description)
    return fill("alexlab.describe", "page.html", title=description.network, element="description.html", **facts)


def _facts(description: Description) -> dict[str, Any]:
    failure = description.failure
    return {
        "description": description,
        "heading": _title(description),
        "tables": _tables(description),
        "sentences": sentences(description),
        "failure_lines": failure_lines(failure) if failure else (),
        "legend": LEGEND,
    }
