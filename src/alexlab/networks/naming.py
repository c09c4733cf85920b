"""The names of networks of the user's own. It imports no torch."""

import json
from pathlib import Path

from alexlab.errors import UserError
from alexlab.regular import read_regular

OWN = "own"
"""The folder within a run that keeps the user's modules."""

LARGEST = 2 << 30  # bytes of run.json


def is_own(name: str) -> bool:
    """Return whether `name` names the user's own code (`module.py:Class`, `package.module:function`)."""
    return ":" in name


def own_code(network: str, folder: Path) -> str:
    """Return the name of a network of the user's, as the run in `folder` kept its modules; other names as they are."""
    file, _, attribute = network.rpartition(":")
    if not is_own(network):
        return network
    entry = _entry(folder)
    kept = folder / OWN / entry if entry else folder / Path(file).name  # in earlier runs it is one file
    return f"{kept}:{attribute}" if kept.suffix == ".py" and kept.is_file() else network


def _entry(folder: Path) -> str:
    """Return which of the modules that a run keeps defines its network; "" where it keeps none."""
    try:
        entry = json.loads(read_regular(folder / "run.json", LARGEST)).get("own", "")
        return entry if isinstance(entry, str) and not {"..", "/"} & set(Path(entry).parts) else ""
    except (UserError, OSError, ValueError, RecursionError, AttributeError):
        return ""
