"""Which run the same command goes on with."""

from pathlib import Path

from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe
from alexlab.training import folder as run_folder
from alexlab.training.run import Run


def run_to_continue(asked: Recipe, out: Path | None) -> Run | None:
    """The run that the command `asked` for earlier: the one at `out`; else the newest below runs/ that is not finished.

    Raises:
        UserError: `out` holds something else, or a run that another recipe was asked for.
    """
    if out is None:
        found = [run for run in run_folder.folders_of_runs(run_folder.RUNS) if _is_of(run, asked, finished=False)]
        return Run(max(found, key=lambda folder: str(Run(folder).facts["started"]))) if found else None
    if not out.exists():
        return None
    run = Run(out)
    if "asked" in run.facts and run.facts["asked"] != asked.model_dump(mode="json"):
        theirs: dict[str, object] = run.facts["asked"]
        other = [key for key, value in asked.model_dump(mode="json").items() if theirs.get(key) != value]
        raise UserError(
            f"{out}: holds a run of another recipe: {', '.join(other)} differ. Name another folder with --out."
        )
    return run


def _is_of(folder: Path, asked: Recipe, finished: bool) -> bool:
    try:
        run = Run(folder)
        return (
            run.facts.get("asked") == asked.model_dump(mode="json") and (run.result["state"] == "finished") == finished
        )
    except UserError:
        return False
