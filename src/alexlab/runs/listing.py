"""The runs below a folder: how each stands, and whether its files are what was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexlab.errors import UserError
from alexlab.runs.checkpoint import checkpoints
from alexlab.runs.folder import RUNS, folders_of_runs, read_lines
from alexlab.runs.lock import is_held
from alexlab.runs.run import Run
from alexlab.writing import CHECKSUMS, check_digest, digest_of, is_sealed, noted_digests

SMALL = 1 << 20  # bytes: files up to this are read to list a run; `alexlab doctor` reads all

STATES = {
    "finished": "finished",
    "interrupted": "interrupted",
    "unfinished": "interrupted",  # killed: it never came to write how it ended
    "stopped": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class Listed:
    """One run.

    Attributes:
        state: finished, running, interrupted, stopped (by --steps), failed, or damaged.
        problem: what is damaged.
        epochs, of: done, and those of the recipe.
        best: accuracy on `watch`; test: the final top-1 accuracy.
    """

    folder: Path
    state: str
    problem: str | None = None
    network: str = ""
    dataset: str = ""
    started: str = ""
    epochs: float = 0
    of: float = 0
    watch: str = ""
    best: float | None = None
    test: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return what `runs --json` prints of it."""
        return {**self.__dict__, "folder": str(self.folder)}


def list_runs(place: Path = RUNS) -> list[Listed]:
    """List the runs directly below `place`, the newest first; the ones that cannot be read at all last."""
    return sorted((listed(folder) for folder in folders_of_runs(place)), key=lambda run: run.started, reverse=True)


def listed(folder: Path) -> Listed:
    """How the run in `folder` stands."""
    try:
        run = Run(folder)
        result, final, lines = run.result, run.final, read_lines(folder / "metrics.jsonl", whole=True)
        read_lines(folder / "timing.jsonl", whole=True)
        state = "running" if is_held(folder) else STATES[result["state"]]
        problems = damaged_files(folder, SMALL)
        run.division  # noqa: B018  it is read for its errors
    except UserError as error:
        return Listed(folder, "damaged", str(error))
    epochs = [line for line in lines if line["kind"] == "epoch"]
    best = max((line[key] for line in epochs for key in line if key == f"{run.recipe.watch}_accuracy"), default=None)
    return Listed(
        folder,
        "damaged" if problems else state,
        "; ".join(problems) or None,
        run.recipe.network,
        run.recipe.dataset,
        str(run.facts.get("started", "")),
        epochs[-1].get("epoch", 0) if epochs else 0,
        run.recipe.epochs,
        run.recipe.watch,
        best,
        final["top1"] if final else None,
    )


def damaged_files(folder: Path, largest: int | None = None) -> list[str]:
    """Say what is wrong with the files whose digests were noted: those that are gone or hold something else.

    Args:
        largest: bytes; larger files are only looked for.
    """
    problems = []
    try:
        noted, ended = noted_digests(folder), is_sealed(folder)  # until it is, a file may be noted and not yet there
    except UserError:
        return [f"{CHECKSUMS} cannot be read"]
    for name, digests in noted.items():
        path = folder / name
        try:
            if not path.is_file():
                if ended:
                    problems.append(f"{name} is gone")
            elif (largest is None or path.stat().st_size <= largest) and digest_of(path) not in digests:
                problems.append(f"{name} is not what was written")
        except (OSError, UserError):
            problems.append(f"{name} cannot be read")
    return problems


def unfit_to_continue(folder: Path) -> bool:
    """Whether a run that is not finished has checkpoints, and none of them is what was written."""
    found = checkpoints(folder)
    return bool(found) and not any(_is_good(path) for path in found)


def _is_good(path: Path) -> bool:
    try:
        check_digest(path)
    except UserError:
        return False
    return path.is_file()
