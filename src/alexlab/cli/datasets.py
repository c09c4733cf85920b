"""`alexlab datasets`, `alexlab datasets show` and `alexlab datasets check`."""

from pathlib import Path
from typing import Any

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.showing import shown


@click.group("datasets", invoke_without_command=True)
@options.as_json
@options.data_dir
@click.pass_context
def datasets(ctx: click.Context, as_json: bool, data_dir: Path | None) -> None:
    """List the datasets: images, classes, size, and where each was found or how to get it."""
    if ctx.invoked_subcommand:
        return
    from alexlab.data.catalogue import DATASETS
    from alexlab.data.opening import locate, not_in_catalogue
    from alexlab.valid_json import to_json

    facts = []
    for entry in DATASETS:
        found = locate(entry, data_dir)
        facts.append(
            {
                "name": entry.name,
                "train": entry.train,
                "test": entry.test,
                "classes": len(entry.classes),
                "shape": entry.shape,
                "bytes": sum(file.size or 0 for file in entry.files),
                "found": str(found) if found else None,
                "licence": entry.licence,
                "source": entry.source,
            }
        )
    if as_json:
        say(to_json(facts, indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [
        (
            str(each["name"]),
            f"{each['train']:,} + {each['test']:,}",
            str(each["classes"]),
            "x".join(map(str, entry.shape)),
            str(each["found"] or f"fetched when first used ({sum(f.size or 0 for f in entry.files) / 1e6:.0f} MB)"),
        )
        for each, entry in zip(facts, DATASETS, strict=True)
    ]
    print_table(("name", "train + test", "classes", "size", "where"), rows, right=(1, 2))
    for name in not_in_catalogue(data_dir):
        say(f"{shown(name)}: IDX files of no dataset above; `alexlab datasets check` says what is in them.")
    say(
        "Your own: folder:PATH (a folder, tar or zip with a folder per class, and train/val/test above them if you like),\n"
        "classes:PATH (the same, where folders are classes whatever they are called),\n"
        "list:FILE.csv (columns path, label and, if you like, split),\n"
        "idx:PATH (files as MNIST's: a folder of them, or the beginning of their names),\n"
        "shards that `alexlab pack` made (their folder, or its address: https://..., s3://...) or webdataset (shards:PATH),\n"
        "or ilsvrc:PATH (ImageNet's challenge as it is distributed; `alexlab datasets check ilsvrc:PATH` says what is missing)."
    )


@datasets.command("show")
@click.argument("name")
@click.option("--network", help="Also show each example as this network would see it.")
@click.option(
    "--recipe", default="quick", show_default=True, help="The recipe whose path from image to input is shown."
)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="PNG file; by default NAME.png.")
@options.data_dir
def show(name: str, network: str | None, recipe: str, out: Path | None, data_dir: Path | None) -> None:
    """Draw examples of each class of NAME, before and after the path to the network, into a PNG file."""
    import re

    from alexlab.data.opening import open_dataset
    from alexlab.errors import UserError
    from alexlab.report.dataset import write_contact_sheet

    out = out or Path(re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-") + ".png")
    if out.exists():
        raise UserError(f"{out} exists already; name another file with -o.")
    write_contact_sheet(open_dataset(name, data_dir), network, recipe, out)
    say(str(out))


@datasets.command("check")
@click.argument("name")
@click.option("--images", is_flag=True, help="Of ilsvrc:PATH too, decode every image.")
@options.data_dir
def check(name: str, images: bool, data_dir: Path | None) -> None:
    """Say what is there of NAME and what is missing, before hours are spent on it.

    Of ilsvrc:PATH it lists every part, in seconds. Of any other dataset it decodes each image, as training would.
    """
    import sys

    from alexlab.cli.tables import print_table
    from alexlab.data.opening import own_path
    from alexlab.data.sources.ilsvrc import survey

    if not name.startswith("ilsvrc:"):
        _check_images(name, data_dir)
        return
    path = own_path(name, data_dir)
    findings = survey(path).findings
    say(str(path))
    print_table(("part", "found", "good, or what to do"), [(f.what, f.found, f.problem or "good") for f in findings])
    if any(finding.problem for finding in findings):
        sys.exit(2)
    if images:
        _check_images(name, data_dir)


def _check_images(name: str, data_dir: Path | None) -> None:
    from functools import partial

    from alexlab.cli.progress import TerminalCallback
    from alexlab.cli.tables import print_table
    from alexlab.data.input.store import unreadable
    from alexlab.data.inspection import inspect
    from alexlab.data.levels import measured_levels
    from alexlab.data.opening import open_dataset
    from alexlab.data.split import too_small
    from alexlab.data.suspicion import suspicions
    from alexlab.data.understanding import by_class, left_out_in_words
    from alexlab.errors import UserError

    dataset = open_dataset(name, data_dir, small_classes="train")
    with TerminalCallback() as callback:
        found = inspect(dataset, partial(_decoding, callback))
    rows = []
    for split, each in found.items():
        sizes = sorted(each.sizes, key=lambda size: size[0] * size[1])
        spread = " to ".join(dict.fromkeys(f"{width}x{height}" for width, height in (sizes[:1] + sizes[-1:])))
        rows.append(
            (
                split,
                f"{each.images:,}",
                spread,
                f"{each.modes['RGB']:,}",
                f"{each.modes['L']:,}",
                f"{len(each.unreadable):,}",
            )
        )
    say(f"{dataset.title}: {len(dataset.classes):,} classes, {dataset.found}")
    say(f"split: {dataset.division}")
    say(f"left out: {left_out_in_words(dataset.left_out)}")
    for reason, left in dataset.left_out.items():
        more = f" and {left.count - len(left.examples):,} more" if left.count > len(left.examples) else ""
        say(f"  {reason}: {', '.join(left.examples)}{more}")
    classes = [(each, *(f"{count:,}" for count in counts.values())) for each, counts in by_class(dataset)]
    print_table(("class", *found), classes, right=range(1, len(found) + 1))
    print_table(("split", "images", "width x height", "colour", "grey", "unreadable"), rows, right=(1, 3, 4, 5))
    if any(each.modes["L"] and each.modes["RGB"] for each in found.values()):
        say("Grey images among coloured ones are read as RGB with three equal channels.")
    held_out = {name: split for name, split in (("validation", dataset.validation), ("test", dataset.test)) if split}
    measured = measured_levels(dataset.train)[1]
    for doubt in (
        *dataset.notes,
        *too_small(dataset),
        *measured,
        *suspicions(dataset.train, held_out, dataset.classes, thorough=True),
    ):
        say(f"note: {doubt}")
    if problems := [problem for each in found.values() for problem in each.unreadable]:
        raise UserError(unreadable(problems))


def _decoding(callback: Any, split: str, done: int, total: int) -> None:
    callback.preparing(f"decoding {split}", done, total)
