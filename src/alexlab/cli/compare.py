"""alexlab compare: networks side by side."""

import click

from alexlab.cli.saying import say


@click.command("compare")
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK|RUN|module.py:Class ...")
@click.option("--input", "inputs", multiple=True, metavar="3x224x224", help="One image, for all of them.")
@click.option("--markdown", "form", flag_value="markdown", help="As Markdown.")
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--csv", "form", flag_value="csv", help="As CSV.")
@click.option("--html", "form", flag_value="html", help="As one HTML page.")
def compare(networks: tuple[str, ...], inputs: tuple[str, ...], form: str | None) -> None:
    """Networks side by side, aligned by role, with the differences marked."""
    from alexlab.describe import comparison, showing
    from alexlab.describe.describing import described
    from alexlab.passes.target import find_target, parse_shape

    shapes = [parse_shape(text) for text in inputs]
    compared = comparison.compare(*(described(find_target(name, shapes)) for name in networks))
    say(showing.comparison_text(compared, form), nl=False)
