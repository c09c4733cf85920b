"""What the command line calls NETWORK|RUN|module.py:Class, as something that can be built, and its input."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.building import build, is_own, own_code
from alexlab.networks.catalogue import find


@dataclass(frozen=True)
class Target:
    """A network that can be built on a device ("meta" for one without memory), and the shapes it is fed.

    `source` is where its definition comes from, "" where nothing is known.
    """

    name: str
    build: Callable[[str], nn.Module]
    inputs: tuple[tuple[int, ...], ...]
    source: str = ""


def parse_shape(text: str) -> tuple[int, ...]:
    """`3x224x224` as (3, 224, 224). Raises UserError for anything else."""
    sizes = text.lower().replace("×", "x").split("x")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise UserError(
            f"input {text!r}: expected sizes of 1 or more joined by x, without the batch, such as 3x224x224."
        )
    return tuple(int(size) for size in sizes)


def find_target(name: str, inputs: Sequence[tuple[int, ...]] = ()) -> Target:
    """The network called `name`: of the catalogue, of a run's folder, or the user's own `module.py:Class`.

    `inputs` replace its own input; the user's own network has none, so 3x224x224 stands in.

    Raises:
        UserError: no such network, or one that cannot be built.
    """
    if Path(name).is_dir():
        network, classes, input, source = _run(Path(name))
    elif is_own(name):
        network, classes, input, source = name, None, None, ""
    else:
        entry = find(name)
        network, classes, input, source = name, None, entry.input, entry.source
    given = tuple(inputs) or (input or (3, 224, 224),)
    shape = given[0] if len(given[0]) == 3 else None

    def made(device: str, shape: tuple[int, ...] | None) -> nn.Module:
        image = (shape[0], shape[1], shape[2]) if shape is not None else None
        if device == "meta":
            try:
                with torch.device("meta"):
                    return build(network, classes, image)
            except UserError:
                pass  # its constructor may look at values; the CPU says what is really wrong
        return build(network, classes, image)

    return Target(name, lambda device: made(device, shape), given, source)


def _run(folder: Path) -> tuple[str, int, tuple[int, int, int], str]:
    """What a run's resolved recipe says of its network."""
    path = folder / "recipe.toml"
    if not path.is_file():
        raise UserError(f"{folder}: not a run's folder (no recipe.toml); expected one that `alexlab train` made.")
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
        channels, height, width = recipe["input"]
        network = own_code(str(recipe["network"]), folder)
        return network, int(recipe["classes"]), (channels, height, width), f"the run {folder}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: expected network, classes and input = [C, H, W]; found {error!r}.") from error
