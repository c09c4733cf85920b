"""What the command line calls NETWORK|RUN|module.py:Class: which network it names, and what that is fed. It imports no torch."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alexlab.errors import UserError
from alexlab.networks.catalogue import find
from alexlab.networks.naming import is_own, own_code

SIZE = re.compile(r"0*[1-9][0-9]{0,8}")
STAND_IN = (3, 224, 224)
"""What the user's own network is fed where nothing else is said."""


@dataclass(frozen=True)
class Target:
    """A network by name.

    Attributes:
        name: as it was given.
        network: of the catalogue, or the user's own `module.py:Class`.
        classes: of a run; None where its source says it.
        inputs: the shapes that it is fed, without the batch.
        source: where its definition comes from, "" where nothing is known.
    """

    name: str
    network: str
    classes: int | None
    inputs: tuple[tuple[int, ...], ...]
    source: str = ""


def parse_shape(text: str) -> tuple[int, ...]:
    """Return `3x224x224` as (3, 224, 224). Raises UserError for anything else."""
    sizes = text.lower().replace("×", "x").split("x")
    if not all(SIZE.fullmatch(size.strip()) for size in sizes):
        raise UserError(
            f"input {text[:60]!r}: expected sizes of 1 to 999,999,999 joined by x, without the batch, such as 3x224x224."
        )
    return tuple(int(size) for size in sizes)


def find_target(name: str, inputs: Sequence[tuple[int, ...]] = ()) -> Target:
    """Return the network called `name`: of the catalogue, of a run's folder, or the user's own `module.py:Class`.

    `inputs` replace its own input; the user's own network has none, so 3x224x224 stands in.

    Raises:
        UserError: no such network, or a folder that is no run's.
    """
    given = tuple(inputs)
    if Path(name).is_dir():
        return _run(name, given)
    if is_own(name):
        return Target(name, name, None, given or (STAND_IN,))
    entry = find(name)
    return Target(name, name, None, given or (entry.input,), entry.source)


def _run(name: str, inputs: tuple[tuple[int, ...], ...]) -> Target:
    """Return what a run's resolved recipe says of its network."""
    folder = Path(name)
    path = folder / "recipe.toml"
    if not path.is_file():
        raise UserError(f"{folder}: not a run's folder (no recipe.toml); expected one that `alexlab train` made.")
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        channels, height, width = map(int, recipe["input"])
        network = own_code(str(recipe["network"]), folder)
        classes = int(recipe["classes"])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: expected network, classes and input = [C, H, W]; found {error!r}.") from error
    return Target(name, network, classes, inputs or ((channels, height, width),), f"the run {folder}")
