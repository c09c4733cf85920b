"""Whether a file says what the run says, on real images: each goes through both from its bytes on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.data.images import FileImages, Images
from alexlab.data.input.transform import batch_of
from alexlab.errors import UserError
from alexlab.inference.answer import Source
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.networks.answers import probabilities
from alexlab.runs.run import Run
from alexlab.speed.device import exact

MOST_IMAGES = 2000
LARGEST_DIFFERENCE = 1e-3  # of a probability
LARGEST_COST = 0.02  # of top-1 accuracy, in int8
TIE = 1e-4  # two classes whose probabilities differ by less may change places
BATCH = 64

Answer = Callable[[Source, str], NDArray[np.float32]]
"""What the file says of an image: the probability of each class."""


@dataclass(frozen=True)
class Agreement:
    """How far a file and its run agree.

    Attributes:
        on: which images.
        images: how many.
        same: those whose most probable class is the same.
        tied: those whose is not, where the run sees less than TIE between the two.
        largest: the largest difference of a probability.
        accuracies: top-1 of the run and of the file, where the file is in int8 and the images have labels.
    """

    on: str
    images: int
    same: int
    tied: int
    largest: float
    accuracies: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """Whether the file may be handed over."""
        if self.accuracies:
            return self.accuracies[0] - self.accuracies[1] <= LARGEST_COST
        return self.same + self.tied == self.images and self.largest <= LARGEST_DIFFERENCE

    @property
    def words(self) -> str:
        """Return it in a line."""
        tied = f" ({self.tied} others are ties within {TIE:g})" if self.tied else ""
        top1 = "top-1 {:.4f} by the run, {:.4f} in int8; ".format(*self.accuracies) if self.accuracies else ""
        return (
            f"{self.images:,} images ({self.on}): {top1}the same class for {self.same / self.images:.2%}{tied}, "
            f"probabilities within {self.largest:.1e}"
        )

    @property
    def bound(self) -> str:
        """Return what is accepted, in words."""
        if self.accuracies:
            return f"int8 may cost {LARGEST_COST:.0%} of the images"
        return f"the class may differ in ties within {TIE:g}, a probability by {LARGEST_DIFFERENCE:g}"

    def facts(self) -> dict[str, Any]:
        """Return what `export --json` prints of it."""
        return {
            "on": self.on,
            "images": self.images,
            "same": self.same,
            "tied": self.tied,
            "largest_difference": self.largest,
            **({"top1": dict(zip(("run", "file"), self.accuracies, strict=True))} if self.accuracies else {}),
        }


def agreement(
    run: Run,
    answer: Answer,
    images: Iterable[tuple[str, Source]],
    on: str,
    progress: Callable[[int], None],
    labels_N: NDArray[np.int64] | None = None,
) -> Agreement:
    """Hold what `answer` says of `images`, pairs of a name and what is there, against what `run` says.

    Args:
        on: which images these are, for the report.
        progress: called with the images done so far.
        labels_N: their classes, for the accuracy.

    Raises:
        UserError: an image cannot be decoded, or there is none; or the run answers NaN.
    """
    network, ready, each = run.network(), run.transform, iter(images)
    done = same = tied = 0
    largest, right = 0.0, np.zeros(2)
    while batch := list(islice(each, BATCH)):
        answers_NK = np.stack([answer(source, name) for name, source in batch])
        stored_NHWC = np.stack([ready.stored(source, name) for name, source in batch if not isinstance(source, str)])
        with torch.inference_mode(), exact():
            runs_NK = probabilities(network, network(ready(batch_of(stored_NHWC))).float()).numpy()
        rows, first_N, second_N = np.arange(len(batch)), ranked(runs_NK, 1)[:, 0], ranked(answers_NK, 1)[:, 0]
        if NO_CLASS in first_N:
            raise UserError(f"{batch[int((first_N == NO_CLASS).argmax())][0]}: {NO_ANSWER}")
        apart_N = runs_NK[rows, first_N] - runs_NK[rows, second_N]
        if labels_N is not None:
            labels_B = labels_N[done : done + len(batch)]
            right += (first_N == labels_B).sum(), (second_N == labels_B).sum()
        done += len(batch)
        same += int((first_N == second_N).sum())
        tied += int(((first_N != second_N) & (second_N != NO_CLASS) & (apart_N <= TIE)).sum())
        largest = float(np.maximum(largest, np.abs(runs_NK - answers_NK).max()))  # NaN stays, and does not hold
        progress(done)
    if not done:
        raise UserError(f"{on}: there are no images to hold the export against.")
    accuracies = None if labels_N is None else (float(right[0] / done), float(right[1] / done))
    return Agreement(on, done, same, tied, largest, accuracies)


def evenly(count: int, most: int = MOST_IMAGES) -> NDArray[np.int64]:
    """Return the numbers of up to `most` of `count` images, evenly spaced."""
    seen = min(count, most)
    numbers: NDArray[np.int64] = np.arange(seen) * count // max(1, seen)
    return numbers


def sources(images: Images) -> Iterator[tuple[str, Source]]:
    """Return of each of `images` its name, and the content of its file or its picture."""
    for index, name in enumerate(images.names):
        if isinstance(images, FileImages):
            yield images.path(index), images.read(index)
        else:
            yield name, images.picture(index)
