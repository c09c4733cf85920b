"""The forms in which the command line shows a description or a comparison."""

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from alexlab.describe.comparison import Comparison, print_comparison
from alexlab.describe.description import Description
from alexlab.describe.pages import description_csv, description_markdown, description_page, table_csv
from alexlab.describe.terminal import print_description
from alexlab.valid_json import to_json


def description_shown(description: Description, form: str | None) -> str:
    """Return a description in one of the command line's forms; without one, as wide as the terminal is.

    The terminal's form leaves a failure to the error that follows.
    """
    if form is not None:
        return FORMS[form](description)
    return _printed(lambda console: print_description(description, console, with_failure=False))


def description_json(description: Description) -> str:
    """All facts: `layers` (each `name`, `kind`, `output_shape`, ...), `totals`, and the `failure` if there is one."""
    return to_json(description.to_dict(), indent=2) + "\n"


FORMS: dict[str, Callable[[Description], str]] = {
    "markdown": description_markdown,
    "json": description_json,
    "csv": description_csv,
    "html": description_page,
}


def comparison_text(comparison: Comparison, form: str | None) -> str:
    """Return a comparison in one of FORMS; without a form, as the terminal shows it."""
    if form == "markdown":
        return comparison.markdown()
    if form == "json":
        return to_json(comparison.to_dict(), indent=2) + "\n"
    if form == "csv":
        return table_csv(comparison.table())
    if form == "html":
        return comparison.page()
    return _printed(lambda console: print_comparison(comparison, console))


def _printed(write: Callable[[Console], None]) -> str:
    """Return what `write` prints, as wide as the terminal is, with colours where it is one."""
    out = StringIO()
    terminal = Console()
    write(Console(file=out, width=terminal.width, force_terminal=terminal.is_terminal, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
