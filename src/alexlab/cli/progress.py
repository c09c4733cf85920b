"""How a training is shown: a live line in a terminal, plain lines elsewhere."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from alexlab.cli.saying import say
from alexlab.showing import short, shown

LINES_AN_EPOCH = 10  # without a terminal, so many lines with the loss,
FEWEST_BATCHES = 50  # but not for fewer batches than these


class TerminalCallback:
    """A callback that prints to standard error, so that standard output holds the result alone."""

    def __init__(self, live: bool = True) -> None:
        """`live`: whether a line may move in a terminal; of several processes one has it."""
        self._may_move = live
        self._console = Console(stderr=True, highlight=False)
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._preparing = ""

    def __enter__(self) -> "TerminalCallback":
        if self._console.is_terminal and self._may_move:
            self._live = Progress(
                TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(compact=True), console=self._console, transient=True,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()

    def preparing(self, what: str, done: int, total: int) -> None:
        """Show how far what comes before the training is; without a terminal, say it once."""
        if self._live:
            self._bar(what, done, total, "")
            if done >= total:
                self._forget()
        elif what != self._preparing and not what.startswith("evaluating"):
            self._say(f"{what} ...")
        self._preparing = what

    def started(self, facts: dict[str, Any]) -> None:
        """Say what is trained, on what, and where."""
        shape = "x".join(map(str, facts["input"]))
        self._say(
            f"{facts['network']} on {facts['dataset']}: {facts['train']:,} training and {facts['watched']:,} "
            f"{facts['watch']} images at {shape}, {short(facts['epochs'])} epochs of batches of {facts['batch']}\n"
            f"device: {facts['device']}{_times(facts['processes'])}, {facts['precision']}; run: {facts['run']}"
        )
        for line in facts["understood"]:
            self._say(line)

    def stepped(self, facts: dict[str, Any]) -> None:
        """Show the figures of an update; without a terminal, a few times an epoch."""
        figures = (
            f"loss {facts['loss']:.4f}  accuracy {facts['accuracy']:.4f}  {facts['images_per_second']:,.0f} images/s"
        )
        if self._live:
            self._bar(f"epoch {facts['epoch']}", facts["step"], facts["steps"], figures)
        elif facts["batch"] % max(FEWEST_BATCHES, facts["batches"] // LINES_AN_EPOCH) == 0:
            self._say(f"epoch {facts['epoch']} batch {facts['batch']}/{facts['batches']}  {figures}")

    def recorded(self, facts: dict[str, Any]) -> None:
        """Say the figures of an epoch."""
        if facts["kind"] != "epoch":
            return
        watch = next(key.removesuffix("_loss") for key in facts if key.endswith("_loss"))
        self._say(
            f"epoch {short(facts['epoch'])}: training loss {facts['loss']:.4f} accuracy {facts['accuracy']:.4f}, "
            f"{watch} loss {facts[f'{watch}_loss']:.4f} accuracy {facts[f'{watch}_accuracy']:.4f}, "
            f"{facts['images_per_second']:,.0f} images/s, {facts['seconds']:.0f} s"
        )

    def noted(self, text: str) -> None:
        """Say a note."""
        self._say(f"note: {text}")

    def _say(self, text: str) -> None:
        if self._live:
            self._live.console.print(shown(text, keep="\n"), markup=False)
        else:
            say(text, err=True)
            sys.stderr.flush()

    def _bar(self, what: str, done: int, total: int, figures: str) -> None:
        assert self._live
        if self._task is None:
            self._task = self._live.add_task(what, total=total, figures=figures)
        self._live.update(self._task, description=what, completed=done, total=total, figures=figures)

    def _forget(self) -> None:
        assert self._live
        if self._task is not None:
            self._live.remove_task(self._task)
            self._task = None


def _times(processes: int) -> str:
    return f" in each of {processes} processes" if processes > 1 else ""
