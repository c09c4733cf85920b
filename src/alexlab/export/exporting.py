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
from alexlab.export.agreement import LARGEST_DIFFERENCE, MOST_IMAGES, Agreement, Answer, agreement, some_of
from alexlab.export.onnx_file import ENDING, EXTRA, FORMAT, pixels_of, session
from alexlab.export.program import program
from alexlab.export.to_onnx import onnx_file
from alexlab.export.to_torch import loaded, torch_file
from alexlab.export.to_triton import write_repository
from alexlab.inference.answer import Source
from alexlab.inference.reading import image_paths
from alexlab.regular import read_regular
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
    on: Path | None = None,
    data_dir: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Export:
    """Write `run` to `out`, unless what would be written says something else than the run.

    Args:
        format: a word of FORMATS.
        begins: where the graph begins, a word of `program.BEGINS`.
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
    title, count, images = _images(run, on, data_dir)
    facts = _facts(run, begins)
    progress("exporting", 0, 1)
    made = program(run, begins)
    content = (torch_file if format == "torch" else onnx_file)(run, made, facts)
    progress("exporting", 1, 1)
    ask = _asked_of_torch(run, content) if format == "torch" else _asked_of_onnx(content)
    answer = _from_pixels(ask, run) if begins == "pixels" else _from_input(ask, run)
    found = agreement(run, answer, images, title, lambda done: progress("verifying", done, count))
    if not found.holds:
        raise UserError(
            f"{out}: not written, as the export does not say what the run says: {found.words}; at most {LARGEST_DIFFERENCE:g} is "
            "accepted."
        )
    if format == "triton":
        write_repository(out, content, facts, run.transform.input)
    else:
        write_file(out, content)
    return Export(out, len(content), facts, found)


def _images(run: Run, on: Path | None, data_dir: Path | None) -> tuple[str, int, Iterable[tuple[str, Source]]]:
    """Return what the images are called, how many there are, and the images."""
    if on is not None:
        if not on.exists():
            raise UserError(f"{on}: no such file or folder; expected images to hold the export against.")
        paths = list(image_paths([str(on)]))
        seen = [paths[i * len(paths) // MOST_IMAGES] for i in range(MOST_IMAGES)] if len(paths) > MOST_IMAGES else paths
        return str(on), len(seen), ((path, read_regular(Path(path), LARGEST_IMAGE)) for path in seen)
    if not run.was_trained:
        raise UserError(
            f"{run.folder}: made from weights, so it held out no images to hold the export against; name a folder of some: --on FOLDER."
        )
    title, split = run.own_images(data_dir)
    return title, min(len(split), MOST_IMAGES), some_of(split.images)


def _facts(run: Run, begins: str) -> dict[str, Any]:
    levels = run.transform.levels
    return {
        "format": FORMAT,
        "begins": begins,
        "classes": list(run.classes),
        "levels": list(levels) if levels else None,
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


def _asked_of_onnx(content: bytes) -> Ask:
    asked = session(content, "the export")
    name = asked.get_inputs()[0].name
    return lambda batch: asked.run(None, {name: batch})[0]


def _asked_of_torch(run: Run, content: bytes) -> Ask:
    module = loaded(content, run)

    def ask(batch: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = module(torch.tensor(batch)).numpy()
        return found

    return ask


def _from_pixels(ask: Ask, run: Run) -> Answer:
    levels = run.transform.levels
    return lambda source, name: ask(pixels_of(source, name, levels)[None])[0]


def _from_input(ask: Ask, run: Run) -> Answer:
    ready = run.transform

    def answer(source: Source, name: str) -> NDArray[np.float32]:
        if isinstance(source, str):
            raise UserError(source)
        logits_NK = ask(ready(batch_of(ready.stored(source, name)[None])).numpy())
        probability_K: NDArray[np.float32] = torch.from_numpy(logits_NK).float().softmax(dim=1).numpy()[0]
        return probability_K

    return answer
