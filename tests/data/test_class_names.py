"""Doubts about names of classes: what is said, and what is not."""

from pathlib import Path

import pytest

from alexlab.data.class_names import near_equal
from alexlab.data.opening import open_dataset
from tests.conftest import write_photographs


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"Rose": 12, "rose": 3, "tulip": 9}, ["'Rose' (12), 'rose' (3)"]),
        ({"ros e": 1, "rose": 30}, ["'ros e' (1), 'rose' (30)"]),
        (
            {"golden_retriever": 5, "golden retriever": 5, "Golden-Retriever": 1},
            ["'golden_retriever' (5), 'golden retriever' (5)"],
        ),
        ({"rose\u200b": 2, "rose": 2}, ["(2)"]),
        ({"1": 10, "01": 10}, ["'1' (10), '01' (10)"]),
        ({"dandelion": 200, "dandelon": 2, "daisy": 90}, ["'dandelion' (200), 'dandelon' (2)"]),
    ],
)
def test_names_that_are_nearly_the_same(counts: dict[str, int], said: list[str]) -> None:
    found = near_equal(counts)
    assert len(found) == len(said) and all(part in line for part, line in zip(said, found, strict=True))


@pytest.mark.parametrize(
    "counts",
    [
        {"rose": 3, "tulip": 9},
        {str(i): 5 for i in range(20)},
        {"cat1": 100, "cat2": 2, "cat11": 3},
        {"maple": 100, "apple": 90},
        {"$": 1, "$$": 1, "-": 1},
        {"left": 500, "lift": 20},
        {"猫": 5, "狗": 5},
        {"A": 5, "a": 5},
    ],
)
def test_names_that_are_not(counts: dict[str, int]) -> None:
    assert near_equal(counts) == []


def test_doubts_are_said_of_folders_too() -> None:
    write_photographs(Path("photographs"), classes=("Rose", "rose", "tulip"), each=4)
    notes = open_dataset("folder:photographs").notes
    assert [note for note in notes if "'Rose' (4), 'rose' (4)" in note]


def test_of_many_groups_the_first_are_said_and_how_many_more_there_are() -> None:
    said = near_equal({f"{case}{number}": 1 for number in range(9) for case in ("rose", "Rose")})
    assert len(said) == 6 and said[-1] == "and 4 more groups of classes have nearly the same name."
