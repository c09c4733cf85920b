"""What answers: a run, opened for good, or a file that it was exported to."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alexlab.data.input.decode import Pixels
from alexlab.errors import UserError

TOGETHER = 1 << 23  # pixels that an exported file takes at once: its path to the input holds some 60 bytes for each

Probabilities = NDArray[np.floating]
"""(N, K): of each image the classes' probabilities, in the order of the classes."""


class Model(Protocol):
    """A classifier of images, ready to answer from any one thread at a time; `stored` from any number."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def platform(self) -> str:
        """What computes, as the Open Inference Protocol wants it named."""

    @property
    def pool(self) -> Executor:
        """Threads that make images ready."""

    @property
    def ahead(self) -> int:
        """How many images are made ready before it is their turn."""

    def stored(self, image: bytes | Pixels, name: str) -> Pixels:
        """Return what is kept of an image (a file's content, or RGB pixels of shape (height, width, 3)) until it is answered.

        Raises:
            ImageError: it cannot be used.
        """

    def probabilities(self, stored: Sequence[Pixels]) -> Probabilities:
        """Return the answers to images that `stored` returned."""


class RunModel:
    """A run's network, answering as `Run.predict` does."""

    def __init__(self, folder: Path, device: str = "auto", precision: str = "float32") -> None:
        """Open the run. Raises UserError where it is none, has no weights, or the device does not compute in `precision`."""
        # Not at the top: a service of exported files alone imports no PyTorch.
        from alexlab.data.input.workers import workers
        from alexlab.inference.prediction import probabilities
        from alexlab.runs.run import Run
        from alexlab.speed.device import choose_device

        run = Run(folder)
        self.classes = run.classes
        self.platform, self.ahead = "pytorch", 256
        self.pool: Executor = workers()
        self._transform = run.transform
        chosen = choose_device(device)
        # Not the file's own pages: whoever writes into the file would end this process.
        held = {name: tensor.clone() for name, tensor in run.network(chosen).state_dict().items()}
        run.network(chosen).load_state_dict(held, assign=True)
        network = run.answering(chosen, precision)

        def answer(stored: Sequence[Pixels]) -> Probabilities:
            found: Probabilities = probabilities(network, np.stack(stored), self._transform, chosen).numpy()
            return found

        self._answer = answer
        channels, height, width = self._transform.store
        self._answer([np.zeros((height, width, channels), np.uint8)])  # the first answer takes a hundred times as long

    def stored(self, image: bytes | Pixels, name: str) -> Pixels:
        """Return the stored image, uint8 of shape (height, width, channels)."""
        return self._transform.stored(image, name)

    def probabilities(self, stored: Sequence[Pixels]) -> Probabilities:
        """Return the answers to stored images."""
        return self._answer(stored)


class FileModel:
    """An exported ONNX file, answering as `alexlab predict` does with it. It imports no PyTorch."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises UserError where it is none that `alexlab export` wrote from pixels."""
        from alexlab.export.onnx_file import OnnxFile

        self._file = OnnxFile(path.read_bytes(), str(path))  # whoever writes into the file afterwards does no harm
        self.classes = self._file.classes
        self.platform, self.ahead = "onnxruntime_onnx", 4  # what is made ready is the whole picture
        self.pool: Executor = ThreadPoolExecutor(2, "alexlab-decoder")
        self.probabilities([np.zeros((8, 8, 3), np.uint8)])

    def stored(self, image: bytes | Pixels, name: str) -> Pixels:
        """Return the picture's RGB pixels (height, width, 3)."""
        return image if isinstance(image, np.ndarray) else self._file.pixels(image, name)

    def probabilities(self, stored: Sequence[Pixels]) -> Probabilities:
        """Return the answers to pictures, those of one size at once, but for large ones."""
        found = np.empty((len(stored), len(self.classes)), np.float32)
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for number, pixels in enumerate(stored):
            by_shape.setdefault(pixels.shape, []).append(number)
        for (height, width, _), numbers in by_shape.items():
            most = max(1, TOGETHER // (height * width))
            for start in range(0, len(numbers), most):
                part = numbers[start : start + most]
                found[part] = self._file.probabilities(np.stack([stored[number] for number in part]))
        return found


def opened(path: Path, device: str = "auto", precision: str = "float32") -> Model:
    """Open a run's folder or an exported file.

    Raises:
        UserError: it is neither, or does not compute on `device` in `precision`.
    """
    if path.is_dir():
        return RunModel(path, device, precision)
    if precision != "float32" or device not in ("auto", "cpu"):
        raise UserError(f"{path}: an exported file answers on the CPU, in the precision that it was exported in.")
    return FileModel(path)


@dataclass(frozen=True)
class Named:
    """A model as it is asked for.

    Attributes:
        name: in the addresses.
        path: the run's folder or the exported file.
        opened: opens it, anew after it has changed.
    """

    name: str
    path: Path
    opened: Callable[[Path], Model]

    def stamp(self) -> tuple[int, int] | None:
        """Tell one state of the file of weights from another; None while there is none."""
        files = [self.path] if self.path.is_file() else [self.path / f"{name}.safetensors" for name in ("best", "last")]
        for file in files:
            try:
                found = file.stat()
            except OSError:
                continue
            return found.st_mtime_ns, found.st_size
        return None


def named(argument: str, opened: Callable[[Path], Model]) -> Named:
    """Read `PATH` or `NAME=PATH`; the name is the last part of the path, without its ending.

    Raises:
        UserError: there is nothing at the path, or the name cannot stand in an address.
    """
    name, equals, where = argument.partition("=")
    if not equals or Path(argument).exists():
        name, where = "", argument
    path = Path(where)
    if not path.exists():
        raise UserError(
            f"{where}: no such run or file. Expected a run's folder, or a file that `alexlab export` wrote."
        )
    name = name or (path.stem if path.is_file() else path.resolve().name)
    if not name or not all(character.isalnum() or character in "-_." for character in name) or not name.isascii():
        raise UserError(
            f"{argument}: {name!r} cannot stand in an address; expected NAME={where} with letters, digits, - _ . alone."
        )
    return Named(name, path, opened)
