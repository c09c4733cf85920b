"""`alexlab pack`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command(
    "pack",
    epilog="\b\nTrain on them where they lie, or from an address that serves them:\n  alexlab train NETWORK OUT\n"
    "  alexlab train NETWORK https://HOST/FOLDER\n  alexlab train NETWORK s3://BUCKET/FOLDER",
)
@click.argument("dataset")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--megabytes", type=click.IntRange(1, 100_000), default=100, show_default=True, help="What a shard holds at most."
)
@click.option("--images", type=click.IntRange(1, 100_000_000), help="Instead, how many images a shard holds.")
@click.option(
    "--processes",
    type=click.IntRange(1, 1024),
    help="That write; by default one for each core, for small datasets one.",
)
@options.data_dir
@options.as_json
def pack(
    dataset: str,
    out: Path,
    megabytes: int,
    images: int | None,
    processes: int | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Pack DATASET into tar shards (the WebDataset layout) with an index and checksums, in the new folder OUT.

    The same command goes on with a packing that stopped.
    """
    from alexlab.cli.progress import TerminalCallback
    from alexlab.data.shards.packing import pack
    from alexlab.valid_json import to_json

    with TerminalCallback() as callback:
        index = pack(dataset, out, data_dir, megabytes, images, processes, callback.preparing)
    splits = {split: sum(s.images for s in index.of_split(split)) for split in {s.split for s in index.shards}}
    if as_json:
        facts = {"out": str(out), "images": index.images, "bytes": index.bytes, "shards": len(index.shards)}
        say(to_json({**facts, "splits": splits, "classes": list(index.classes)}))
        return
    parts = ", ".join(f"{images:,} {split}" for split, images in sorted(splits.items()))
    say(f"{out}: {index.title}, {parts} images in {len(index.shards):,} shards, {index.bytes / 1e6:,.1f} MB")
    say(f"next: alexlab train NETWORK {out}")
