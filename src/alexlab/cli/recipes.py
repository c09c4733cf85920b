"""`alexlab recipes` and `alexlab recipes show`."""

from typing import Any

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.showing import short


@click.group("recipes", invoke_without_command=True)
@options.as_json
@click.pass_context
def recipes(ctx: click.Context, as_json: bool) -> None:
    """List the recipes."""
    if ctx.invoked_subcommand:
        return
    from alexlab.recipes import PRESETS
    from alexlab.valid_json import to_json

    facts = [_facts(name) for name in PRESETS]
    if as_json:
        say(to_json(facts, indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [(f["name"], f["network"] or "any", f["dataset"] or "any", short(f["epochs"]), f["about"]) for f in facts]
    print_table(("name", "network", "dataset", "epochs", "what"), rows, right=(3,))
    say("`alexlab recipes show NAME` prints one to start from; a file of your own is named where a recipe's name is.")


@recipes.command("show")
@click.argument("name")
@options.as_json
def show(name: str, as_json: bool) -> None:
    """Print the recipe NAME: `alexlab recipes show quick > mine.toml` is a start. With --json its values alone."""
    from alexlab.recipes import preset_text
    from alexlab.valid_json import to_json

    text = preset_text(name)
    if as_json:
        say(to_json(_facts(name), indent=1))
        return
    say(text, nl=False)


def _facts(name: str) -> dict[str, Any]:
    from alexlab.recipes import preset_text, read_recipe

    about = preset_text(name).partition("\n")[0].removeprefix(f"# {name}: ")
    return {"name": name, "about": about, **read_recipe(name).model_dump(mode="json")}
