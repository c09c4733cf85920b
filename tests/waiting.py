"""Waiting for another process or thread: for what it shows, never for the time that it should take."""

import time
from collections.abc import Callable

PATIENCE = 240.0
"""Seconds. Nothing that is waited for takes as long, however busy the machine: it is for what will never come."""


def until(
    ready: Callable[[], object],
    alive: Callable[[], object] = lambda: True,
    said: Callable[[], object] = lambda: "",
) -> None:
    """Return once `ready`. Fail with what was `said` where it is not `alive` any more, or nothing happens."""
    end = time.monotonic() + PATIENCE  # noqa: TID251
    while not ready():
        assert alive() or ready(), f"it ended first: {said()}"
        assert time.monotonic() < end, f"nothing happened in {PATIENCE:.0f} s: {said()}"  # noqa: TID251
        time.sleep(0.01)  # noqa: TID251
