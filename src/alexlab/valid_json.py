"""JSON as its standard has it: no NaN and no Infinity, which Python's writer lets through and other readers refuse."""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any, indent: int | None = None, ascii: bool = True) -> str:
    """Return `value` as valid JSON, in ASCII or Unicode; a number that is not finite is null."""
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=ascii, allow_nan=False)
    if not text.isascii() and any(
        "\ud800" <= character <= "\udfff" or "\x7f" <= character <= "\x9f" for character in text
    ):
        return to_json(value, indent)  # of a name that is no UTF-8
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
