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
from alexlab.export.onnx_file import ENDING, EXTRA, FORMAT, OnnxFile, session
from alexlab.export.program import program
from alexlab.export.to_onnx import onnx_file
from alexlab.inference.answer import Source
from alexlab.inference.reading import image_paths
from alexlab.regular import read_regular
from alexlab.runs.run import Run
from alexlab.writing import write_file

LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
LARGEST_IMAGE = 1 << 30  # bytes of a file

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


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
    begins: str = "pixels",
    on: Path | None = None,
    data_dir: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Export:
    """Write `run` as the ONNX file `out`, unless it says something else than the run.

    Args:
        begins: where the graph begins, a word of `program.BEGINS`.
        on: an image, or a folder of images, to hold it against; by default the images that the run was tested on.
        data_dir: where to look for the run's dataset first.

    Raises:
        UserError: a library is missing, `out` has another ending, the network cannot be exported, there are no images to hold it
            against, or it does not agree with the run: then nothing is written.
    """
    if missing := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
        raise UserError(f"exporting needs {', '.join(missing)}, not installed here: {EXTRA}")
    if out.suffix != ENDING:
        raise UserError(f"{out}: expected a name that ends in {ENDING}.")
    title, count, images = _images(run, on, data_dir)
    facts = _facts(run, begins)
    progress("exporting", 0, 1)
    content = onnx_file(run, program(run, begins), facts)
    progress("exporting", 1, 1)
    found = agreement(
        run, _answer(run, content, begins), images, title, lambda done: progress("verifying", done, count)
    )
    if not found.holds:
        raise UserError(
            f"{out}: not written, as the export does not say what the run says: {found.words}; at most {LARGEST_DIFFERENCE:g} is "
            "accepted."
        )
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


def _answer(run: Run, content: bytes, begins: str) -> Answer:
    """Return what asks the file about an image."""
    if begins == "pixels":
        file = OnnxFile(content, "the export")
        return lambda source, name: file.probabilities(file.pixels(source, name)[None])[0]
    asked, ready = session(content, "the export"), run.transform

    def answer(source: Source, name: str) -> NDArray[np.float32]:
        if isinstance(source, str):
            raise UserError(source)
        inputs_NCHW = ready(batch_of(ready.stored(source, name)[None])).numpy()
        logits_NK = asked.run(None, {"input": inputs_NCHW})[0]
        probability_K: NDArray[np.float32] = torch.from_numpy(logits_NK).float().softmax(dim=1).numpy()[0]
        return probability_K

    return answer
