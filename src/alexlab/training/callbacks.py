"""What is called as a training goes, and says it."""

from dataclasses import dataclass
from typing import Any, Protocol


class Callback(Protocol):
    """What is called as a training goes. Facts are those of metrics.jsonl, with `images_per_second` and `seconds`."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` are prepared."""

    def started(self, facts: dict[str, Any]) -> None:
        """Say that the training begins, of what."""

    def stepped(self, facts: dict[str, Any]) -> None:
        """Say that an update is done."""

    def recorded(self, facts: dict[str, Any]) -> None:
        """Say which figures were recorded."""

    def noted(self, text: str) -> None:
        """Say something that is worth knowing."""


@dataclass(frozen=True)
class Silent:
    """A callback that says nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Do nothing."""

    def started(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    def stepped(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    def recorded(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    def noted(self, text: str) -> None:
        """Do nothing."""
