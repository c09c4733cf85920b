"""How what takes long is told of while it goes on."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what it is (a file's name, "packing"), how much is done and how much there is in all."""
