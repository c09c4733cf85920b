"""Weight files: safetensors, written whole or not at all, and read with every tensor checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import nn

from alexlab.data.input.colour import PixelStatistics
from alexlab.errors import UserError
from alexlab.regular import check_regular
from alexlab.writing import check_digest, write_file

STATISTICS = ("mean_image_CHW", "deviations_C", "colours_CC")


class NotFinite(UserError):
    """A tensor that is not written because it holds values that are not finite."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} holds values that are not finite; nothing was written.")
        self.name = name


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts (which JSON can hold) to a safetensors file."""
    write_file(path, to_bytes(tensors, facts))


def to_bytes(tensors: Mapping[str, torch.Tensor], facts: dict[str, Any]) -> bytes:
    """Return the content of a safetensors file.

    Raises:
        NotFinite: a tensor holds values that are not: such weights are never written.
    """
    data = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    for name, tensor in data.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise NotFinite(name)
    # safetensors wants tensors that share no memory.
    starts = [tensor.data_ptr() for tensor in data.values()]
    data = {name: t.clone() if starts.count(t.data_ptr()) > 1 else t for name, t in data.items()}
    # One entry: safetensors orders several as it likes, and the same run is to give the same bytes.
    return save(data, {"alexlab": json.dumps(facts)})


def load_tensors(path: Path, device: str = "cpu") -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return tensors and facts of a safetensors file. Raises UserError where it is missing or damaged."""
    check_regular(path)
    try:
        if not _is_unicode(path):
            return _loaded_whole(path, device)
        with safe_open(path, framework="pt", device=device) as file:
            facts = _facts(file.metadata())
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}).") from error


def _facts(metadata: dict[str, str] | None) -> dict[str, Any]:
    facts = json.loads((metadata or {}).get("alexlab", "{}"))
    if not isinstance(facts, dict):
        raise ValueError("its facts are no JSON object")
    return facts


def _is_unicode(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _loaded_whole(path: Path, device: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the file at once: safetensors opens no path that is not UTF-8."""
    data = path.read_bytes()
    tensors = load(data)  # checks the header first
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return {name: tensor.to(device) for name, tensor in tensors.items()}, _facts(header.get("__metadata__"))


def load_into(network: nn.Module, path: Path) -> None:
    """Give `network` the weights at `path`, in place of its own; they are read from the file as they are needed.

    Raises:
        UserError: tensors are missing, extra, of another shape, or not finite, each of which is named; or the file is not what
            was written.
    """
    found, _ = load_tensors(path)
    check_tensors(network.state_dict(), found, str(path))
    check_digest(path)
    network.load_state_dict(found, assign=True)


def save_statistics(folder: Path, statistics: PixelStatistics) -> None:
    """Keep the mean image and the principal colours of a run's training set in its folder."""
    tensors = {name: getattr(statistics, name) for name in STATISTICS}
    save_tensors(folder / "pixels.safetensors", tensors, {"images": statistics.images})


def load_statistics(folder: Path) -> PixelStatistics:
    """Return what `save_statistics` kept. Raises UserError where it is missing or damaged."""
    tensors, facts = load_tensors(folder / "pixels.safetensors")
    if set(tensors) != set(STATISTICS):
        raise UserError(
            f"{folder / 'pixels.safetensors'}: holds {', '.join(tensors)}; expected {', '.join(STATISTICS)}."
        )
    images, shapes = facts.get("images"), [tensors[name].ndim for name in STATISTICS]
    if not isinstance(images, int) or shapes != [3, 1, 2]:
        raise UserError(
            f"{folder / 'pixels.safetensors'}: damaged: {images} images, dimensions {shapes}; expected [3, 1, 2]."
        )
    return PixelStatistics(images, **tensors)


def check_tensors(expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], where: str) -> None:
    """Raise UserError unless `found` holds what `expected` does: the same names, shapes and finite values."""
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is not part of this network" for name in found if name not in expected]
    for name, tensor in found.items():
        if name in expected and tensor.shape != expected[name].shape:
            problems.append(f"{name} has shape {_shape(tensor)}, expected {_shape(expected[name])}")
        elif tensor.is_floating_point() and not _finite(tensor):
            problems.append(f"{name} holds values that are not finite")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise UserError(f"{where}: these weights do not fit the network: {'; '.join(problems[:5])}{more}.")


def _finite(tensor: torch.Tensor) -> bool:
    """As `torch.isfinite(tensor).all()`, in one pass that makes no other tensor: 244 MB are looked at in 20 ms and not in a second."""
    return tensor.numel() == 0 or bool(torch.stack(torch.aminmax(tensor.detach())).isfinite().all())


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "()"
