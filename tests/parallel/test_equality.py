"""Two towers and the hybrid are the network of one process, in float64, dropout included."""

from typing import Any

import pytest

from alexlab.networks.alexnet_2012 import Widths
from tests.parallel.equality import NARROW, all_cases
from tests.parallel.together import together

Case = tuple[str, str, str, bool, int]

TWO: list[Case] = [
    ("paper", "towers", "sgd", False, 8),
    ("2012", "towers", "sgd-2012", True, 8),
    ("2012", "towers", "adam", False, 7),
    ("paper", "towers", "muon", False, 8),
    ("small", "hybrid", "sgd", True, 8),
    ("small", "hybrid", "adam", False, 7),
    ("small", "hybrid", "sgd-2012", False, 8),
    ("lenet-relu", "hybrid", "adam", False, 7),
    ("lenet5", "hybrid", "sgd", False, 8),
]
FOUR: list[Case] = [("small", "hybrid", "adam", True, 8)]


@pytest.fixture(scope="module")
def by_two() -> dict[Case, list[dict[str, Any]]]:
    found = together(all_cases, 2, TWO)
    return {case: [of_rank[i] for of_rank in found] for i, case in enumerate(TWO)}


def is_equal(found: list[dict[str, Any]]) -> None:
    for of_rank in found:
        for what in ("logits", "gradients", "weights", "state", "handed_out"):
            assert of_rank[what] < 1e-9, what


@pytest.mark.parametrize("case", TWO, ids=str)
def test_two_processes_are_one(by_two: dict[Case, list[dict[str, Any]]], case: Case) -> None:
    is_equal(by_two[case])


def test_each_process_holds_its_tower_alone(by_two: dict[Case, list[dict[str, Any]]]) -> None:
    a, b = by_two["paper", "towers", "sgd", False, 8]
    assert a["held"] + b["held"] == a["whole"]
    assert a["held"] - b["held"] == 5  # fc8's bias


def test_towers_send_what_the_docs_say(by_two: dict[Case, list[dict[str, Any]]]) -> None:
    widths: Widths = NARROW
    # 67 pixels: conv1 15, pools 7, 3 and 1 positions a side. Maps before conv3, conv5's before fc6, units before fc7: there and back.
    there_and_back = widths.conv2 * 3 * 3 + widths.conv5 * 1 * 1 + widths.hidden
    values = 2 * there_and_back + 5  # and the partial sums of five logits
    for of_rank in by_two["paper", "towers", "sgd", False, 8]:
        assert of_rank["sent"] == {"all-gather": 8 * 8 * values}
        assert of_rank["calls"] == {"all-gather": 7}


def test_hybrid_sends_what_the_docs_say(by_two: dict[Case, list[dict[str, Any]]]) -> None:
    read, hidden, classes = 6 * 7 * 7, (16, 12, 8), 5
    between = 8 * (read + hidden[1] + hidden[2] + classes) // 2  # of a batch of 8, the half that a process lacks
    convolutions = 6 * 3 * 3 * 3 + 6
    for of_rank in by_two["small", "hybrid", "sgd", True, 8]:
        assert of_rank["sent"] == {
            "all-gather": 8 * between,
            "reduce-scatter": 8 * between,
            "all-reduce": 8 * convolutions,
        }


def test_four_processes_are_one() -> None:
    is_equal([cases[0] for cases in together(all_cases, 4, FOUR)])
