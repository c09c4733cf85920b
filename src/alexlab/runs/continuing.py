"""Which run the same command goes on with."""

from pathlib import Path

from alexlab.errors import UserError
from alexlab.parallel.processes import Processes
from alexlab.recipes.schema import Recipe
from alexlab.runs import folder as run_folder
from alexlab.runs.run import Run


def run_before(asked: Recipe, out: Path | None, carry_on: bool, processes: Processes) -> Run | None:
    """Find the run to go on with: that of torchrun's job where it was started anew, or the one to `carry_on` with; None for a new one.

    The first process looks for all: the folder may be filling while another one would look.
    """
    found = None
    if processes.is_first and processes.job:
        found = _run_of_job(asked, out, processes.job)
    if processes.is_first and carry_on and found is None:
        found = run_to_continue(asked, out)
    folder = processes.from_first(str(found.folder) if found else None)
    return found or (Run(folder) if folder else None)


def _run_of_job(asked: Recipe, out: Path | None, job: str) -> Run | None:
    """Find the run that torchrun's `job` made of the same recipe, at `out` or below runs/."""
    places = run_folder.folders_of_runs(run_folder.RUNS) if out is None else [out]
    found = [folder for folder in places if _is_of(folder, asked) and Run(folder).facts.get("job") == job]
    return Run(max(found, key=_started)) if found else None


def run_to_continue(asked: Recipe, out: Path | None) -> Run | None:
    """Find the run that the command `asked` for earlier: the one at `out`; else the newest below runs/ that is not finished.

    Raises:
        UserError: `out` holds something else, or a run that another recipe was asked for.
    """
    if out is None:
        found = [each for each in run_folder.folders_of_runs(run_folder.RUNS) if _is_of(each, asked)]
        found = [folder for folder in found if Run(folder).result["state"] != "finished"]
        return Run(max(found, key=_started)) if found else None
    if not out.exists():
        return None
    run = Run(out)
    if "asked" in run.facts and _asked(run) != asked.model_dump(mode="json"):
        theirs = _asked(run)
        other = [key for key, value in asked.model_dump(mode="json").items() if theirs.get(key) != value]
        raise UserError(
            f"{out}: holds a run of another recipe: {', '.join(other)} differ. Name another folder with --out."
        )
    return run


def _is_of(folder: Path, asked: Recipe) -> bool:
    try:
        run = Run(folder)
        return "asked" in run.facts and _asked(run) == asked.model_dump(mode="json") and "state" in run.result
    except UserError:
        return False


def _started(folder: Path) -> str:
    return str(Run(folder).facts["started"])


def _asked(run: Run) -> dict[str, object]:
    """Return the recipe that was asked for; a key that came later is at its default."""
    return {**Recipe().model_dump(mode="json"), **run.facts["asked"]}
