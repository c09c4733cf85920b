"""TensorBoard events, written beside the figures of a run (extra `alexlab[tensorboard]`)."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alexlab.errors import UserError
from alexlab.training.callbacks import Callback


@dataclass(frozen=True)
class Events:
    """A callback that writes the recorded figures as events, and passes everything on to another callback."""

    writer: Any
    callback: Callback

    def preparing(self, what: str, done: int, total: int) -> None:
        """Pass it on."""
        self.callback.preparing(what, done, total)

    def started(self, facts: dict[str, Any]) -> None:
        """Pass it on."""
        self.callback.started(facts)

    def stepped(self, facts: dict[str, Any]) -> None:
        """Pass it on."""
        self.callback.stepped(facts)

    def recorded(self, facts: dict[str, Any]) -> None:
        """Write the figures as events, and pass them on."""
        kind = facts["kind"]
        for key, value in facts.items():
            if key not in ("kind", "epoch", "step") and isinstance(value, int | float):
                self.writer.add_scalar(f"{kind}/{key}", value, facts["step"])
        self.writer.flush()
        self.callback.recorded(facts)

    def noted(self, text: str) -> None:
        """Pass it on."""
        self.callback.noted(text)


def check_installed() -> None:
    """Raise UserError unless the package tensorboard is there."""
    if find_spec("tensorboard") is None:
        raise UserError("TensorBoard is not installed; `pip install alexlab[tensorboard]` adds it.")


def with_events(callback: Callback, folder: Path) -> Events:
    """Return `callback`, with events written into `folder`/tensorboard as well."""
    from torch.utils.tensorboard import SummaryWriter

    return Events(SummaryWriter(str(folder / "tensorboard")), callback)
