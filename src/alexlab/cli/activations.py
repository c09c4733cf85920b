"""alexlab activations: ReLU, sigmoid and tanh with their derivatives."""

from pathlib import Path

import click


@click.command("activations")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="FILE.svg, .png or .pdf.")
@click.option("--dark", is_flag=True, help="Light lines on a dark ground.")
def activations(output: Path, dark: bool) -> None:
    """Draw ReLU, sigmoid and tanh with their derivatives, and where each saturates."""
    from alexlab.describe.activation_curves import activation_curves
    from alexlab.describe.drawing import save

    save(activation_curves("dark" if dark else "light"), output)
    click.echo(f"wrote {output}")
