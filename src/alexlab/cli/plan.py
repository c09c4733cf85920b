"""The command `alexlab plan`."""

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("plan")
@click.argument("network", metavar="NETWORK|module.py:Class")
@click.option("--devices", type=int, required=True, help="Up to how many, at most 1,024.")
@click.option("--bandwidth", required=True, metavar="10Gbit/s", help="Of the link of each device, in each direction.")
@click.option("--latency", default="0.1ms", show_default=True, help="Of the link, one way.")
@click.option(
    "--batch",
    type=click.IntRange(1, 10**9),
    help="Images of an update, over all devices; by default 128 for each device.",
)
@click.option(
    "--images-per-second",
    type=options.Finite(0, min_open=True),
    help="What one device alone trains, as `alexlab train` shows it at a batch of 128; by default a core of an AMD EPYC.",
)
@options.as_json
def plan(
    network: str,
    devices: int,
    bandwidth: str,
    latency: str,
    batch: int | None,
    images_per_second: float | None,
    as_json: bool,
) -> None:
    """Predict the time of an update of NETWORK with many devices, and which way of dividing the work wins.

    The ways are those of `alexlab train --parallel`: data, towers, hybrid. docs/parallel.md has the model and its error.
    """
    from alexlab.cli.tables import print_table
    from alexlab.parallel.strategies import STRATEGIES
    from alexlab.plan import planning
    from alexlab.plan.model import Link
    from alexlab.plan.units import bits_per_second, seconds
    from alexlab.valid_json import to_json

    link = Link(bits_per_second(bandwidth), seconds(latency))
    found = planning.plan(network, devices, link, batch, images_per_second)
    if as_json:
        say(to_json(found.to_dict(), indent=1))
        return
    ways = [strategy for strategy in STRATEGIES if any(strategy in row.ways for row in found.rows)]
    heads = ["devices", "batch", *(f"{strategy}, s (MB)" for strategy in ways), "wins", "images/s"]
    rows = []
    for row in found.rows:
        cells = [f"{p.seconds:.3f} ({p.sent / 1e6:.1f})" if (p := row.ways.get(strategy)) else "-" for strategy in ways]
        best = row.best if len(row.ways) > 1 else "-"
        rows.append((f"{row.devices:,}", f"{row.batch:,}", *cells, best, f"{row.images_per_second:,.0f}"))
    print_table(heads, rows, right=[i for i in range(len(heads)) if heads[i] != "wins"])
    say(
        f"Seconds of an update, and what each device sends in it. Device: {found.device.name}; link: {bandwidth}, {latency} one way."
    )
