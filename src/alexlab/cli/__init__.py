"""The commands. Each is a module of its own that is imported when it is called: `alexlab --help` imports no torch."""

import importlib
import io
import os
import sys
from typing import Any

import click

from alexlab import __version__
from alexlab.cli.saying import say
from alexlab.errors import UserError, unknown
from alexlab.speed.process import collect_rarely, settle

COMMANDS = {
    "networks": "list the networks; `networks show NAME` tells where one comes from",
    "datasets": "list the datasets; `datasets show NAME` draws examples",
    "pack": "a dataset into tar shards that many machines read, with an index and checksums",
    "recipes": "list the recipes; `recipes show NAME` prints one",
    "train": "train a network on a dataset",
    "runs": "list the runs: finished, interrupted, damaged, and their best figures",
    "evaluate": "measure a run on test images",
    "predict": "classify images with a run",
    "export": "a run into an ONNX file that takes pixels, held against the run",
    "serve": "answer over HTTP: curl, the Open Inference Protocol, Prometheus",
    "studio": "in the browser: see a network think, judge it, put it to use",
    "look": "inside a run: filters, answers, alike images, feature maps",
    "weights": "published weights into a run, and a run's into torchvision's file",
    "describe": "the arithmetic of every layer, worked out",
    "compare": "networks side by side",
    "diagram": "draw a network, several beside each other, or --activations",
    "plan": "how long an update takes with many devices, and which way of dividing it wins",
    "check": "tell what is wrong with a network or a training script",
    "doctor": "what is wrong with installation, machine, data and runs, and what to do",
}
"""Name and one line of each command, in the order of --help. `alexlab.cli.NAME` holds the command NAME."""


class Commands(click.Group):
    """The commands, loaded when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load the command `name`. Raises UserError for any other name."""
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS, "alexlab --help")
        command: click.Command = getattr(importlib.import_module(f"alexlab.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write name and line of each command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: alexlab train lenet-relu digits --epochs 20",
)
@click.version_option(__version__, prog_name="alexlab")
def alexlab() -> None:
    """LeNet to AlexNet: trained, evaluated and used on your images.

    `alexlab COMMAND --help` explains a command.
    """


def main() -> Any:
    """Run the command line. A mistake of the user's is one line on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not of UTF-8 lacks some characters
    settle()
    collect_rarely()
    try:
        alexlab(standalone_mode=False)
    except UserError as error:
        say(f"error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        say("stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone, as `| head` does: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
