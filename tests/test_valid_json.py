"""JSON that other readers take."""

import json
from math import inf, nan

from alexlab.valid_json import to_json


def test_numbers_that_are_not_finite_are_null() -> None:
    assert json.loads(to_json({"a": [nan, (inf, -inf)], "b": {"c": 1.5, "d": True, "e": None}})) == {
        "a": [None, [None, None]],
        "b": {"c": 1.5, "d": True, "e": None},
    }
