"""`alexlab check`: what is wrong with a network or a training script."""

import sys

import click

from alexlab.cli.saying import say
from alexlab.errors import UserError
from alexlab.passes.target import parse_shape


def _shape(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int, int] | None:
    if value is None:
        return None
    try:
        channels, height, width = parse_shape(value)
    except (UserError, ValueError):
        raise click.BadParameter(f"found {value[:60]!r}; expected channels x height x width, e.g. 1x28x28.") from None
    return channels, height, width


@click.command("check")
@click.argument("target", required=False)
@click.option("--explain", metavar="RULE", help="Print the page of a rule: what happens, how to mend it, an example.")
@click.option("--input", "shape", callback=_shape, metavar="CxHxW", help="Shape of an image, e.g. 1x28x28.")
@click.option("--classes", type=click.IntRange(min=2), help="How many classes there are.")
@click.option("--dataset", metavar="NAME", help="Take shape and classes from a dataset of `alexlab datasets`.")
@click.option(
    "--run", is_flag=True, help="Run a script too, with limits, up to its first step; take longer over a batch."
)
@click.option("--json", "form", flag_value="json", help="Findings as a JSON list.")
@click.option("--sarif", "form", flag_value="sarif", help="Findings as SARIF 2.1.0, for editors and CI.")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the messages."
)
def check(
    target: str | None,
    explain: str | None,
    shape: tuple[int, int, int] | None,
    classes: int | None,
    dataset: str | None,
    run: bool,
    form: str | None,
    lang: str,
) -> None:
    """Tell what is wrong with a network or a training script, before it is trained.

    TARGET is a script or notebook (read, and not run without --run), module.py:Class or module.py:function (imported, in a process with
    limits), a run's folder, or a name from `alexlab networks`. Ends with exit code 0 where there are no errors, 1 where there are, 2
    where TARGET cannot be read or run, and 3 where there is no network and no training of PyTorch in it.
    """
    from alexlab.check import formats
    from alexlab.check.finding import Language
    from alexlab.check.pages import find_rule, page_of
    from alexlab.check.targets import check_target

    language: Language = "zh" if lang == "zh" else "en"
    if explain is not None:
        say(page_of(find_rule(explain), language), nl=False)
        return
    if target is None:
        raise click.UsageError("expected a TARGET to check, or --explain RULE.")
    checked = check_target(target, shape, classes, dataset, run)
    show = {"json": formats.as_json, "sarif": formats.as_sarif}.get(form or "", formats.as_text)
    say(show(checked, language))
    sys.exit(checked.exit_code)
