"""What a network says of images that have no label."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from alexlab.data.input.decode import Pixels
from alexlab.data.input.transform import Transform, batch_of
from alexlab.data.input.workers import workers
from alexlab.errors import UserError
from alexlab.inference.answer import Prediction, Source

BATCH = 64
AHEAD = 2 * BATCH  # images decoded before they are asked for


def predict(
    network: nn.Module,
    sources: Iterable[tuple[str, Source]],
    transform: Transform,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
) -> Iterator[Prediction]:
    """Predict each of `sources`, in their order: pairs of a path and what is there. Images are decoded ahead by `workers`."""
    network.eval()
    stored = _ahead(sources, transform)
    while batch := list(islice(stored, BATCH)):
        yield from _batch(network, batch, transform, classes, top, device)


def _ahead(sources: Iterable[tuple[str, Source]], transform: Transform) -> Iterator[tuple[str, Pixels | str]]:
    """Each path with its stored image (height, width, channels), or with why there is none."""
    each = iter(sources)
    first = list(islice(each, 2))
    if len(first) < 2:  # one image is not worth a thread
        yield from ((path, _stored(path, source, transform)) for path, source in first)
        return
    waiting: deque[tuple[str, Future[Pixels | str]]] = deque()
    for source in (first, each):
        for path, there in source:
            waiting.append((path, workers().submit(_stored, path, there, transform)))
            if len(waiting) > AHEAD:
                path, future = waiting.popleft()
                yield path, future.result()
    while waiting:
        path, future = waiting.popleft()
        yield path, future.result()


def _stored(path: str, source: Source, transform: Transform) -> Pixels | str:
    try:
        if isinstance(source, str):
            return source
        return transform.stored(source, "standard input" if path == "-" else path)
    except UserError as error:
        return str(error)


def probabilities(network: nn.Module, stored_NHWC: Pixels, transform: Transform, device: torch.device) -> torch.Tensor:
    """Return the classes' probabilities of stored images, float32 of shape (N, K), on the CPU."""
    with torch.inference_mode():
        inputs_NCHW = transform(batch_of(stored_NHWC).to(device))
        return F.softmax(network(inputs_NCHW).float(), dim=1).cpu()


def _batch(
    network: nn.Module,
    images: list[tuple[str, Pixels | str]],
    transform: Transform,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
) -> Iterator[Prediction]:
    stored = [pixels for _, pixels in images if not isinstance(pixels, str)]
    answers: Iterator[tuple[list[float], list[int]]] = iter(())
    if stored:
        probability_NK = probabilities(network, np.stack(stored), transform, device)
        found = probability_NK.topk(min(top, len(classes)), dim=1)
        answers = iter(zip(found.values.tolist(), found.indices.tolist(), strict=True))
    for path, pixels in images:
        if isinstance(pixels, str):
            yield Prediction(path, error=pixels)
        else:
            values, indices = next(answers)
            yield Prediction(path, tuple((classes[i], value) for value, i in zip(values, indices, strict=True)))
