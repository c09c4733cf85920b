"""A run into a file: made, held against the run, and only then written."""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray

import alexlab
from alexlab.data.input.transform import batch_of
from alexlab.errors import UserError
from alexlab.export.agreement import Agreement, Answer, agreement, evenly, sources
from alexlab.export.in_int8 import CALIBRATED_ON, in_int8
from alexlab.export.onnx_file import ENDING, EXTRA, FORMAT, pixels_of, session
from alexlab.export.program import program
from alexlab.export.to_onnx import onnx_file
from alexlab.export.to_torch import loaded, torch_file
from alexlab.export.to_triton import write_repository
from alexlab.inference.answer import Source
from alexlab.inference.reading import image_paths
from alexlab.networks.answers import rubbish_of
from alexlab.regular import read_regular
from alexlab.runs.parts import Parts, as_they_were, parts_of
from alexlab.runs.run import Run
from alexlab.writing import write_file

LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
LARGEST_IMAGE = 1 << 30  # bytes of a file

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


FORMATS = {
    "onnx": "an ONNX file, NAME.onnx",
    "torch": "a program of torch.export, NAME.pt2, which PyTorch loads without alexlab",
    "triton": "a model of NVIDIA Triton's repository, the folder NAME: ONNX, config.pbtxt and labels",
}
ENDINGS = {"onnx": ENDING, "torch": ".pt2"}


@dataclass(frozen=True)
class Export:
    """What was written, and what it was held against."""

    path: Path
    bytes: int
    facts: dict[str, Any]
    agreement: Agreement


def export(
    run: Run,
    out: Path,
    format: str = "onnx",
    begins: str = "pixels",
    precision: str = "float32",
    on: Path | None = None,
    data_dir: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Export:
    """Write `run` to `out`, unless what would be written says something else than the run.

    Args:
        format: a word of FORMATS.
        begins: where the graph begins, a word of `program.BEGINS`.
        precision: "float32" or, for ONNX, "int8", calibrated on training images; what it costs is measured on the validation images.
        on: an image, or a folder of images, to hold it against; by default the images that the run was tested on.
        data_dir: where to look for the run's dataset first.

    Raises:
        UserError: a library is missing, `out` has another ending, the network cannot be exported, there are no images to hold it
            against, or it does not agree with the run: then nothing is written.
    """
    if missing := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
        raise UserError(f"exporting needs {', '.join(missing)}, not installed here: {EXTRA}")
    if out.suffix != ENDINGS.get(format, out.suffix):
        raise UserError(f"{out}: expected a name that ends in {ENDINGS[format]}.")
    if precision == "int8" and (format == "torch" or on is not None):
        raise UserError(
            "int8 is of ONNX Runtime's, and measured on the run's own validation images: leave out --format torch and --on."
        )
    seen = _seen(run, precision, on, data_dir)
    facts = _facts(run, begins, precision)
    progress("exporting", 0, 1)
    made = program(run, begins)
    content = (torch_file if format == "torch" else onnx_file)(run, made, facts)
    progress("exporting", 1, 1)
    taken = _pixels_taken(run) if begins == "pixels" else _input_taken(run)
    if precision == "int8":
        progress("calibrating", 0, 1)
        images = _parts(run, data_dir)[1].train.images
        calibration = sources(images.select(evenly(len(images.names), CALIBRATED_ON)))
        content = in_int8(content, (taken(source, name) for name, source in calibration))
        progress("calibrating", 1, 1)
    ask = _asked_of_torch(run, content) if format == "torch" else _asked_of_onnx(content)
    answer = _answer(ask, taken, logits=begins == "input", rubbish=facts.get("rubbish"))
    found = agreement(
        run, answer, seen.images, seen.on, lambda done: progress("verifying", done, seen.count), seen.labels_N
    )
    if not found.holds:
        raise UserError(
            f"{out}: not written, as the export does not say what the run says: {found.words}. {found.bound}."
        )
    if format == "triton":
        write_repository(out, content, facts, run.transform.input)
    else:
        write_file(out, content)
    return Export(out, len(content), facts, found)


@dataclass(frozen=True)
class _Seen:
    """The images to hold an export against: what they are called, how many, and where it is measured their classes."""

    on: str
    count: int
    images: Iterable[tuple[str, Source]]
    labels_N: NDArray[np.int64] | None = None


def _seen(run: Run, precision: str, on: Path | None, data_dir: Path | None) -> _Seen:
    if on is not None:
        if not on.exists():
            raise UserError(f"{on}: no such file or folder; expected images to hold the export against.")
        paths = list(image_paths([str(on)]))
        seen = [paths[i] for i in evenly(len(paths))]
        return _Seen(str(on), len(seen), ((path, read_regular(Path(path), LARGEST_IMAGE)) for path in seen))
    if not run.was_trained:
        raise UserError(
            f"{run.folder}: made from weights, so it held out no images to hold the export against; "
            + ("int8 needs a run that was trained." if precision == "int8" else "name a folder of some: --on FOLDER.")
        )
    if precision == "int8":
        name, parts = _parts(run, data_dir)
        title, split = f"{name}, {run.recipe.watch}", parts.watched
    else:
        title, split = run.own_images(data_dir)
    split = split.select(evenly(len(split)))
    return _Seen(title, len(split), sources(split.images), split.labels if precision == "int8" else None)


def _parts(run: Run, data_dir: Path | None) -> tuple[str, Parts]:
    """Return what the run's dataset is called, and the parts that the run divided it into."""
    dataset = run.dataset(data_dir)
    return dataset.title, as_they_were(parts_of(dataset, run.recipe), dataset, run.division or {})


def _facts(run: Run, begins: str, precision: str) -> dict[str, Any]:
    levels, rubbish = run.transform.levels, rubbish_of(run.network())
    return {
        "format": FORMAT,
        "begins": begins,
        "precision": precision,
        "classes": list(run.classes),
        "levels": list(levels) if levels else None,
        **({} if rubbish is None else {"rubbish": rubbish}),
        "network": run.recipe.network,
        "dataset": run.recipe.dataset,
        "run": run.folder.resolve().name,
        "started": run.facts["started"],
        "recipe": run.recipe.model_dump(mode="json"),
        "versions": {
            "alexlab": alexlab.__version__,
            "torch": torch.__version__,
            "pillow": PIL.__version__,
            **{name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    }


Ask = Callable[[NDArray[Any]], NDArray[np.float32]]
"""The file: what it takes to what it gives, for a batch."""

Taken = Callable[[Source, str], NDArray[Any]]
"""What the file takes of an image: a batch of one."""


def _asked_of_onnx(content: bytes) -> Ask:
    asked = session(content, "the export")
    name = asked.get_inputs()[0].name

    def ask(batch: NDArray[Any]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = asked.run(None, {name: batch})[0]
        return found

    return ask


def _asked_of_torch(run: Run, content: bytes) -> Ask:
    module = loaded(content, run)

    def ask(batch: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = module(torch.tensor(batch)).numpy()
        return found

    return ask


def _pixels_taken(run: Run) -> Taken:
    levels = run.transform.levels
    return lambda source, name: pixels_of(source, name, levels)[None]


def _input_taken(run: Run) -> Taken:
    ready = run.transform

    def taken(source: Source, name: str) -> NDArray[Any]:
        if isinstance(source, str):
            raise UserError(source)
        inputs_NCHW: NDArray[Any] = ready(batch_of(ready.stored(source, name)[None])).numpy()
        return inputs_NCHW

    return taken


def _answer(ask: Ask, taken: Taken, logits: bool, rubbish: float | None) -> Answer:
    def answer(source: Source, name: str) -> NDArray[np.float32]:
        found_K: NDArray[np.float32] = ask(taken(source, name))[0]
        if logits:
            none = np.float32(-np.inf if rubbish is None else -rubbish)  # the logit of no class at all
            highest = max(found_K.max(), none)
            found_K = np.exp(found_K - highest)
            found_K /= found_K.sum() + np.exp(none - highest)
        return found_K

    return answer
