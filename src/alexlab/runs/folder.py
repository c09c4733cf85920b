"""The run folder: what is in it, and how it is written.

recipe.toml             the resolved recipe                   run.json         dataset, classes, environment
metrics.jsonl           figures, a line as each is made       timing.jsonl     when, and how fast
split.json              which images were held out            result.json      how the training ended
checkpoint-*.safetensors   where an unfinished training stands: the latest two
best.safetensors, last.safetensors   weights                  checksums.sha256, lock
evaluation.json, pixels.safetensors      mean image and principal colours, where the recipe wants them
curves.png, confusion.png, mistakes.png, report.html      own/             the modules of a network of the user's own
"""

import errno
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe
from alexlab.regular import read_regular
from alexlab.runs.schema import LARGEST, is_line
from alexlab.system import sync_folder
from alexlab.writing import CHECKSUMS, not_written, write_file

FORMAT = 1
RUNS = Path("runs")


@contextmanager
def starting(recipe: Recipe, out: Path | None) -> Iterator[Path]:
    """Make a folder to fill for a new run; `take_name` gives it its place. So a run's folder is there whole or not at all.

    Raises:
        UserError: `out` exists, or the folder cannot be made.
    """
    if out is not None and out.exists():
        raise _exists(out)
    parent = RUNS if out is None else out.parent
    filling = parent / f".starting-{secrets.token_hex(6)}"
    try:
        filling.mkdir(parents=True)
        (filling / CHECKSUMS).touch()
    except OSError as error:
        raise UserError(f"{out or RUNS}: cannot make the run's folder ({error.strerror or error}).") from error
    try:
        yield filling
    finally:
        shutil.rmtree(filling, ignore_errors=True)  # where it has not taken its name


def take_name(filling: Path, recipe: Recipe, out: Path | None) -> Path:
    """Put a filled folder at `out`, or at the next number below runs/. A folder that exists is never taken.

    Raises:
        UserError: `out` exists by now.
    """
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{recipe.network}-{_last_part(recipe.dataset)}").strip("-")[-80:]
    for number in range(1, 1_000_000):
        folder = out or RUNS / f"{name}-{number}"
        try:
            if folder.exists():
                raise FileExistsError
            filling.rename(folder)  # fails where another process took the name in between
            sync_folder(folder.parent)
            return folder
        except OSError as error:
            if error.errno not in (None, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise not_written(folder, error) from error
            if out is not None:
                raise _exists(out) from None
    raise UserError(f"{RUNS} is full of runs called {name}.")


def _last_part(dataset: str) -> str:
    """Return what a run is called after: of `folder:photos/flowers.zip` the word flowers."""
    kind, colon, path = dataset.partition(":")
    last = Path(path).name if colon else dataset
    for ending in (".tar.gz", ".tar", ".tgz", ".zip", ".csv"):
        last = last.removesuffix(ending)
    return last or kind


def _exists(out: Path) -> UserError:
    return UserError(
        f"{out} exists already, and a run never overwrites another; name a new folder, or carry on with --continue."
    )


def folders_of_runs(place: Path) -> list[Path]:
    """List the run folders directly below `place`, by name."""
    return sorted(path.parent for path in place.glob("*/run.json") if not path.parent.name.startswith("."))


def check_room(folder: Path, needed: int) -> None:
    """Raise UserError unless the disk of `folder` (or of its nearest parent that exists) has `needed` bytes free."""
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UserError(
            f"{place}: {free / 1e6:,.0f} MB free; the run's weights and checkpoints need {needed / 1e6:,.0f} MB. "
            "Make room, or name another folder with --out."
        )


def write_json(path: Path, value: Any) -> None:
    """Write `value` as a JSON file of a run. A name that is no UTF-8 is written in escapes, which reading turns into it again."""
    try:
        data = json.dumps(value, indent=1, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        data = json.dumps(value, indent=1).encode()
    write_file(path, data + b"\n")


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write `recipe` as TOML."""
    write_file(path, tomli_w.dumps(recipe.model_dump(mode="json")).encode(errors="surrogateescape"))


def append_line(path: Path, facts: Mapping[str, Any]) -> None:
    """Add one JSON line."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
    except OSError as error:
        raise not_written(path, error) from error


def read_lines(path: Path, whole: bool = False) -> list[dict[str, Any]]:
    """Return the figures in a file of JSON lines, up to the first line that is damaged or was cut off.

    Args:
        whole: whether a damaged line is an error, unless it is the last and was cut off.

    Raises:
        UserError: something else than a regular file lies there, or a line is damaged.
    """
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for line in read_regular(path, LARGEST).decode(errors="replace").splitlines(keepends=True):
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError):
            facts = None
        if not is_line(facts):
            if whole and line.endswith("\n"):
                raise UserError(f"{path}: line {len(lines) + 1} is damaged. Restore it from a copy.")
            break
        lines.append(facts)
    return lines


def forget_after(path: Path, step: int) -> None:
    """Drop the lines that were written after update `step`: the training goes on from there and makes them anew."""
    kept = [line for line in read_lines(path) if line["step"] <= step]
    write_lines(path, [json.dumps(line) for line in kept])


def write_lines(path: Path, lines: list[str]) -> None:
    """Write `lines` in place of what is there."""
    write_file(path, "".join(line + "\n" for line in lines).encode(), noted=False)
