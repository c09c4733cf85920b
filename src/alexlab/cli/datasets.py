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
@options.as_json
def show(name: str, network: str | None, recipe: str, out: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Draw examples of each class of NAME, before and after the path to the network, into a PNG file."""
    import re

    from alexlab.data.opening import open_dataset
    from alexlab.errors import UserError
    from alexlab.report.dataset import write_contact_sheet
    from alexlab.valid_json import to_json

    out = out or Path(re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-") + ".png")
    if out.exists():
        raise UserError(f"{out} exists already; name another file with -o.")
    write_contact_sheet(open_dataset(name, data_dir), network, recipe, out)
    say(to_json({"file": str(out)}) if as_json else str(out))


@datasets.command("check")
@click.argument("name")
@click.option("--images", is_flag=True, help="Of ilsvrc:PATH too, decode every image.")
@options.data_dir
@options.as_json
def check(name: str, images: bool, data_dir: Path | None, as_json: bool) -> None:
    """Say what is there of NAME and what is missing, before hours are spent on it.

    Of ilsvrc:PATH it lists every part, in seconds. Of any other dataset it decodes each image, as training would.
    """
    import sys

    from alexlab.cli.tables import print_table
    from alexlab.data.input.store import unreadable
    from alexlab.data.opening import own_path
    from alexlab.data.sources.ilsvrc import survey
    from alexlab.errors import UserError
    from alexlab.valid_json import to_json

    facts: dict[str, Any] = {"name": name}
    missing = False
    if name.startswith("ilsvrc:"):
        path = own_path(name, data_dir)
        findings = survey(path).findings
        missing = any(finding.problem for finding in findings)
        facts |= {
            "path": str(path),
            "parts": [{"part": f.what, "found": f.found, "problem": f.problem} for f in findings],
        }
        if not as_json:
            say(str(path))
            print_table(
                ("part", "found", "good, or what to do"), [(f.what, f.found, f.problem or "good") for f in findings]
            )
    if images or not name.startswith("ilsvrc:"):
        facts |= {} if missing else _looked_at(name, data_dir)
        if not as_json and not missing:
            _print_images(facts)
    if as_json:
        say(to_json(facts, indent=1))
    if missing:
        sys.exit(2)
    if problems := [problem for split in facts.get("splits", {}).values() for problem in split["unreadable"]]:
        raise UserError(unreadable(problems))


def _looked_at(name: str, data_dir: Path | None) -> dict[str, Any]:
    from functools import partial

    from alexlab.cli.progress import TerminalCallback
    from alexlab.data.checking import checked
    from alexlab.data.opening import open_dataset

    dataset = open_dataset(name, data_dir, small_classes="train")
    with TerminalCallback() as callback:
        return checked(dataset, partial(_decoding, callback))


def _print_images(facts: dict[str, Any]) -> None:
    from alexlab.cli.tables import print_table
    from alexlab.data.sources.names import LeftOut
    from alexlab.data.understanding import left_out_in_words

    left_out = {reason: LeftOut(each["count"], tuple(each["examples"])) for reason, each in facts["left_out"].items()}
    say(f"{facts['title']}: {len(facts['classes']):,} classes, {facts['found']}")
    say(f"split: {facts['division']}")
    say(f"left out: {left_out_in_words(left_out)}")
    for reason, left in left_out.items():
        more = f" and {left.count - len(left.examples):,} more" if left.count > len(left.examples) else ""
        say(f"  {reason}: {', '.join(left.examples)}{more}")
    splits = facts["splits"]
    classes = [(each["class"], *(f"{each[split]:,}" for split in splits)) for each in facts["classes"]]
    print_table(("class", *splits), classes, right=range(1, len(splits) + 1))
    rows = [
        (split, f"{each['images']:,}", " to ".join(each["sizes"]), *(f"{n:,}" for n in _counts(each)))
        for split, each in splits.items()
    ]
    print_table(("split", "images", "width x height", "colour", "grey", "unreadable"), rows, right=(1, 3, 4, 5))
    if any(each["colour"] and each["grey"] for each in splits.values()):
        say("Grey images among coloured ones are read as RGB with three equal channels.")
    for doubt in facts["notes"]:
        say(f"note: {doubt}")


def _counts(split: dict[str, Any]) -> tuple[int, int, int]:
    return split["colour"], split["grey"], len(split["unreadable"])


def _decoding(callback: Any, split: str, done: int, total: int) -> None:
    callback.preparing(f"decoding {split}", done, total)
