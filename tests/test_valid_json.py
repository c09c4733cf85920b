"""JSON that other readers take."""

import json
from math import inf, nan
from pathlib import Path

import alexlab
from alexlab.valid_json import to_json


def test_numbers_that_are_not_finite_are_null() -> None:
    assert json.loads(to_json({"a": [nan, (inf, -inf)], "b": {"c": 1.5, "d": True, "e": None}})) == {
        "a": [None, [None, None]],
        "b": {"c": 1.5, "d": True, "e": None},
    }


def test_whatever_a_command_prints_as_json_is_written_so() -> None:
    source = Path(alexlab.__file__).parent
    printing = [*(source / "cli").glob("*.py"), *(source / "describe").glob("*.py"), source / "check/formats.py"]
    assert [path.name for path in printing if "json.dumps" in path.read_text(encoding="utf-8")] == []
