"""The user's own network, `module.py:Class` or `package.module:function`: imported and made without harm to the process.

Somebody's module may read the command line, end the process, change the working directory or PyTorch's settings. `contained` gives it
a command line of its own, puts back what it changed, and says where in its files an error arose.
"""

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alexlab.errors import UserError, unknown
from alexlab.networks.lazy import give_shapes, has_lazy
from alexlab.networks.modules import import_apart, is_users, modules_of
from alexlab.shape import Shape


@contextmanager
def contained(name: str, doing: str) -> Iterator[None]:
    """Run code of the user's network `name` in the block; what it changes of the process is put back afterwards.

    That is the command line, the working directory, what is gone from Python's path, and PyTorch's gradients, default type and
    device, threads and determinism.

    Args:
        doing: what the block does, the subject of the error: "importing net.py", "making the network".

    Raises:
        UserError: whatever the block raises, with the user's file and line, also what is no Exception, such as SystemExit; but
            an interruption from the keyboard, and memory that gives out, stay what they are.
    """
    arguments, sys.argv = sys.argv, [file_of(name)]
    path, before = list(sys.path), settings()
    modules = modules_of(name)
    try:
        with modules.reading() if modules else nullcontext():
            yield
    except (UserError, KeyboardInterrupt, MemoryError):
        raise
    except SystemExit as error:
        raise UserError(
            f"{name}: {doing} ended the process (exit code {error.code}){line_in_own(error, name)}; is it a script? What is not to "
            'happen on import belongs under `if __name__ == "__main__":`.'
        ) from error
    except BaseException as error:
        raise UserError(f"{name}: {doing} failed with {_said(error)}{line_in_own(error, name)}.") from error
    finally:
        sys.argv = arguments
        sys.path += [folder for folder in path if folder not in sys.path]
        put_back(before)


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].removesuffix('.')}" if lines else type(error).__name__


def line_in_own(error: BaseException, name: str) -> str:
    """Return the line of the user's files that was the last to run before the error: " (net.py, line 7)"; "" where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    modules, folder = modules_of(name), Path(file_of(name)).resolve().parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if modules.holds(str(path)) if modules else path.is_relative_to(folder) and is_users(str(path)):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def file_of(name: str) -> str:
    """Return the file of `name`'s module, or the module's name where it has none or is not imported yet."""
    where, modules = name.rpartition(":")[0], modules_of(name)
    module = sys.modules.get(f"{modules.package}.{where}" if modules else where)
    return where if where.endswith(".py") else getattr(module, "__file__", None) or where


def settings() -> dict[str, Any]:
    """Return what a user's code might change of the process, by its name in words."""
    folder = None
    with suppress(FileNotFoundError):  # it was removed
        folder = os.getcwd()  # noqa: PTH109  # as the system has it
    return {
        "the working directory": folder,
        "whether gradients are kept": torch.is_grad_enabled(),
        "PyTorch's default type": torch.get_default_dtype(),
        "PyTorch's default device": torch.get_default_device(),
        "PyTorch's threads": torch.get_num_threads(),
        "PyTorch's determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
    }


def put_back(before: dict[str, Any]) -> list[str]:
    """Bring the process back to the settings `before`, and return the names of those that had changed."""
    ways: dict[str, Callable[[Any], Any]] = {
        "the working directory": os.chdir,
        "whether gradients are kept": torch.set_grad_enabled,
        "PyTorch's default type": torch.set_default_dtype,
        "PyTorch's default device": lambda device: torch.set_default_device(None if device.type == "cpu" else device),
        "PyTorch's threads": torch.set_num_threads,
        "PyTorch's determinism": lambda way: torch.use_deterministic_algorithms(way[0], warn_only=way[1]),
    }
    changed = [key for key, value in settings().items() if value != before[key]]
    for key in changed:
        if before[key] is not None:
            ways[key](before[key])
    return changed


def own_network(name: str, classes: int | None, input: Shape | None) -> nn.Module:
    """Import the user's module and make the network; what the import draws does not move PyTorch's random numbers.

    Raises:
        UserError: the module cannot be imported, has no such name, or what it names makes no network.
    """
    with contained(name, f"importing {name.rpartition(':')[0]}"), torch.random.fork_rng(devices=[]):
        made_by = _imported(name)
    modules = modules_of(name)
    with contained(name, "making the network"), modules.by_name() if modules else nullcontext():
        network = _made(made_by, name, classes, input)
    if not isinstance(network, nn.Module):
        raise UserError(f"{name}: made a {type(network).__name__}; expected a torch.nn.Module.")
    if input and has_lazy(network):
        with contained(name, f"a forward pass with an input of {'x'.join(map(str, input))}"):
            give_shapes(network, torch.zeros(2, *input))
    return network


def _imported(name: str) -> Any:
    """Import the object that `module.py:Class` or `package.module:function` names."""
    where, _, attribute = name.rpartition(":")
    module = import_apart(where)
    if not hasattr(module, attribute):
        offered = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        raise unknown(f"name in {where}:", attribute, offered)
    return getattr(module, attribute)


def _made(made_by: Any, name: str, classes: int | None, input: Shape | None) -> Any:
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
    return made_by(**arguments)
