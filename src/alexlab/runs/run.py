"""A run: a folder that training made, and what can be done with it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alexlab.data.images import Dataset, Split
from alexlab.data.input.decode import ImageError
from alexlab.data.input.given import Given, name_of, picture_of
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import is_shards, open_dataset
from alexlab.data.sources.ilsvrc import readable
from alexlab.data.usual import Usual, far_among
from alexlab.errors import UserError
from alexlab.inference.answer import Prediction, Source
from alexlab.inference.evaluation import Evaluation, from_log_probabilities, log_probabilities, together
from alexlab.inference.prediction import predict
from alexlab.networks.building import build
from alexlab.networks.initialisation import Uninitialised
from alexlab.networks.naming import is_own, own_code
from alexlab.recipes.reading import read_recipe
from alexlab.recipes.resolving import levels_of, needs_statistics, transform
from alexlab.runs import folder as run_folder
from alexlab.runs.parts import as_recorded
from alexlab.runs.schema import Division, Final, Result, RunFacts, checked, parsed, read_json
from alexlab.runs.trained import trained_among
from alexlab.showing import listed
from alexlab.speed.device import choose_device, exact
from alexlab.speed.door import answering, check_precision, is_made_of
from alexlab.weights.tensors import load_into, load_statistics


class Run:
    """A run folder, opened.

    Attributes:
        folder: where it is.
        recipe: the resolved recipe.
        facts: run.json: dataset, classes, environment.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open the run in `folder`. Raises UserError where that is no run of alexlab, or one of a newer format."""
        self.folder = Path(folder)
        if not (self.folder / "run.json").exists() or not (self.folder / "recipe.toml").exists():
            what = "not a run's folder (no run.json and recipe.toml)" if self.folder.is_dir() else "no such folder"
            raise UserError(f"{folder}: {what}; expected one that `alexlab train` made.")
        found = parsed(self.folder / "run.json")
        if isinstance(found, dict) and found.get("format", run_folder.FORMAT) != run_folder.FORMAT:
            raise UserError(f"{folder}: a run of format {found['format']}; this alexlab reads {run_folder.FORMAT}.")
        self.facts: dict[str, Any] = checked(found, RunFacts, str(self.folder / "run.json"))
        self.recipe = read_recipe(str(self.folder / "recipe.toml"))
        self.classes: tuple[str, ...] = tuple(self.facts["classes"])
        if self.recipe.classes != len(self.classes) or not isinstance(self.recipe.input, tuple):
            raise UserError(
                f"{folder}: damaged: run.json names {len(self.classes)} classes; recipe.toml has classes = {self.recipe.classes} and "
                f"input = {self.recipe.input}, and a run's says both. Restore them from a copy."
            )
        self._network: nn.Module | None = None
        self._answering: dict[str, nn.Module] = {}

    @property
    def usual(self) -> Usual | None:
        """What is usual among the training images; None in runs that did not measure it."""
        ranges = self.facts.get("usual")
        return Usual({name: (low, high) for name, (low, high) in ranges.items()}) if ranges else None

    @property
    def transform(self) -> Transform:
        """The path from an image to the network's input."""
        statistics = load_statistics(self.folder) if needs_statistics(self.recipe) else None
        return transform(self.recipe, statistics)

    @property
    def result(self) -> dict[str, Any]:
        """How the training ended (result.json); {"state": "unfinished"} where it did not."""
        path = self.folder / "result.json"
        result: dict[str, Any] = read_json(path, Result) if path.exists() else {"state": "unfinished"}
        return result

    @property
    def held_out(self) -> str:
        """A digest of the names and labels of the images that the run is tested on."""
        recorded = self._recorded()
        digest: str = recorded["test" if "test" in recorded else "watched"]["sha256"]
        return digest

    @property
    def was_trained(self) -> bool:
        """Whether there is a training behind the weights: published ones that were opened have none."""
        return self.division is not None

    @property
    def division(self) -> dict[str, Any] | None:
        """Which images the run trained on, watched and was tested on (split.json); None for published weights that were opened."""
        path = self.folder / "split.json"
        found = parsed(path)
        return None if found == {} else checked(found, Division, str(path))

    def _recorded(self) -> dict[str, Any]:
        recorded = self.division
        if recorded is None:
            raise UserError(f"{self.folder}: made from weights, so it held out no images; say which with --on DATASET.")
        return recorded

    @property
    def final(self) -> dict[str, Any] | None:
        """The final figures (evaluation.json), or None where the training is not finished."""
        path = self.folder / "evaluation.json"
        found: dict[str, Any] | None = read_json(path, Final) if path.exists() else None
        if found and tuple(each["class"] for each in found["classes"]) != self.classes:
            raise UserError(f"{path}: damaged: its classes are not those of run.json. Restore it from a copy.")
        return found

    def metrics(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Read the lines of metrics.jsonl: points within epochs ("point"), or epochs ("epoch"), or both."""
        lines = run_folder.read_lines(self.folder / "metrics.jsonl")
        return [line for line in lines if kind is None or line["kind"] == kind]

    @property
    def weights(self) -> Path:
        """The weight file that the run uses: the best or the last, as the recipe says; the last where training is not done.

        Raises:
            UserError: there are none yet.
        """
        for name in (self.recipe.select, "best", "last"):
            if (path := self.folder / f"{name}.safetensors").exists():
                return path
        raise UserError(f"{self.folder}: holds no weights yet; carry on with `alexlab train --resume {self.folder}`.")

    def network(self, device: torch.device | None = None) -> nn.Module:
        """Build the trained network, in evaluation mode."""
        if self._network is None:
            classes, input = self.recipe.classes, self.recipe.input
            assert isinstance(classes, int) and isinstance(input, tuple)
            name = own_code(self.recipe.network, self.folder)
            with nullcontext() if is_own(name) else Uninitialised():
                network = build(name, classes, input)
            load_into(network, self.weights)
            self._network = network.eval()
        return self._network.to(device or torch.device("cpu"))

    def evaluate(
        self,
        on: str | None = None,
        device: str = "auto",
        data_dir: str | Path | None = None,
        views: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        invert: bool = False,
        with_trained: bool = False,
    ) -> Evaluation:
        """Evaluate on the run's own test images (validation images where it has no test), or on another dataset.

        Args:
            on: a dataset's name, or an image folder; its classes must be among the run's.
            views: 1, 5 or 10 windows of the input's size, whose probabilities are averaged; by default what the recipe says.
            invert: exchange dark and light in every image first.
            with_trained: measure images of `on` that the run was trained on, too; by default they are left out, and `notes` says so.

        Raises:
            UserError: the dataset is not to be had, the run was trained on all of it, or it has classes that the run does not know.
        """
        return evaluate_together([self], on, device, data_dir, views, progress, invert, with_trained)

    def _log_probabilities(
        self,
        split: Split,
        device: torch.device,
        views: int | None,
        progress: Callable[[int, int], None] | None,
        invert: bool,
    ) -> torch.Tensor:
        ready = replace(self.transform, inverted=invert)
        return log_probabilities(
            self.network(device), Store(split, ready, budget=0, disk=0), ready, device, views, progress
        )

    def dataset(self, data_dir: str | Path | None = None, download: bool = True) -> Dataset:
        """Open the dataset that the run was trained on, which is fetched where it can be and is not found."""
        directory = Path(data_dir) if data_dir else None
        at = None if data_dir else Path(self.facts["found"])
        name = self.recipe.dataset
        opened = partial(
            open_dataset,
            data_dir=directory,
            seed=self.recipe.seed,
            download=download,
            at=at,
            small_classes=self.recipe.small_classes,
        )
        try:
            dataset = opened(name)
            as_then = dataset.classes == self.classes or not self._took_folders_for_classes
        except UserError:
            if not self._took_folders_for_classes:
                raise
            as_then = False
        return (dataset if as_then else opened(f"classes{name.removeprefix('folder')}")).at(levels_of(self.recipe))

    @property
    def _took_folders_for_classes(self) -> bool:
        """Whether it was trained when few words told parts from classes, and what was understood was not written down."""
        return "understood" not in self.facts and self.recipe.dataset.startswith("folder:")

    def predict(
        self,
        image: Given | list[Any],
        top: int = 5,
        device: str = "auto",
        precision: str = "float32",
        invert: bool = False,
    ) -> Any:
        """Return the most probable classes of an image: the same for a file and for what is in it.

        The `note` of what is returned says where an image lies far from what the run was trained on.

        Args:
            image: a path, a file's bytes, an open file, a picture of Pillow, an array or a tensor (see `data.input.given`); or a list.
            precision: "float32", or faster "bfloat16" or "int8", with the same answers within what docs/precision-and-cache.md says.
            invert: exchange dark and light first, as for dark digits on white where the run was trained on light ones on black.

        Returns:
            A Prediction; for a list, a list of them.

        Raises:
            UserError: an image cannot be read, or holds values whose range is not known.
        """
        images = image if isinstance(image, list) else [image]
        levels = levels_of(self.recipe)
        sources = ((name_of(each), picture_of(each, name_of(each), levels)) for each in images)
        found = list(self.predictions(sources, top, device, precision, invert=invert))
        if problems := [each.error for each in found if each.error]:
            raise ImageError(problems[0])
        return found if isinstance(image, list) else found[0]

    def predictions(
        self,
        sources: Iterable[tuple[str, Source]],
        top: int = 5,
        device: str = "auto",
        precision: str = "float32",
        once: bool = False,
        invert: bool = False,
    ) -> Iterator[Prediction]:
        """As `inference.prediction.predict`, with this run's network in the given precision.

        Args:
            once: there is one image, and nothing will be asked after it: weights are laid out for float32 in more time than they save.
            invert: exchange dark and light first.
        """
        chosen = choose_device(device)
        check_precision(precision, chosen)
        network = self.network(chosen) if once and precision == "float32" else self.answering(chosen, precision)
        ready = replace(self.transform, inverted=invert)
        return predict(network, sources, ready, self.classes, top, chosen, self.usual)

    def answering(self, device: torch.device, precision: str = "float32") -> nn.Module:
        """Build the trained network as it answers on `device`: images to float32 logits. See `speed.door.answering`."""
        network = self.network(device)
        if not is_made_of(self._answering.get(precision), network):
            self._answering[precision] = answering(network, device, precision)
        return self._answering[precision]

    def held_out_images(self, data_dir: str | Path | None = None) -> Split:
        """Return the images that the run is tested on, those it watched where there are no test images. Raises UserError without any."""
        return self.own_images(Path(data_dir) if data_dir else None)[1]

    def own_images(self, data_dir: Path | None = None) -> tuple[str, Split]:
        """As `held_out_images`, with what they are called."""
        recorded = self._recorded()
        part = "test" if "test" in recorded else "watched"
        name = "test" if part == "test" else "validation"
        dataset = self.dataset(data_dir)
        return f"{dataset.title}, {name}", as_recorded(dataset, recorded, part)

    def _trained_among(self, split: Split, source: str, data_dir: Path | None) -> tuple[NDArray[np.bool_], str]:
        """Return of each image whether the run was trained on it, and a sentence where that cannot be told, or ""."""
        nobody, cannot = (
            np.zeros(len(split), bool),
            f"{self.folder}: whether it was trained on some of these images cannot be told:",
        )
        if self.division is None:
            return nobody, f"{cannot} it was made from weights."
        try:
            dataset = self.dataset(data_dir, download=False)
        except UserError:
            return nobody, f"{cannot} its training images are not where they were ({self.facts['found']})."
        trained, doubt = trained_among(dataset, self.recipe, self.division, split, source)
        return trained, f"{cannot} {doubt}." if doubt else ""

    def _images_of(self, on: str, data_dir: Path | None) -> tuple[str, Split, str]:
        name = f"folder:{on}" if ":" not in on and Path(on).exists() and not is_shards(Path(on)) else on
        dataset = open_dataset(name, data_dir, self.recipe.seed, whole=True)
        split, part = (dataset.test, "test") if dataset.test else (dataset.validation, "validation")
        if split is None:
            split, part = dataset.train, "all images"
        classes = dataset.classes
        if set(readable(classes)) <= set(self.classes):
            classes = readable(classes)  # folders named by WordNet id, and a run that knows the names
        if unknown := sorted(set(classes) - set(self.classes)):
            raise UserError(
                f"{on}: has the class{'es' * (len(unknown) > 1)} {listed(unknown)}, which the run does not know; "
                f"it tells apart {listed(self.classes, 10)}."
            )
        number = {label: self.classes.index(each) for label, each in enumerate(classes)}
        labels = np.array([number[label] for label in split.labels.tolist()], dtype=np.int64)
        return f"{dataset.title}, {part}", Split(split.images, labels), dataset.found

    def __repr__(self) -> str:
        result = self.result
        best = f", best {result['best']:.4f}" if result.get("best") is not None else ""
        return f"Run({str(self.folder)!r}: {self.recipe.network} on {self.recipe.dataset}, {result['state']}{best})"

    def _repr_html_(self) -> str:
        """Draw a table of epochs and the curves, for a notebook."""
        from alexlab.report.page import run_html

        return run_html(self)


def evaluate_together(
    runs: list[Run],
    on: str | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    views: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    invert: bool = False,
    with_trained: bool = False,
) -> Evaluation:
    """Evaluate the mean of the runs' probabilities, as the paper does with five networks; see `Run.evaluate`.

    Raises:
        UserError: the runs tell other classes apart, or were tested on other images.
    """
    first, directory = runs[0], Path(data_dir) if data_dir else None
    for run in runs[1:]:
        if run.classes != first.classes:
            raise UserError(f"{run.folder} tells other classes apart than {first.folder}; they cannot be averaged.")
        if on is None and run.held_out != first.held_out:
            raise UserError(f"{run.folder} was tested on other images than {first.folder}; say which with --on.")
    notes: tuple[str, ...] = ()
    if on is None:
        name, split = first.own_images(directory)
    else:
        name, split, source = first._images_of(on, directory)
        if not with_trained:
            kept, notes = _without_trained(runs, on, split, source, directory)
            name, split = name + (", those not trained on" if len(kept) < len(split) else ""), kept
    chosen = choose_device(device)
    with exact():
        found = [run._log_probabilities(split, chosen, views, progress, invert) for run in runs]
    seen = (f", mean of {len(runs)} runs" if len(runs) > 1 else "") + (f", {views} views" if views else "")
    found_NK, labels_N = together(found), torch.from_numpy(split.labels)
    evaluation = from_log_probabilities(found_NK, labels_N, name + seen, first.classes, tuple(split.images.names))
    far = far_among(split, first.usual, replace(first.transform, inverted=invert)) if on is not None else None
    return replace(evaluation, notes=(*notes, *evaluation.notes, *([far] if far else ())))


def _without_trained(
    runs: list[Run], on: str, split: Split, source: str, data_dir: Path | None
) -> tuple[Split, tuple[str, ...]]:
    """Return the images that none of the runs was trained on, and a sentence for what was left out or cannot be told."""
    found = [run._trained_among(split, source, data_dir) for run in runs]
    notes = [doubt for _, doubt in found if doubt]
    trained = np.logical_or.reduce([mask for mask, _ in found])
    who = "the run was" if len(runs) == 1 else "the runs were"
    if trained.all():
        raise UserError(
            f"{on}: {who} trained on all of its {len(split):,} images; --with-trained measures them all the same."
        )
    if trained.any():
        notes.append(
            f"{trained.sum():,} of {len(split):,} images left out: {who} trained on them (--with-trained measures them, too)."
        )
    return split.select(np.flatnonzero(~trained)), tuple(notes)
