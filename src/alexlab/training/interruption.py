"""Stopping when asked: at the next update, cleanly."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Interrupted(Exception):
    """Somebody asked to stop, in the middle of an evaluation."""


@dataclass
class Interruption:
    """Whether somebody asked the training to stop."""

    asked: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """While the block runs, the first Ctrl-C (or SIGTERM) asks to stop at the next update; the second stops at once."""
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: Any) -> None:
        if asked.asked:
            raise KeyboardInterrupt
        asked.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
