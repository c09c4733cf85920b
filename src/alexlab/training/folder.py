"""The run folder: what is in it, and how it is written.

recipe.toml             the resolved recipe                   run.json         dataset, classes, environment
metrics.jsonl           figures, a line as each is made       timing.jsonl     when, and how fast
split.json              which images were held out            result.json      how the training ended
checkpoint.safetensors  where an unfinished training stands   best.safetensors, last.safetensors   weights
evaluation.json, pixels.safetensors      mean image and principal colours, where the recipe wants them
curves.png, confusion.png, mistakes.png, report.html; the file of a network of the user's own
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe
from alexlab.training.writing import write_file

FORMAT = 1
RUNS = Path("runs")


def new_folder(recipe: Recipe, out: Path | None) -> Path:
    """Make the folder of a new run: `out`, or the next number below runs/. A folder that exists is never taken.

    Raises:
        UserError: `out` exists, or the folder cannot be made.
    """
    try:
        if out is not None:
            out.mkdir(parents=True)
            return out
        RUNS.mkdir(exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{recipe.network}-{recipe.dataset}").strip("-")[-80:]
        for number in range(1, 1_000_000):
            folder = RUNS / f"{name}-{number}"
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                continue
    except FileExistsError:
        raise UserError(f"{out} exists already, and a run never overwrites another; name a new folder.") from None
    except OSError as error:
        raise UserError(f"{out or RUNS}: cannot make the run's folder ({error.strerror or error}).") from error
    raise UserError(f"{RUNS} is full of runs called {name}.")


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
    write_file(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """What a JSON file of a run holds. Raises UserError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from error


def write_recipe(path: Path, recipe: Recipe) -> None:
    write_file(path, tomli_w.dumps(recipe.model_dump(mode="json")).encode())


def append_line(path: Path, facts: Mapping[str, Any]) -> None:
    """Add one JSON line."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}).") from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file; a last line that was cut off is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def forget_after(path: Path, step: int) -> None:
    """Drop the lines that were written after update `step`: the training goes on from there and makes them anew."""
    kept = [line for line in read_lines(path) if line["step"] <= step]
    write_file(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
