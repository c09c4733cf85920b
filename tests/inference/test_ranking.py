"""One order of a network's answers: equals in the order of the classes, NaN never right, the same for whoever asks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

import alexlab
from alexlab.errors import UserError
from alexlab.export.agreement import agreement
from alexlab.inference.evaluation import Evaluation, from_logits
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.web.app import _told
from alexlab.web.engine import _answer
from alexlab.web.errors import Refused

Rows = list[list[float]]
VALUES = st.sampled_from([-700.0, -1.0, 0.0, 1e-20, 0.5, 0.5000001, 1.0, 3.0, 700.0, float("nan")])
LOGITS = st.integers(1, 8).flatmap(lambda k: st.lists(st.lists(VALUES, min_size=k, max_size=k), min_size=1, max_size=6))


def evaluated(logits_NK: torch.Tensor, labels: list[int]) -> Evaluation:
    names = tuple(f"c{i}" for i in range(logits_NK.shape[1]))
    images = tuple(str(i) for i in range(len(labels)))
    return from_logits(logits_NK.log_softmax(dim=1), torch.tensor(labels), "rows", names, images)


@given(LOGITS, st.integers(1, 8))
def test_the_order_is_by_score_then_by_class(rows: Rows, top: int) -> None:
    scores_NK = np.array(rows)
    for scores, found in zip(rows, ranked(scores_NK, top), strict=True):
        if np.isnan(scores).any():
            assert set(found.tolist()) == {NO_CLASS}
        else:
            assert found.tolist() == sorted(range(len(scores)), key=lambda k: (-scores[k], k))[:top]


@given(LOGITS)
def test_top_1_and_top_5_count_what_is_ranked_and_no_nan(rows: Rows) -> None:
    logits_NK = torch.tensor(rows, dtype=torch.float64)
    log_NK = logits_NK.log_softmax(dim=1)
    for true in range(logits_NK.shape[1]):
        found = evaluated(logits_NK, [true] * len(rows))
        orders = [
            [] if torch.isnan(row).any() else sorted(range(len(row)), key=lambda k: (-row[k].item(), k))
            for row in log_NK
        ]
        assert found.top1 == pytest.approx(np.mean([order[:1] == [true] for order in orders]))
        assert found.top5 == pytest.approx(np.mean([true in order[:5] for order in orders]))
        assert found.top1 <= found.top5
        unanswered = orders.count([])
        assert found.confusion_TP.sum() == len(rows) - unanswered
        assert found.recall[true] == pytest.approx(found.top1)
        assert [f"to {unanswered:,} of" in note for note in found.notes] == [True] * bool(unanswered)


def test_three_equal_logits_of_seven_are_the_first_classes() -> None:
    found = evaluated(torch.zeros(7, 7), list(range(7)))
    assert found.predicted_N.tolist() == [0] * 7 and found.top1 == 1 / 7 and found.top5 == 5 / 7


def test_the_table_names_no_class_for_nan() -> None:
    found = evaluated(torch.tensor([[float("nan"), 0.0], [0.0, 1.0]]), [1, 1])
    assert found.top1 == 0.5
    assert found.table().splitlines()[1] == "0,c1,," and found.table().splitlines()[2].startswith("1,c1,c1,0.73")


def silenced(folder: Path, value: float) -> alexlab.Run:
    """A run of digits whose network answers with `value` for every class."""
    run = alexlab.train("lenet-relu", "digits", out=folder, epochs=0.1, device="cpu")
    run = alexlab.Run(run.folder)
    network = run.network()
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.zero_()
        assert last.bias is not None
        last.bias.fill_(value)
    return run


def test_a_constant_network_is_one_class_wherever_it_is_asked(tmp_path: Path) -> None:
    run = silenced(tmp_path / "run", 0.25)
    _, split = run.own_images()
    picture = split.images.picture(0)
    first = run.predict(picture).top
    assert [name for name, _ in first] == list(run.classes[:5])
    found = run.evaluate()
    assert set(found.predicted_N.tolist()) == {0}
    equal = np.full(len(run.classes), 0.1)
    assert [each["class"] for each in _told("", equal, run.classes, 5)["top"]] == list(run.classes[:5])


def test_nan_is_said_and_never_right(tmp_path: Path) -> None:
    run = silenced(tmp_path / "run", float("nan"))
    _, split = run.own_images()
    with pytest.raises(UserError, match="answers NaN"):
        run.predict(split.images.picture(0))
    found = run.evaluate()
    assert found.top1 == found.top5 == 0 and NO_ANSWER in found.notes[0]

    def anything(source: object, name: str) -> NDArray[np.float32]:
        return np.full(len(run.classes), 0.1, np.float32)

    with pytest.raises(UserError, match="answers NaN"):
        agreement(run, anything, [("a", split.images.picture(0))], "one image", lambda done: None)
    refused = _answer(np.array([0.5, np.nan]))
    assert isinstance(refused, Refused) and refused.status == 500 and NO_ANSWER in str(refused)


def test_an_export_that_answers_nan_does_not_agree(tmp_path: Path) -> None:
    run = silenced(tmp_path / "run", 0.0)
    _, split = run.own_images()

    def nothing(source: object, name: str) -> NDArray[np.float32]:
        return np.full(len(run.classes), np.nan, np.float32)

    found = agreement(run, nothing, [("a", split.images.picture(0))], "one image", lambda done: None)
    assert not found.holds and found.same == found.tied == 0
