"""Rates of links and times as people write them."""

import re

from alexlab.errors import UserError

BITS = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


def bits_per_second(text: str) -> float:
    """`10Gbit/s` or `10Gbit` as 1e10. Raises UserError for anything else."""
    found = re.fullmatch(r"([0-9.]+)\s*([kmgt])bit(?:/s)?", text.strip().lower())
    if not found or not (value := _number(found[1])):
        raise UserError(f"bandwidth {text!r}: expected bits a second, such as 10Gbit/s or 100Mbit/s.")
    return value * BITS[found[2]]


def seconds(text: str) -> float:
    """`0.1ms` as 1e-4. Raises UserError for anything else."""
    found = re.fullmatch(r"([0-9.]+)\s*(s|ms|us|µs)", text.strip().lower())
    value = _number(found[1]) if found else None
    if not found or value is None:
        raise UserError(f"latency {text!r}: expected a time one way, such as 0.1ms or 20us.")
    return value * SECONDS[found[2]]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
