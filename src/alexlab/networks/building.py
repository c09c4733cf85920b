"""From a name to a network: the catalogue's, or the user's own `module.py:Class`."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from alexlab.errors import UserError, unknown
from alexlab.networks.catalogue import find
from alexlab.networks.initialisation import INITIALISATIONS
from alexlab.networks.shapes import Shape


def is_own(name: str) -> bool:
    """Whether `name` names the user's own code (`module.py:Class`, `package.module:function`)."""
    return ":" in name


def layout(name: str) -> torch.memory_format:
    """How the network's tensors lie in memory when speed counts: channels last, but for the user's own networks.

    Many flatten with `view`, which takes no other layout than the one that they were written for.
    """
    return torch.contiguous_format if is_own(name) else torch.channels_last


def own_code(network: str, folder: Path) -> str:
    """The name of a network of the user's, as the run in `folder` kept its file; other names as they are."""
    file, _, attribute = network.rpartition(":")
    kept = folder / Path(file).name
    return f"{kept}:{attribute}" if file.endswith(".py") and kept.exists() else network


def build(
    name: str,
    classes: int | None = None,
    input: Shape | None = None,
    initialisation: str = "network",
) -> nn.Module:
    """The network called `name`, a catalogue name or the user's own `module.py:Class` or `package.module:function`.

    Args:
        classes: how many classes it tells apart; by default as in its source.
        input: channels, height, width of one image; by default as in its source.
        initialisation: a name of INITIALISATIONS, or "network" for what the network's own source does.

    Returns:
        The network in training mode, float32, on the CPU (or the device of an enclosing `torch.device` context). It
        maps images (N, C, H, W) to logits (N, classes).

    Raises:
        UserError: no such network, or one that cannot take this class count or input.
    """
    if is_own(name):
        network = _call(_import(name), name, classes, input)
        own_initialisation = None
    else:
        entry = find(name)
        classes, input = classes or entry.classes, input or entry.input
        if classes < 2:
            raise UserError(f"{name}: found {classes} classes; a classifier needs at least 2.")
        module, _, function = entry.builder.partition(":")
        try:
            network = getattr(importlib.import_module(module), function)(classes=classes, input=input)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        own_initialisation = entry.initialisation
    chosen = own_initialisation if initialisation == "network" else initialisation
    if chosen is not None:
        if chosen not in INITIALISATIONS:
            raise unknown("initialisation", chosen, [*INITIALISATIONS, "network"])
        if not (chosen == "pytorch" and own_initialisation == "pytorch"):  # the layers start so already
            with torch.no_grad():
                INITIALISATIONS[chosen](network)
    return network


def _import(name: str) -> Any:
    """The object that `module.py:Class` or `package.module:function` names."""
    where, _, attribute = name.rpartition(":")
    try:
        if where.endswith(".py"):
            module = _module_from_file(Path(where))
        else:
            with _on_path(Path.cwd()):
                module = importlib.import_module(where)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name}: importing {where} failed with {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        offered = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        raise unknown(f"name in {where}:", attribute, offered)
    return getattr(module, attribute)


def _module_from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a Python file that defines the network.")
    # A name that hides no module of Python's or the user's; dataclasses and pickles look it up.
    spec = importlib.util.spec_from_file_location(f"alexlab_own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with _on_path(path.resolve().parent):  # its neighbours can be imported, as in a script
        spec.loader.exec_module(module)
    return module


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _call(made_by: Any, name: str, classes: int | None, input: Shape | None) -> nn.Module:
    """Call the user's class or function with what it asks for among class count, input shape and channels."""
    if isinstance(made_by, nn.Module):
        return made_by
    if not callable(made_by):
        raise UserError(f"{name}: found a {type(made_by).__name__}; expected a class or function that makes a network.")
    known = {
        "classes": classes,
        "num_classes": classes,
        "n_classes": classes,
        "input": input,
        "channels": input and input[0],
        "in_channels": input and input[0],
    }
    parameters = inspect.signature(made_by).parameters.values()
    arguments = {p.name: known[p.name] for p in parameters if known.get(p.name) is not None}
    missing = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in arguments
    ]
    if missing:
        raise UserError(
            f"{name}: needs the argument{'s' * (len(missing) > 1)} {', '.join(missing)}; alexlab can give "
            f"{', '.join(known)}. Give the others defaults, or name a function without arguments that makes the network."
        )
    try:
        network = made_by(**arguments)
    except Exception as error:
        raise UserError(f"{name}: making the network failed with {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name}: made a {type(network).__name__}; expected a torch.nn.Module.")
    return network
