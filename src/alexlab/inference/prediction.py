"""What a network says of images that have no label."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import nn

from alexlab.data.input.decode import Pixels
from alexlab.data.input.transform import Transform, batch_of
from alexlab.data.input.workers import workers
from alexlab.data.usual import Size, Usual, size_of
from alexlab.errors import UserError
from alexlab.inference.answer import Prediction, Source
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.networks.answers import log_probabilities

BATCH = 64
AHEAD = 2 * BATCH  # images decoded before they are asked for

Stored = tuple[Pixels, Size | None] | str
"""A stored image (height, width, channels) and the size that it had; or why there is none."""


def predict(
    network: nn.Module,
    sources: Iterable[tuple[str, Source]],
    transform: Transform,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
    usual: Usual | None = None,
) -> Iterator[Prediction]:
    """Predict each of `sources`, in their order: pairs of a path and what is there. Images are decoded ahead by `workers`.

    Args:
        usual: what the training images were like; of images that are far from it a note says so.
    """
    network.eval()
    stored = _ahead(sources, partial(_stored, transform=transform, sized=usual is not None))
    while batch := list(islice(stored, BATCH)):
        yield from _batch(network, batch, transform, classes, top, device, usual)


def _ahead(
    sources: Iterable[tuple[str, Source]], stored: Callable[[str, Source], Stored]
) -> Iterator[tuple[str, Stored]]:
    """Yield each path with its stored image, or with why there is none."""
    each = iter(sources)
    first = list(islice(each, 2))
    if len(first) < 2:  # one image is not worth a thread
        yield from ((path, stored(path, source)) for path, source in first)
        return
    waiting: deque[tuple[str, Future[Stored]]] = deque()
    for source in (first, each):
        for path, there in source:
            waiting.append((path, workers().submit(stored, path, there)))
            if len(waiting) > AHEAD:
                path, future = waiting.popleft()
                yield path, future.result()
    while waiting:
        path, future = waiting.popleft()
        yield path, future.result()


def _stored(path: str, source: Source, transform: Transform, sized: bool) -> Stored:
    try:
        if isinstance(source, str):
            return source
        pixels = transform.stored(source, "standard input" if path == "-" else path)
        return pixels, size_of(source) if sized else None
    except UserError as error:
        return str(error)


def probabilities(network: nn.Module, stored_NHWC: Pixels, transform: Transform, device: torch.device) -> torch.Tensor:
    """Return the classes' probabilities of stored images, float64 of shape (N, K), on the CPU."""
    return _log_probabilities(network, stored_NHWC, transform, device).exp()


def _log_probabilities(
    network: nn.Module, stored_NHWC: Pixels, transform: Transform, device: torch.device
) -> torch.Tensor:
    with torch.inference_mode():
        inputs_NCHW = transform(batch_of(stored_NHWC).to(device))
        return log_probabilities(network, network(inputs_NCHW).cpu().double())


def _batch(
    network: nn.Module,
    images: list[tuple[str, Stored]],
    transform: Transform,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
    usual: Usual | None,
) -> Iterator[Prediction]:
    stored = [there for _, there in images if not isinstance(there, str)]
    answers: Iterator[tuple[list[float], list[int], str | None]] = iter(())
    if stored:
        images_NHWC = np.stack([pixels for pixels, _ in stored])
        # Ranked as an evaluation ranks them, so that both name the same class: by the logarithms, of which none underflow.
        log_NK = _log_probabilities(network, images_NHWC, transform, device)
        first_NT = torch.from_numpy(ranked(log_NK.numpy(), top))
        values_NT = log_NK.exp().gather(1, first_NT.clamp(min=0))
        notes = usual.notes(images_NHWC, [size for _, size in stored], transform) if usual else [None] * len(stored)
        answers = iter(zip(values_NT.tolist(), first_NT.tolist(), notes, strict=True))
    for path, there in images:
        if isinstance(there, str):
            yield Prediction(path, error=there)
        else:
            values, indices, note = next(answers)
            if NO_CLASS in indices:
                yield Prediction(path, error=f"{path}: {NO_ANSWER}")
                continue
            named = tuple((classes[i], value) for value, i in zip(values, indices, strict=True))
            yield Prediction(path, named, note=note)
