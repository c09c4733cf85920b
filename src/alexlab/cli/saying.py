"""What the commands print."""

import click

from alexlab.showing import shown


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print `text`, in which names may stand: what in them is no text, or steers a terminal, is shown as an escape."""
    click.echo(shown(text, keep="\n\t"), err=err, nl=nl)
