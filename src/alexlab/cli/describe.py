"""alexlab describe: the arithmetic of every layer, worked out."""

import click

from alexlab.cli.saying import say


@click.command("describe")
@click.argument("network", metavar="NETWORK|RUN|module.py:Class")
@click.option("--input", "inputs", multiple=True, metavar="3x224x224", help="One image; again for a second input.")
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Images, for memory and training."
)
@click.option("--markdown", "form", flag_value="markdown", help="As Markdown.")
@click.option("--json", "form", flag_value="json", help="As JSON: `layers` and `totals`.")
@click.option("--csv", "form", flag_value="csv", help="As CSV, one row a layer.")
@click.option("--html", "form", flag_value="html", help="As one HTML page.")
def describe(network: str, inputs: tuple[str, ...], batch: int, form: str | None) -> None:
    """Work out the arithmetic of every layer: shapes, parameters, multiply-adds, memory, receptive fields.

    Where shapes do not fit, it shows the table up to the layer that fails, and what would fit.
    """
    from alexlab.describe import showing
    from alexlab.describe.describing import described
    from alexlab.describe.words import failure_message
    from alexlab.errors import UserError
    from alexlab.passes.target import find_target, parse_shape

    description = described(find_target(network, [parse_shape(text) for text in inputs]), batch)
    say(showing.description_shown(description, form), nl=False)
    if description.failure is not None:
        raise UserError(f"{description.network}: {failure_message(description.failure)}")
