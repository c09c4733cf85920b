"""How a name is shown: bytes that are no UTF-8, and control characters, as escapes, so that no name can break or colour an output."""

import re
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

_FORMULA = re.compile(r"'*[=+\-@\t\r].", re.DOTALL)  # what a spreadsheet would compute, or has been kept from computing
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?", re.IGNORECASE)
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str, keep: str = "") -> str:
    r"""Return `text` with what cannot be shown as an escape: the byte 0xFF of a file's name as \xff, a bell as \x07.

    Args:
        keep: control characters that stay as they are, such as the line ends of a message.
    """
    return _UNSHOWN.sub(lambda found: found[0] if found[0] in keep else _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name, as os.fsdecode keeps it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: letters of East Asia two, marks on other letters none."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def label(name: str, most: int = 24) -> str:
    """Return a name for a picture or a line: control characters as escapes, of a long one the beginning, by `width`."""
    name = shown(name)
    if width(name) <= most:
        return name
    return name[: max(place for place in range(most) if width(name[:place]) < most)] + "…"


def cell(text: str) -> str:
    """Return `text` as the cell of a table that a spreadsheet may open: with an apostrophe before what would be a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """Return the text that `cell` made a cell of."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def short(number: float) -> str:
    """Return a number of epochs with three decimals at most: 0.2, 12.346, 90."""
    return f"{round(number, 3):.10g}"


def brief(value: object, most: int = 80) -> str:
    """Return a value that the user gave as an error names it: of a long one the beginning."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # of more digits, or lists in lists, than Python writes
        return f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= most else f"{text[:most]}..."


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names in a row, as a sentence has them: of many the first, and how many more there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
