"""Who is told how a training goes."""

from dataclasses import dataclass
from typing import Any, Protocol


class Watcher(Protocol):
    """Who is told how a training goes. Facts are those of metrics.jsonl, with `images_per_second` and `seconds`."""

    def preparing(self, what: str, done: int, total: int) -> None: ...
    def started(self, facts: dict[str, Any]) -> None: ...
    def stepped(self, facts: dict[str, Any]) -> None: ...
    def recorded(self, facts: dict[str, Any]) -> None: ...
    def noted(self, text: str) -> None: ...


@dataclass(frozen=True)
class Quiet:
    """A watcher that says nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        pass

    def started(self, facts: dict[str, Any]) -> None:
        pass

    def stepped(self, facts: dict[str, Any]) -> None:
        pass

    def recorded(self, facts: dict[str, Any]) -> None:
        pass

    def noted(self, text: str) -> None:
        pass
