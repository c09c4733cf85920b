"""Reliability and McNemar's test, against scikit-learn, SciPy and by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from alexlab.errors import UserError
from alexlab.inference.evaluation import Evaluation, from_logits
from alexlab.inference.reliability import mcnemar, reliability


def _evaluation(seed: int, names: str = "a", n: int = 400) -> Evaluation:
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 5, n))
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 5))) + 1.5 * torch.eye(5)[labels]
    return from_logits(logits, labels, "some", tuple("abcde"), tuple(f"{names}{i}" for i in range(n)))


def test_reliability_is_scikit_learns_calibration_curve() -> None:
    found = _evaluation(1)
    right = found.predicted_N == found.labels_N
    accuracy, confidence = calibration_curve(right, found.confidence_N, n_bins=10)
    bins = [each for each in reliability(found) if each.images]
    assert [each.accuracy for each in bins] == pytest.approx(accuracy.tolist())
    assert [each.confidence for each in bins] == pytest.approx(confidence.tolist(), rel=1e-5)
    assert sum(each.images for each in bins) == 400


def test_mcnemar_is_an_exact_binomial_test() -> None:
    first, second = _evaluation(1), _evaluation(2)
    found = mcnemar(first, second)
    assert found.both + found.neither + found.first + found.second == 400
    expected = binomtest(found.first, found.first + found.second).pvalue
    assert found.p == pytest.approx(expected)
    assert mcnemar(first, first).p == 1.0
    with pytest.raises(UserError, match="other images"):
        mcnemar(first, _evaluation(2, "b"))
