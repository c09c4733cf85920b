"""What each file of a run holds, as types: a file that holds anything else is damaged, and is said to be.

Keys that are not named here are let through: later commits add some. Formats 1 and 2 are both read.
"""

import json
import math
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from alexlab.errors import UserError
from alexlab.regular import read_regular

LARGEST = 2 << 30
"""Bytes of a file of a run that is read whole: the names of 14 million images fit."""

_STRICT = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"found {type(value).__name__}, expected text")
    return value


Text = Annotated[str, PlainValidator(_text)]
"""A string; unlike pydantic's own, also of a file whose name is no UTF-8."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]


def _different(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("a name stands there twice")
    return names


@with_config(_STRICT)
class SomeLeftOut(TypedDict):
    """Files that are no images of the dataset, for one reason."""

    count: Count
    examples: list[Text]


@with_config(_STRICT)
class Understood(TypedDict):
    """What was understood of the dataset, as the start of the training said it; see `data.understanding`."""

    images: dict[Text, Count]
    division: Text
    classes: dict[Text, Count]
    left_out: dict[Text, SomeLeftOut]
    input: NotRequired[Text]


@with_config(_STRICT)
class RunFacts(TypedDict):
    """What run.json holds."""

    format: int
    started: Text
    dataset: Text
    found: Text
    classes: Annotated[list[Text], Field(min_length=1), AfterValidator(_different)]
    environment: NotRequired[dict[str, Any]]
    asked: NotRequired[dict[str, Any]]
    understood: NotRequired[Understood]
    doubts: NotRequired[list[Text]]
    usual: NotRequired[dict[Text, Annotated[list[float], Field(min_length=2, max_length=2)]]]
    processes: NotRequired[Count]
    parallel: NotRequired[Text]
    job: NotRequired[Text]
    own: NotRequired[Text]


@with_config(_STRICT)
class Result(TypedDict):
    """What result.json holds."""

    state: Literal["finished", "interrupted", "unfinished", "stopped", "failed"]
    steps: NotRequired[Count]
    epochs: NotRequired[Annotated[float, Field(ge=0)]]
    best: NotRequired[float | None]
    best_epoch: NotRequired[float | None]
    watch: NotRequired[Text]
    images_per_second: NotRequired[float | None]
    seconds: NotRequired[Annotated[float, Field(ge=0)]]
    rollbacks: NotRequired[Count]
    balanced_accuracy: NotRequired[Share]
    macro_f1: NotRequired[Share]


@with_config(_STRICT)
class TrainingPart(TypedDict):
    """The training images in split.json."""

    images: Count
    sha256: Text
    content: NotRequired[Text]


@with_config(_STRICT)
class NamedPart(TypedDict):
    """The watched or the test images in split.json."""

    images: Count
    sha256: Text
    content: NotRequired[Text]
    names: list[Text]


@with_config(_STRICT)
class Division(TypedDict):
    """split.json; `{}` in a run made from weights."""

    train: TrainingPart
    watched: NamedPart
    test: NotRequired[NamedPart]


ClassFigures = TypedDict(  # a key is a word of Python
    "ClassFigures", {"class": Text, "images": Count, "precision": Share | None, "recall": Share | None}
)


def _square(facts: Any) -> Any:
    size = len(facts["classes"])
    if [len(row) for row in facts["confusion"]] != [size] * size:
        raise ValueError(f"the confusion matrix is not {size}x{size}")
    return facts


@with_config(_STRICT)
class FinalFigures(TypedDict):
    """What evaluation.json holds."""

    on: Text
    images: Count
    top1: Share
    top5: Share
    balanced_accuracy: NotRequired[Share]
    macro_f1: NotRequired[Share]
    loss: float
    classes: list[ClassFigures]
    confusion: list[list[Count]]


Final = Annotated[FinalFigures, AfterValidator(_square)]


def _numbers(line: Any) -> Any:
    for key, value in line.items():
        if key in ("kind", "why"):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{key} is not a number that is finite")
    figures = {"epoch", "loss", "accuracy"}
    if (
        "clock" not in line and line["kind"] != "rollback" and not figures <= line.keys()
    ):  # timing.jsonl has a clock, and none of them
        raise ValueError(f"expected {', '.join(sorted(figures))}")
    return line


@with_config(_STRICT)
class LineFacts(TypedDict):
    """A line of metrics.jsonl or timing.jsonl: the figures of a point within an epoch or of an epoch, or a way back."""

    kind: Literal["point", "epoch", "rollback"]
    step: Count
    epoch: NotRequired[Annotated[float, Field(ge=0)]]
    why: NotRequired[Text]


Line = Annotated[LineFacts, AfterValidator(_numbers)]


def read_json(path: Path, kind: Any) -> Any:
    """Return what the JSON file at `path` holds, which is of the given `kind`: one of the types of this module.

    Raises:
        UserError: it is missing, damaged, no regular file, or holds something else; the place in it is named.
    """
    return checked(parsed(path), kind, str(path))


def parsed(path: Path) -> Any:
    """Return the JSON at `path`, whatever it holds. Raises UserError where it cannot be read."""
    try:
        return json.loads(read_regular(path, LARGEST))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from error


def checked(value: Any, kind: Any, where: str) -> Any:
    """Return `value`, which is of the given `kind`. Raises UserError that names the first place where it is not."""
    try:
        return _adapter(kind).validate_python(value)
    except (ValidationError, OverflowError) as error:
        raise UserError(f"{where}: damaged: {_first(error)}. Restore it from a copy.") from None


def is_line(value: Any) -> bool:
    """Return whether `value` is a line of figures."""
    try:
        _adapter(Line).validate_python(value)
    except (ValidationError, OverflowError):
        return False
    return True


def _first(error: ValidationError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "a number in it is too large"
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {message}" if place else message


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
