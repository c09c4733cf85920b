"""TensorBoard events, written beside the figures of a run (extra `alexlab[tensorboard]`)."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alexlab.errors import UserError
from alexlab.training.callbacks import Watcher


@dataclass(frozen=True)
class Events:
    """A watcher that writes the recorded figures as events, and passes everything on to another watcher."""

    writer: Any
    watcher: Watcher

    def preparing(self, what: str, done: int, total: int) -> None:
        """Pass it on."""
        self.watcher.preparing(what, done, total)

    def started(self, facts: dict[str, Any]) -> None:
        """Pass it on."""
        self.watcher.started(facts)

    def stepped(self, facts: dict[str, Any]) -> None:
        """Pass it on."""
        self.watcher.stepped(facts)

    def recorded(self, facts: dict[str, Any]) -> None:
        """Write the figures as events, and pass them on."""
        kind = facts["kind"]
        for key, value in facts.items():
            if key not in ("kind", "epoch", "step") and isinstance(value, int | float):
                self.writer.add_scalar(f"{kind}/{key}", value, facts["step"])
        self.writer.flush()
        self.watcher.recorded(facts)

    def noted(self, text: str) -> None:
        """Pass it on."""
        self.watcher.noted(text)


def check_installed() -> None:
    """Raise UserError unless the package tensorboard is there."""
    if find_spec("tensorboard") is None:
        raise UserError("TensorBoard is not installed; `pip install alexlab[tensorboard]` adds it.")


def with_events(watcher: Watcher, folder: Path) -> Events:
    """Return `watcher`, with events written into `folder`/tensorboard as well."""
    from torch.utils.tensorboard import SummaryWriter

    return Events(SummaryWriter(str(folder / "tensorboard")), watcher)
