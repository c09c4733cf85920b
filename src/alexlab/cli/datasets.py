"""`alexlab datasets` and `alexlab datasets show`"""

from pathlib import Path

import click

from alexlab.cli import options


@click.group("datasets", invoke_without_command=True)
@options.as_json
@options.data_dir
@click.pass_context
def datasets(ctx: click.Context, as_json: bool, data_dir: Path | None) -> None:
    """List the datasets: images, classes, size, and where each was found or how to get it."""
    if ctx.invoked_subcommand:
        return
    import json

    from alexlab.data.catalogue import DATASETS
    from alexlab.data.opening import locate

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
                "bytes": sum(file.size for file in entry.files),
                "found": str(found) if found else None,
                "licence": entry.licence,
                "source": entry.source,
            }
        )
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [
        (
            str(each["name"]),
            f"{each['train']:,} + {each['test']:,}",
            str(each["classes"]),
            "x".join(map(str, entry.shape)),
            str(each["found"] or f"fetched when first used ({sum(f.size for f in entry.files) / 1e6:.0f} MB)"),
        )
        for each, entry in zip(facts, DATASETS, strict=True)
    ]
    print_table(("name", "train + test", "classes", "size", "where"), rows, right=(1, 2))
    click.echo(
        "Your own: folder:PATH (a folder or tar with a folder per class, and train/val/test above them if you like)\n"
        "or list:FILE.csv (columns path, label and, if you like, split)."
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
    click.echo(str(out))
