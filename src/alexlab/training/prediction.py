"""What a network says of images that have no label."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from alexlab.data.preparation import Preparation

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, the first first, with their probabilities; or why there are none."""

    path: str
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None

    def facts(self) -> dict[str, Any]:
        """What `predict --json` prints in a line."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        return {"path": self.path, "top": [{"class": name, "probability": p} for name, p in self.top]}


def predict(
    network: nn.Module,
    pictures: Iterable[tuple[str, Image.Image | str]],
    preparation: Preparation,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
) -> Iterator[Prediction]:
    """A prediction for each of `pictures`, in their order: pairs of a path and a picture, or of a path and why there is none."""
    network.eval()
    waiting: list[tuple[str, Image.Image | str]] = []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == BATCH:
            yield from _batch(network, waiting, preparation, classes, top, device)
            waiting = []
    if waiting:
        yield from _batch(network, waiting, preparation, classes, top, device)


def _batch(
    network: nn.Module,
    pictures: list[tuple[str, Image.Image | str]],
    preparation: Preparation,
    classes: tuple[str, ...],
    top: int,
    device: torch.device,
) -> Iterator[Prediction]:
    stored = [preparation.stored(picture) for _, picture in pictures if not isinstance(picture, str)]
    answers: Iterator[tuple[list[float], list[int]]] = iter(())
    if stored:
        with torch.inference_mode():
            inputs_NCHW = preparation(torch.from_numpy(np.stack(stored)).to(device))
            probability_NK = F.softmax(network(inputs_NCHW).float(), dim=1).cpu()
        found = probability_NK.topk(min(top, len(classes)), dim=1)
        answers = iter(zip(found.values.tolist(), found.indices.tolist(), strict=True))
    for path, picture in pictures:
        if isinstance(picture, str):
            yield Prediction(path, error=picture)
        else:
            values, indices = next(answers)
            yield Prediction(path, tuple((classes[i], value) for value, i in zip(values, indices, strict=True)))
