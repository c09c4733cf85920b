"""What `import alexlab` offers: a handful of names."""

from pathlib import Path
from typing import Any

from torch import nn

from alexlab.data.images import Dataset
from alexlab.data.opening import open_dataset
from alexlab.networks.building import build
from alexlab.report.page import write_report
from alexlab.runs.run import Run
from alexlab.shape import Shape
from alexlab.training import train as training
from alexlab.writing import is_sealed, seal

__all__ = ["Run", "dataset", "network", "resume", "train"]


def train(network: str | None = None, dataset: str | None = None, recipe: str = "quick", **settings: Any) -> Run:
    """Train, and write the report: see `alexlab.training.train.train` for the settings.

    Returns:
        The run. `run.evaluate()`, `run.predict(image)`, `run.folder`.

    Raises:
        alexlab.errors.UserError: whatever the user can mend.
    """
    run = training.train(network, dataset, recipe, **settings)
    return _reported(run)


def resume(folder: str | Path, **settings: Any) -> Run:
    """Carry on with a training that stopped, and write the report: see `alexlab.training.train.resume`."""
    run = training.resume(folder, **settings)
    return _reported(run)


def _reported(run: Run) -> Run:
    write_report(run)
    if is_sealed(run.folder):
        seal(run.folder)  # a line a file, of those that were written anew too
    return run


def network(
    name: str, classes: int | None = None, input: Shape | None = None, initialisation: str = "network"
) -> nn.Module:
    """Build a network of the catalogue, or the user's own: see `alexlab.networks.building.build`."""
    return build(name, classes, input, initialisation)


def dataset(name: str, data_dir: str | Path | None = None, seed: int = 0) -> Dataset:
    """Open a dataset: see `alexlab.data.opening.open_dataset`."""
    return open_dataset(name, Path(data_dir) if data_dir else None, seed)
