"""Weights that others have published made into a run that predicts, and a run's weights written as torchvision has them.

A run made from weights has no training behind it: `predict`, `evaluate --on DATASET`, `look` and `describe` work on it. What it
lacks, the images that a training held out, it says.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from alexlab.data.input.colour import PixelStatistics
from alexlab.data.progress import Progress
from alexlab.data.sources.ilsvrc import class_names
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.catalogue import find
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.recipes.schema import Recipe
from alexlab.regular import read_regular
from alexlab.runs import folder as run_folder
from alexlab.runs.run import Run
from alexlab.speed.device import environment
from alexlab.weights.caffe import read_mean
from alexlab.weights.pretrained import head_name, load_pretrained, read_weights, recognised, torchvision_file
from alexlab.weights.published import PUBLISHED, RECIPES, path_to_input, published
from alexlab.weights.tensors import save_statistics, save_tensors
from alexlab.weights.wrapped import Noted
from alexlab.writing import write_file

LARGEST_LIST = 64 << 20  # bytes of classes' names


def run_from_weights(
    weights: str | Path,
    out: str | Path,
    mean: str | Path | None = None,
    classes: str | Path | None = None,
    progress: Progress | None = None,
    noted: Noted = lambda text: None,
) -> Run:
    """Make a run folder at `out` from published weights.

    Args:
        weights: a file that `weights.pretrained.read_weights` reads, or "torchvision", which is fetched.
        mean: Caffe's mean image (.binaryproto); without it the mean colour of ILSVRC-2012 is subtracted.
        classes: a text file with a name a line; by default the 1,000 of ILSVRC-2012.
        noted: told what other programs put around the weights, which was taken off.

    Raises:
        UserError: the weights are of no network that has a published recipe, or a file does not fit.
    """
    path = published(str(weights), progress) if str(weights) in PUBLISHED else Path(weights)
    found = read_weights(path, noted=noted)
    known = [name for name in recognised(found) if name in RECIPES]
    if not known:
        raise UserError(
            f"{path}: these are weights of {' or '.join(recognised(found)) or 'no network of the catalogue'}; a run is made of "
            f"those of {' and '.join(RECIPES)}."
        )
    (name,) = known
    if mean and name != "alexnet-caffe":
        raise UserError(f"{name} subtracts a mean colour; a mean image ({mean}) belongs to alexnet-caffe.")
    names = _class_names(classes, _outputs(found, name))
    statistics = _caffe_statistics(Path(mean)) if mean else None
    recipe = _recipe(name, path, len(names), with_mean_image=mean is not None)
    network = build(name, len(names))
    load_pretrained(network, path, name)
    run_folder.check_room(Path(out), 300_000_000)
    with run_folder.starting(recipe, Path(out)) as folder:
        save_tensors(
            folder / "last.safetensors", network.state_dict(), {"format": run_folder.FORMAT, "network": name, "step": 0}
        )
        if statistics:
            save_statistics(folder, statistics)
        run_folder.write_recipe(folder / "recipe.toml", recipe)
        facts: dict[str, Any] = {
            "format": run_folder.FORMAT,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        facts |= {"dataset": f"weights of {path.name}", "found": str(path.resolve()), "classes": names}
        run_folder.write_json(folder / "split.json", {})
        run_folder.write_json(
            folder / "result.json", {"state": "finished", "steps": 0, "epochs": 0, "best": None, "seconds": 0}
        )
        run_folder.write_json(folder / "run.json", {**facts, "environment": environment(torch.device("cpu"))})
        folder = run_folder.take_name(folder, recipe, Path(out))
    return Run(folder)


def _outputs(weights: dict[str, torch.Tensor], name: str) -> int:
    with torch.device("meta"):
        head = head_name(build(name))
    return len(weights[f"{head}.weight"])


def _class_names(file: str | Path | None, wanted: int) -> list[str]:
    if file is None:
        names = list(class_names().values())
        if len(names) != wanted:
            raise UserError(f"the weights tell {wanted:,} classes apart; name them with --classes FILE, a name a line.")
        return names
    try:
        text = read_regular(Path(file), LARGEST_LIST).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: cannot be read ({error}).") from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if len(names) != wanted or len(set(names)) != len(names):
        raise UserError(
            f"{file}: found {len(set(names)):,} different names; the weights tell {wanted:,} classes apart."
        )
    return names


def _caffe_statistics(mean: Path) -> PixelStatistics:
    return PixelStatistics(0, read_mean(mean).double(), torch.zeros(3).double(), torch.eye(3).double())


def _recipe(name: str, path: Path, classes: int, with_mean_image: bool) -> Recipe:
    recipe = read_recipe(RECIPES[name])
    values = {**path_to_input(name), "network": name, "classes": classes, "input": find(name).input}
    values["store"] = (3, recipe.store, recipe.store)
    values |= {"mean": "image"} if with_mean_image else {}
    return overridden(recipe, {**values, "pretrained": str(path.resolve()), "select": "last"})


def export(run: Run, folder: str | Path) -> Path:
    """Write a run's weights into `folder` as torchvision distributes its AlexNet: alexnet-owt-HASH.pth.

    torchvision.models.alexnet(num_classes=...).load_state_dict(torch.load(FILE, weights_only=True)) takes it.

    Raises:
        UserError: the run's network is not `alexnet-torchvision`, or the file exists.
    """
    name, data = torchvision_file(run.network())
    path = Path(folder) / name
    if path.exists():
        raise UserError(f"{path} exists already and holds these weights.")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_file(path, data)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error}).") from error
    return path
