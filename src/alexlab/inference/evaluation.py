"""How good a network is on labelled images."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.input.views import mean_probabilities
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.networks import answers
from alexlab.showing import cell, shown
from alexlab.speed.door import faster

BATCH = 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """Figures of one network on one set of images.

    Attributes:
        on: what it was evaluated on.
        top1, top5: shares of the images whose class is the first, or among the first five, of the network's answers, as
            `ranking.ranked` orders them: of equals in the order of the classes; an answer of NaN is never right.
        loss: mean cross-entropy, in nats: minus the logarithm of the true class's probability.
        images: how many.
        classes: their names.
        confusion_TP: images by true class and predicted class, int64 of shape (classes, classes); without those answered by NaN.
        predicted_N, confidence_N: for each image the predicted class and its probability; NO_CLASS and NaN where that is the answer.
        labels_N: the true classes.
        names: of the images.
        notes: a sentence for what makes the figures doubtful.
    """

    on: str
    top1: float
    top5: float
    loss: float
    images: int
    classes: tuple[str, ...]
    confusion_TP: NDArray[np.int64]
    predicted_N: NDArray[np.int64]
    confidence_N: NDArray[np.float32]
    labels_N: NDArray[np.int64]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def images_by_class(self) -> NDArray[np.int64]:
        """How many images there are of each class."""
        return np.bincount(self.labels_N, minlength=len(self.classes))

    @property
    def recall(self) -> list[float | None]:
        """Of the images of each class, the share that was recognised; None where there are none."""
        return _shares(self.confusion_TP, self.images_by_class)

    @property
    def precision(self) -> list[float | None]:
        """Of the images taken for each class, the share that are of it; None where none was."""
        return _shares(self.confusion_TP, self.confusion_TP.sum(axis=0))

    @property
    def f1(self) -> list[float | None]:
        """The harmonic mean of precision and recall of each class; None of a class that is neither there nor named."""
        named = self.confusion_TP.sum(axis=0) + self.images_by_class
        return _shares(2 * self.confusion_TP, named)

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that there are images of: each class counts the same, however many images it has."""
        return _mean(self.recall)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that are there or named."""
        return _mean(self.f1)

    def facts(self) -> dict[str, Any]:
        """Return what `evaluate --json` prints."""
        return {
            "on": self.on,
            "images": self.images,
            "top1": self.top1,
            "top5": self.top5,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "loss": self.loss,
            "classes": [
                {"class": name, "images": int(self.images_by_class[i]), "precision": precision, "recall": recall}
                for i, (name, precision, recall) in enumerate(
                    zip(self.classes, self.precision, self.recall, strict=True)
                )
            ],
            "confusion": self.confusion_TP.tolist(),
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    def table(self) -> str:
        """Every image in CSV: its name, its class, what it was taken for, and with what probability."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("image", "class", "predicted", "probability"))
        rows = zip(self.names, self.labels_N, self.predicted_N, self.confidence_N.tolist(), strict=True)
        classes = [cell(shown(name)) for name in self.classes]
        writer.writerows(
            (cell(shown(name)), classes[i], *(("", "") if j == NO_CLASS else (classes[j], round(p, 6))))
            for name, i, j, p in rows
        )
        return text.getvalue()


def _shares(confusion_TP: NDArray[np.int64], all_of: NDArray[np.int64]) -> list[float | None]:
    return [float(r / a) if a else None for r, a in zip(np.diag(confusion_TP), all_of, strict=True)]


def _mean(values: list[float | None]) -> float:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else 0.0


def evaluate(
    network: nn.Module,
    store: Store,
    transform: Transform,
    device: torch.device,
    on: str,
    classes: tuple[str, ...],
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate `network` on the stored images, in float32 and evaluation mode; the mode that it was in comes back."""
    log_NK = log_probabilities(network, store, transform, device, None, progress)
    return from_log_probabilities(log_NK, store.labels, on, classes, store.names)


def log_probabilities(
    network: nn.Module,
    store: Store,
    transform: Transform,
    device: torch.device,
    count: int | None = None,
    progress: Progress | None = None,
    rows: Callable[[int], slice] | None = None,
    together: bool = False,
) -> torch.Tensor:
    """Logarithms of the probabilities (N, classes), float64, that the network gives the stored images.

    Args:
        count: of views, whose probabilities are averaged; None for the one view of the recipe.
        progress: called with the images done and in all.
        rows: which rows of a batch of so many images are wanted; by default all, and N counts those that are.
        together: whether several processes have to call the network together, for a batch of which one has no rows too.
    """
    was_training = network.training
    network.eval()
    answering = network if together else faster(network, device, training=False)
    found: list[torch.Tensor] = []
    batch = BATCH // (count or 1)
    try:
        # Distributed tensors divide a product otherwise where nothing is taken apart for autograd, and exchange more for it.
        with torch.no_grad() if together else torch.inference_mode():
            for number, (images, _) in enumerate(store.batches(np.arange(len(store)), batch, None, rows), start=1):
                if len(images) or together:  # of a small batch there may be none
                    logits_MK, views = _of_batch(answering, images.to(device), transform, count)
                    found.append(_of_views(answers.log_probabilities(network, logits_MK.cpu().double()), views))
                if progress:
                    progress(min(number * batch, len(store)), len(store))
    finally:
        network.train(was_training)
    return torch.cat(found) if found else torch.empty(0, 0, dtype=torch.float64)


def _of_batch(
    network: nn.Module, images: torch.Tensor, transform: Transform, count: int | None
) -> tuple[torch.Tensor, int]:
    """Return the logits (N * views, classes) of each image's views, one after the other, and how many views an image has."""
    if count is None:
        return network(transform(images)), 1
    return network(transform.views(images, count).flatten(0, 1)), count


def _of_views(log_MK: torch.Tensor, views: int) -> torch.Tensor:
    """Return the logarithm of the mean of each image's views' probabilities (N, classes)."""
    return log_MK if views == 1 else mean_probabilities(log_MK.view(-1, views, log_MK.shape[1])).log()


def together(log_probabilities: list[torch.Tensor]) -> torch.Tensor:
    """Join what several networks say: the logarithm of the mean of their probabilities, each (N, classes)."""
    return torch.stack(log_probabilities).logsumexp(dim=0) - math.log(len(log_probabilities))


def from_logits(
    logits_NK: torch.Tensor, labels_N: torch.Tensor, on: str, classes: tuple[str, ...], names: tuple[str, ...]
) -> Evaluation:
    """Return the figures of logits (N, classes) against labels (N,), all of the probability being the classes'."""
    return from_log_probabilities(F.log_softmax(logits_NK.double(), dim=1), labels_N, on, classes, names)


def from_log_probabilities(
    log_NK: torch.Tensor, labels_N: torch.Tensor, on: str, classes: tuple[str, ...], names: tuple[str, ...]
) -> Evaluation:
    """Return the figures of logarithms of probabilities (N, classes) against labels (N,)."""
    k = len(classes)
    first_NT = torch.from_numpy(ranked(log_NK.numpy(), 5))
    predicted = first_NT[:, 0]
    answered = predicted != NO_CLASS
    right_NT = first_NT.eq(labels_N[:, None])
    confidence = log_NK.gather(1, predicted.clamp(min=0)[:, None])[:, 0].exp()
    return Evaluation(
        on=on,
        top1=right_NT[:, 0].double().mean().item(),
        top5=right_NT.any(dim=1).double().mean().item(),
        loss=F.nll_loss(log_NK.double(), labels_N).item(),
        images=len(labels_N),
        classes=classes,
        confusion_TP=torch.bincount((labels_N * k + predicted)[answered], minlength=k * k).view(k, k).numpy(),
        predicted_N=predicted.numpy(),
        confidence_N=confidence.float().numpy(),
        labels_N=labels_N.numpy(),
        names=names,
        notes=() if answered.all() else (_unanswered(int((~answered).sum()), len(labels_N)),),
    )


def _unanswered(count: int, images: int) -> str:
    return f"to {count:,} of {images:,} images {NO_ANSWER} They count as wrong."
