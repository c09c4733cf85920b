"""alexlab diagram: a drawing of one network, or of several beside each other."""

from pathlib import Path

import click


@click.command("diagram")
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK|RUN|module.py:Class ...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="FILE.svg, .png or .pdf.")
@click.option("--input", "inputs", multiple=True, metavar="3x224x224", help="One image, for all of them.")
@click.option("--dark", is_flag=True, help="Light lines on a dark ground.")
def diagram(networks: tuple[str, ...], output: Path, inputs: tuple[str, ...], dark: bool) -> None:
    """Draw a network to scale; several are drawn beside each other."""
    from alexlab.describe.describing import described
    from alexlab.describe.diagram import diagram as drawn
    from alexlab.describe.drawing import save
    from alexlab.passes.target import find_target, parse_shape

    shapes = [parse_shape(text) for text in inputs]
    descriptions = [described(find_target(name, shapes)) for name in networks]
    save(drawn(*descriptions, theme="dark" if dark else "light"), output)
    click.echo(f"wrote {output}")
