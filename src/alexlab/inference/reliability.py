"""How far a network's confidence is to be trusted, and whether two networks differ by more than chance."""

import math
from dataclasses import dataclass

import numpy as np

from alexlab.errors import UserError
from alexlab.inference.evaluation import Evaluation
from alexlab.inference.ranking import NO_CLASS

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Images whose answer had a probability from `low` to `high`: how many, their mean probability, and the share that was right."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


def reliability(found: Evaluation, bins: int = BINS) -> list[Bin]:
    """Return the reliability diagram's bins, of equal width. A network that is as often right as it is sure has both shares alike.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    answered = found.predicted_N != NO_CLASS
    confidence, right = found.confidence_N[answered], (found.predicted_N == found.labels_N)[answered]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    made = []
    for i in range(bins):
        here = which == i
        count = int(here.sum())
        means = (float(confidence[here].mean()), float(right[here].mean())) if count else (None, None)
        made.append(Bin(i / bins, (i + 1) / bins, count, *means))
    return made


@dataclass(frozen=True)
class McNemar:
    """Two networks on the same images.

    Attributes:
        both, neither: images that both, or neither, got right.
        first, second: images that this one alone got right.
        p: the probability of a difference at least as large if both were equally good: McNemar's test, exact and two-sided.
    """

    both: int
    neither: int
    first: int
    second: int
    p: float


def mcnemar(first: Evaluation, second: Evaluation) -> McNemar:
    """Hold two networks against each other on the same images.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12, 1947; in the
    exact form, a binomial test on the images that one of them alone got right.

    Raises:
        UserError: they were tested on other images.
    """
    if first.names != second.names or not np.array_equal(first.labels_N, second.labels_N):
        raise UserError("the two were tested on other images; McNemar's test is for the same.")
    a, b = (each.predicted_N == each.labels_N for each in (first, second))
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    return McNemar(int((a & b).sum()), int((~a & ~b).sum()), only_a, only_b, _two_sided(only_a, only_b))


def _two_sided(a: int, b: int) -> float:
    n, k = a + b, min(a, b)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))
