"""`alexlab networks`"""

import click

from alexlab.cli import options


@click.command("networks")
@options.as_json
def networks(as_json: bool) -> None:
    """List the networks: what each is, its input, its parameters and its source."""
    import dataclasses
    import json

    from alexlab.networks.catalogue import NETWORKS

    if as_json:
        click.echo(json.dumps([dataclasses.asdict(network) for network in NETWORKS], indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [
        (network.name, "x".join(map(str, network.input)), f"{network.parameters:,}", network.title)
        for network in NETWORKS
    ]
    print_table(("name", "input", "parameters", "what"), rows, right=(2,))
    click.echo("Your own: module.py:Class or package.module:function. Sources and differences: --json.")
