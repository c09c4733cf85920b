"""The command `alexlab train`."""

from pathlib import Path
from typing import Any

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.parallel.strategies import STRATEGIES
from alexlab.showing import label, listed


@click.command("train")
@click.argument("network", required=False)
@click.argument("dataset", required=False)
@click.option("--recipe", default="quick", show_default=True, help="A name of `alexlab recipes`, or a TOML file.")
@click.option("--epochs", type=options.Finite(0, min_open=True), help="Instead of the recipe's; 0.5 is half of one.")
@click.option(
    "--lr", "--rate", "rate", type=options.Finite(0, min_open=True), help="The learning rate, instead of the recipe's."
)
@click.option("--batch", type=click.IntRange(1), help="Images in a batch, instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a value of the recipe; repeatable."
)
@click.option(
    "--pretrained",
    metavar="FILE",
    help="Weights to start from: a file, a run, or torchvision for its published ones; a head of other classes starts anew.",
)
@click.option("--classes", type=click.IntRange(2), help="How many classes the dataset must have; others are refused.")
@click.option("--freeze", is_flag=True, help="Train the head alone.")
@click.option("--steps", type=click.IntRange(1), help="Stop after so many updates.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder; by default a new one below runs/.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Carry on with a run that stopped.")
@click.option(
    "--continue",
    "carry_on",
    is_flag=True,
    help="Go on with the newest unfinished run of this very command (or that at --out), if there is one.",
)
@click.option(
    "--checkpoint-every",
    type=options.Finite(0, min_open=True),
    default=5,
    show_default=True,
    metavar="MINUTES",
    help="Save where the training stands; less often where that would take over 2 % of the time.",
)
@click.option(
    "--on-nan", type=click.Choice(["stop", "rollback"]), help="Instead of the recipe's: what numbers that go wrong do."
)
@click.option(
    "--memory",
    type=options.Finite(0, 2**30),
    metavar="GIB",
    help="For decoded images; by default half of the machine's.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    metavar="N",
    help="Train in N processes on this machine, each a part of every batch.",
)
@click.option(
    "--parallel",
    type=click.Choice(STRATEGIES),
    default="data",
    show_default=True,
    help="How the processes divide the work: the images; a tower each (alexnet-paper, alexnet-2012); or the images for convolutions, and "
    "the weights of fully connected layers.",
)
@click.option(
    "--wait",
    type=options.Finite(1, 10**6),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long several processes wait for each other.",
)
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard events into the run (alexlab[tensorboard]).")
@options.device
@options.data_dir
@options.as_json
def train(
    network: str | None,
    dataset: str | None,
    recipe: str,
    epochs: float | None,
    rate: float | None,
    batch: int | None,
    seed: int | None,
    settings: tuple[str, ...],
    pretrained: str | None,
    classes: int | None,
    freeze: bool,
    steps: int | None,
    out: Path | None,
    resume: Path | None,
    carry_on: bool,
    checkpoint_every: float,
    on_nan: str | None,
    memory: float | None,
    processes: int | None,
    parallel: str,
    wait: float,
    tensorboard: bool,
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Train NETWORK on DATASET, and write a run folder with the weights, the figures and a report.

    A recipe that names its network and dataset needs neither: alexlab train --recipe textbook-lenet
    """
    import os
    import sys

    from click.core import ParameterSource

    from alexlab import api
    from alexlab.cli.progress import TerminalCallback
    from alexlab.errors import UserError
    from alexlab.parallel.launching import check_processes, launch
    from alexlab.recipes.reading import parse_setting
    from alexlab.valid_json import to_json

    if processes and "RANK" in os.environ:
        check_processes(processes)
    elif processes and processes > 1:
        sys.exit(launch(processes, sys.argv[1:]))
    values: dict[str, Any] = dict(parse_setting(setting) for setting in settings)
    values |= {
        key: value
        for key, value in (
            ("epochs", epochs),
            ("rate", rate),
            ("batch", batch),
            ("seed", seed),
            ("pretrained", pretrained),
            ("classes", classes),
            ("on_nan", on_nan),
        )
        if value is not None
    }
    values |= {"freeze": True} if freeze else {}
    how: dict[str, Any] = {"device": device, "data_dir": data_dir, "steps": steps, "tensorboard": tensorboard}
    how |= {"checkpoint_every": checkpoint_every, "wait": wait, "parallel": parallel}
    how["memory"] = None if memory is None else int(memory * 2**30)
    with TerminalCallback(live=os.environ.get("RANK", "0") == "0") as callback:
        if resume:
            given = click.get_current_context().get_parameter_source("recipe") is ParameterSource.COMMANDLINE
            if network or values or out or given or carry_on:
                raise UserError("--resume carries on with a run as it is; it takes no network, recipe or values.")
            run = api.resume(resume, **how, callback=callback)
        else:
            named = {"network": network, "dataset": dataset}
            values |= {key: value for key, value in named.items() if value}  # before what --set says of them
            run = api.train(recipe=recipe, out=out, carry_on=carry_on, **how, **values, callback=callback)
    result = run.result
    if as_json:
        kept = {key: run.facts[key] for key in ("understood", "doubts") if key in run.facts}
        say(to_json({"run": str(run.folder), **result, **kept}))
    else:
        _say(run, result)
    if result["state"] == "interrupted":
        sys.exit(130)


MOST_NAMED = 5


def by_class(final: dict[str, Any]) -> str:
    """Return the figures in which each class counts the same, and the classes of which no image was recognised."""
    never = [each["class"] for each in final["classes"] if each["recall"] == 0]
    missed = f"; never recognised: {listed([label(each) for each in never], MOST_NAMED)}" if never else ""
    return f"balanced accuracy {final['balanced_accuracy']:.4f}, macro-F1 {final['macro_f1']:.4f}{missed}"


def _say(run: Any, result: dict[str, Any]) -> None:
    say(f"run: {run.folder} ({result['state']}, {result['steps']:,} updates, {result['seconds']:.0f} s)")
    if run.final:
        say(f"accuracy on {run.final['on']}: {run.final['top1']:.4f} ({run.final['images']:,} images)")
        if "macro_f1" in run.final:  # a run of an earlier commit, which --continue found finished, lacks it
            say(by_class(run.final))
    say(f"report: {run.folder / 'report.html'}")
    if result["state"] == "finished":
        say(f"next: alexlab predict {run.folder} IMAGE...")
    else:
        say(f"carry on: alexlab train --resume {run.folder}")
