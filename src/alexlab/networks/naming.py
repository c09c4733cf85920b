"""The names of networks of the user's own. It imports no torch."""

from pathlib import Path


def is_own(name: str) -> bool:
    """Return whether `name` names the user's own code (`module.py:Class`, `package.module:function`)."""
    return ":" in name


def own_code(network: str, folder: Path) -> str:
    """Return the name of a network of the user's, as the run in `folder` kept its file; other names as they are."""
    file, _, attribute = network.rpartition(":")
    kept = folder / Path(file).name
    return f"{kept}:{attribute}" if file.endswith(".py") and kept.exists() else network
