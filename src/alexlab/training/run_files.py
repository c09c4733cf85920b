"""The files of a run but for its figures and checkpoints: those that it starts with, and those that it ends with."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from alexlab.data.usual import usual_among
from alexlab.inference.evaluation import Evaluation
from alexlab.parallel.processes import Processes
from alexlab.runs import folder as run_folder
from alexlab.runs.checkpoint import KEPT, checkpoints
from alexlab.runs.code import keep_code
from alexlab.runs.parts import record
from alexlab.runs.run import Run
from alexlab.speed.device import environment
from alexlab.training.loop import Loop
from alexlab.training.optimisers import moments
from alexlab.training.preparing import Prepared
from alexlab.training.settings import Settings
from alexlab.weights.tensors import save_statistics
from alexlab.writing import is_sealed, seal, write_file


def start(ready: Prepared, out: Path | None, settings: Settings, processes: Processes) -> Path:
    """Make the run's folder, at `out` or below runs/. What is found out about the user's own code is added to the doubts."""
    recipe = ready.recipe
    weights = sum(tensor.numel() * tensor.element_size() for tensor in ready.network.state_dict().values())
    run_folder.check_room(out or run_folder.RUNS, weights * ((KEPT + 1) * (1 + moments(recipe)) + 3) + 10_000_000)
    with run_folder.starting(recipe, out) as folder:
        run_folder.write_recipe(folder / "recipe.toml", recipe)
        own, about_own = keep_code(folder, recipe)
        ready.doubts.extend(about_own)
        if ready.transform.statistics:
            save_statistics(folder, ready.transform.statistics)
        run_folder.write_json(folder / "split.json", record(ready.parts))
        usual = usual_among(ready.train, ready.parts.train.images)
        run_folder.write_json(
            folder / "run.json",
            {
                "format": run_folder.FORMAT,
                "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "dataset": ready.dataset.title,
                "found": ready.dataset.found,
                "classes": ready.dataset.classes,
                "understood": ready.understood,
                "doubts": ready.doubts,
                **({"usual": usual} if usual else {}),
                "asked": ready.asked.model_dump(mode="json"),
                "environment": environment(ready.device),
                **({"processes": processes.count, "parallel": settings.parallel} if processes.count > 1 else {}),
                **({"job": processes.job} if processes.job else {}),
                **({"own": own} if own else {}),
            },
        )
        return run_folder.take_name(folder, recipe, out)


def start_again(loop: Loop) -> None:
    """Bring the loop to its newest good checkpoint; to its beginning where it never came to one."""
    found = loop.go_back()
    if not loop.strategy.first:
        return
    if not found:
        for name in ("metrics.jsonl", "timing.jsonl"):
            (loop.folder / name).unlink(missing_ok=True)
    (loop.folder / "result.json").unlink(missing_ok=True)


def write_result(loop: Loop, state: str, seconds: float, final: Evaluation | None = None) -> None:
    """Write how the training ended, by which a run is known to be finished; of the `final` evaluation what small classes count in."""
    reached = loop.state
    run_folder.write_json(
        loop.folder / "result.json",
        {
            "state": state,
            "steps": reached.step,
            "epochs": min(reached.epoch, loop.recipe.epochs),
            "best": reached.best,
            "best_epoch": reached.best_epoch if reached.best is not None else None,
            "watch": loop.recipe.watch,
            "images_per_second": reached.images / reached.seconds if reached.seconds else None,
            "seconds": seconds,
            "rollbacks": reached.rollbacks,
            **({"balanced_accuracy": final.balanced_accuracy, "macro_f1": final.macro_f1} if final else {}),
        },
    )


def finish(loop: Loop, settings: Settings) -> Evaluation:
    """Write the final figures, and return them.

    The test set is looked at once; where the recipe watches it, its last look is the final one.
    """
    evaluation, folder = loop.last_evaluation, loop.folder
    if evaluation is None or loop.recipe.watch == "validation" or loop.recipe.select == "best":
        evaluation = Run(folder).evaluate(
            device=settings.device,
            data_dir=settings.data_dir,
            progress=partial(settings.callback.preparing, "final test"),
        )
    run_folder.write_json(folder / "evaluation.json", evaluation.facts())
    write_file(folder / "predictions.csv", evaluation.table().encode())
    return evaluation


def tidy(folder: Path) -> None:
    """Leave in a finished run what belongs there. Where a kill came in between, the same command with --continue does it."""
    left = [*checkpoints(folder), *folder.glob("*.part")]
    for path in left:
        path.unlink(missing_ok=True)
    if left or not is_sealed(folder):
        seal(folder)
