"""The command `alexlab networks`."""

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.group("networks", invoke_without_command=True)
@options.as_json
@click.pass_context
def networks(ctx: click.Context, as_json: bool) -> None:
    """List the networks: what each is, its input and its parameters."""
    if ctx.invoked_subcommand:
        return
    import dataclasses

    from alexlab.networks.catalogue import NETWORKS
    from alexlab.valid_json import to_json

    if as_json:
        say(to_json([dataclasses.asdict(network) for network in NETWORKS], indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [
        (network.name, "x".join(map(str, network.input)), f"{network.parameters:,}", network.title)
        for network in NETWORKS
    ]
    print_table(("name", "input", "parameters", "what"), rows, right=(2,))
    say("Your own: module.py:Class or package.module:function. `networks show NAME` tells sources and differences.")


@networks.command("show")
@click.argument("name")
@options.as_json
def show(name: str, as_json: bool) -> None:
    """Tell where the network NAME comes from, and what departs from its source."""
    import dataclasses

    from alexlab.networks.catalogue import find
    from alexlab.valid_json import to_json

    network = find(name)
    if as_json:
        say(to_json(dataclasses.asdict(network), indent=1))
        return
    facts = {
        "what": network.title,
        "input": "x".join(map(str, network.input)),
        "classes": f"{network.classes:,}",
        "parameters": f"{network.parameters:,}",
        "source": network.source,
        "differences": network.differences,
        "initial weights": network.initialisation,
        "images are": {
            "stretch": "stretched",
            "crop": "cropped to the centre",
            "pad": "padded",
            "frame": "put into a frame",
        }[network.fit],
        "code": network.builder,
    }
    for key, value in facts.items():
        say(f"{key + ':':<17}{value}")
