"""alexlab diagram: a drawing of one network, of several beside each other, or of the activations."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("diagram")
@click.argument("networks", nargs=-1, metavar="NETWORK|RUN|module.py:Class ...")
@click.option("--activations", is_flag=True, help="In place of networks: ReLU, sigmoid, tanh and their derivatives.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="FILE.svg, .png or .pdf.")
@click.option("--input", "inputs", multiple=True, metavar="3x224x224", help="One image, for all of them.")
@click.option("--dark", is_flag=True, help="Light lines on a dark ground.")
@options.as_json
def diagram(
    networks: tuple[str, ...], activations: bool, output: Path, inputs: tuple[str, ...], dark: bool, as_json: bool
) -> None:
    """Draw a network to scale; several are drawn beside each other.

    With --activations it draws ReLU, sigmoid and tanh with their derivatives, and where each saturates.
    """
    from alexlab.describe.activation_curves import activation_curves
    from alexlab.describe.describing import described
    from alexlab.describe.diagram import diagram as drawn
    from alexlab.describe.saving import save
    from alexlab.passes.target import find_target, parse_shape
    from alexlab.valid_json import to_json

    if activations == bool(networks) or (activations and inputs):
        raise click.UsageError("expected one or more networks, or --activations alone.")
    theme = "dark" if dark else "light"
    if activations:
        save(activation_curves(theme), output)
    else:
        shapes = [parse_shape(text) for text in inputs]
        save(drawn(*(described(find_target(name, shapes)) for name in networks), theme=theme), output)
    say(to_json({"file": str(output)}) if as_json else f"wrote {output}")
