"""An exported ONNX file: read, and asked about images, by ONNX Runtime alone. It imports no torch."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.input.decode import Levels, Pixels, as_mode, decode_rgb
from alexlab.errors import UserError
from alexlab.inference.answer import Prediction, Source
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.regular import check_regular
from alexlab.speed.process import give_back

ENDING = ".onnx"
FORMAT = 1
LARGE = 1 << 22  # pixels for which ONNX Runtime's memory, which it would keep, is given back
EXTRA = "pip install 'alexlab[export]'"


class OnnxFile:
    """A file that `alexlab export` wrote, from pixels to probabilities.

    Attributes:
        facts: what it holds beside the graph: classes, recipe, run, dataset, versions, what it was held against.
        classes: their names, in the order of the probabilities.
    """

    def __init__(self, file: Path | bytes, name: str = "", once: bool = False) -> None:
        """Open `file`, a path or a content.

        Args:
            name: what errors call it; by default the path.
            once: there is one image, and nothing will be asked after it: the graph is taken as it is and weights as they lie, as making
                them faster takes longer than it saves.

        Raises:
            UserError: ONNX Runtime is not installed, or it is no file that takes pixels and was exported by alexlab.
        """
        self._name = name or str(file)
        self._session = session(file, self._name, once)
        held = self._session.get_modelmeta().custom_metadata_map
        try:
            self.facts: dict[str, Any] = json.loads(held["alexlab"])
            begins, made = self.facts["begins"], self.facts["format"]
            self.classes: tuple[str, ...] = tuple(map(str, self.facts["classes"]))
            low_high = self.facts["levels"]
            self._levels: Levels | None = (float(low_high[0]), float(low_high[1])) if low_high else None
        except (KeyError, TypeError, ValueError, IndexError, RecursionError):
            raise UserError(
                f"{self._name}: an ONNX file that says nothing of classes and images; expected one that `alexlab export` wrote."
            ) from None
        if made != FORMAT:
            raise UserError(f"{self._name}: an export of format {made}; this alexlab reads {FORMAT}.")
        if begins != "pixels":
            raise UserError(
                f"{self._name}: takes the network's input, which another program makes; expected a file that takes pixels. "
                "Export without --from input."
            )

    def probabilities(self, pixels_NHWC: Pixels) -> NDArray[np.float32]:
        """Return the probabilities (N, classes) for RGB pixels, uint8 (N, height, width, 3)."""
        given = {self._session.get_inputs()[0].name: pixels_NHWC}
        if pixels_NHWC.size <= 3 * LARGE:
            found: NDArray[np.float32] = self._session.run(None, given)[0]
            return found
        found = self._session.run(None, given, _giving_back())[0]
        give_back()
        return found

    def pixels(self, source: Source, name: str) -> Pixels:
        """Return an image's RGB pixels (height, width, 3), as the file takes them. Raises UserError where it cannot be decoded."""
        return pixels_of(source, name, self._levels)

    def predictions(self, sources: Iterable[tuple[str, Source]], top: int = 5) -> Iterator[Prediction]:
        """Predict each of `sources`, in their order: pairs of a path and what is there."""
        for path, source in sources:
            try:
                pixels = self.pixels(source, "standard input" if path == "-" else path)
            except UserError as error:
                yield Prediction(path, error=str(error))
                continue
            probability_K = self.probabilities(pixels[None])[0]
            first = ranked(probability_K[None], top)[0]
            if NO_CLASS in first:
                yield Prediction(path, error=f"{path}: {NO_ANSWER}")
                continue
            yield Prediction(path, tuple((self.classes[i], float(probability_K[i])) for i in first))


def _giving_back() -> Any:
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def pixels_of(source: Source, name: str, levels: Levels | None) -> Pixels:
    """Return an image's RGB pixels (height, width, 3), as an export takes them. Raises UserError where it cannot be decoded."""
    if isinstance(source, bytes):
        return decode_rgb(source, name, levels=levels)
    if isinstance(source, str):
        raise UserError(source)
    return np.asarray(as_mode(source, 3))


def session(file: Path | bytes, name: str, once: bool = False) -> Any:
    """Return ONNX Runtime's session for a file. Raises UserError where it is not installed, or cannot read the file."""
    if isinstance(file, Path):
        check_regular(file)
        if not file.exists():
            raise UserError(f"{file}: no such file; expected one that `alexlab export` wrote.")
    try:
        import onnxruntime
    except ImportError:
        raise UserError(f"{name}: an ONNX file is answered by ONNX Runtime, which is not installed: {EXTRA}") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is said below
    if once:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(
            file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors are of no one family
        why = str(error).strip().splitlines()[0][:200]
        raise UserError(f"{name}: no ONNX file that ONNX Runtime can read ({why}).") from None
