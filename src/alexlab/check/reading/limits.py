"""How much of a script is followed: statements and calls, seconds, and sizes of values."""

from typing import Any

MOST_STEPS = 100_000
"""Statements, calls and passes through loops; a training script of a few hundred lines takes a few thousand."""
LONGEST = 5.0
"""Seconds."""
DEEPEST_CALL = 40
LONGEST_LOOP = 512
MOST_NODES = 20_000
MOST_EVENTS = 50_000
LARGEST_NUMBER = 10**15
LARGEST_VALUE = 100_000
"""Characters of a string; parts of a tuple, list or dict, those of its parts included."""
MOST_VALUES = 5_000_000
"""Parts and characters of all the values that are made."""
LONGEST_NAME = 1_000
"""Characters of a dotted name."""
MOST_AXES = 64


class GaveUp(Exception):
    """The script is longer, or makes more, than what is worth following."""


def weight(value: Any) -> int:
    """Return how many parts a container has with those of its parts, or how many characters a string; 0 for others.

    What holds itself, or the same part many times over, is counted no further than LARGEST_VALUE.
    """
    if isinstance(value, str):
        return len(value)
    total, waiting = 0, [value]
    while waiting and total <= LARGEST_VALUE:
        each = waiting.pop()
        if not isinstance(each, list | tuple | dict):
            continue
        total += len(each)
        parts = each.values() if isinstance(each, dict) else each
        waiting += [part for part in parts if isinstance(part, list | tuple | dict)]
    return total
