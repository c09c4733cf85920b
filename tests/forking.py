"""Processes that begin at once, because what they import is imported already.

They are forked from a server that has imported everything and computed nothing. A fork of the process that runs the tests would take its
locks along, but not the threads that hold them.
"""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["alexlab.training.train", "alexlab.data.shards.packing", "pytest", "PIL.Image"])


def begun(function: Callable[..., object], *given: object) -> BaseProcess:
    """A process that calls `function`, in this folder and with this environment; its `exitcode` is 0 where that ended well."""
    process = SERVER.Process(target=_begin, args=(Path.cwd(), dict(os.environ), function, given))
    process.start()
    return process


def _begin(
    folder: Path, environment: dict[str, str], function: Callable[..., object], given: tuple[object, ...]
) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    function(*given)
