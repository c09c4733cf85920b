"""From names to a finished run: everything is checked before the run's folder is made."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from alexlab.data.opening import full_name
from alexlab.data.understanding import in_words
from alexlab.errors import UserError
from alexlab.networks.naming import is_own
from alexlab.parallel.processes import WAIT, Ended, Processes, joined
from alexlab.parallel.strategies import StrategyName, strategy_for
from alexlab.recipes.reading import PRESETS, overridden, read_recipe
from alexlab.recipes.schema import Recipe
from alexlab.runs.continuing import run_before
from alexlab.runs.lock import held
from alexlab.runs.run import Run
from alexlab.speed.device import describe_device, enough_memory, exact
from alexlab.speed.door import threads_worth
from alexlab.speed.process import settle
from alexlab.training import run_files
from alexlab.training.batches import Batches
from alexlab.training.callbacks import Callback, Silent
from alexlab.training.interruption import Interruption, interruption
from alexlab.training.loop import Loop
from alexlab.training.optimisers import make_optimiser
from alexlab.training.preparing import Prepared, prepared
from alexlab.training.settings import CHECKPOINT_EVERY, Settings
from alexlab.training.starting_weights import with_starting_weights
from alexlab.training.tensorboard import with_events

INTERRUPTED = 130  # the exit code


def train(
    network: str | None = None,
    dataset: str | None = None,
    recipe: str = "quick",
    *,
    out: str | Path | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    steps: int | None = None,
    memory: int | None = None,
    tensorboard: bool = False,
    checkpoint_every: float = CHECKPOINT_EVERY,
    carry_on: bool = False,
    wait: float = WAIT,
    parallel: StrategyName = "data",
    callback: Callback | None = None,
    **values: Any,
) -> Run:
    """Train `network` on `dataset` by `recipe`, and return the run.

    Where torchrun started several processes, they make the run together: the first writes and returns it, and the others end with
    the training (`Ended`, exit code 0). A job that torchrun starts anew goes on with its own run.

    Args:
        network, dataset: names, as on the command line; by default what the recipe names.
        recipe: a preset's name or a TOML file.
        out: the run's folder, which must not exist; by default a new one below runs/.
        device: "auto", "cpu", "cuda" or "mps".
        data_dir: where to look for datasets first.
        steps: stop after so many updates; the schedule stays that of the recipe's epochs.
        memory: bytes that stored images may take; by default half of the machine's.
        tensorboard: write TensorBoard events into the run too.
        checkpoint_every: minutes between checkpoints within an epoch; more where that would take over 2 % of the time.
        carry_on: first look for a run of the same recipe that is not finished (at `out`, or the newest below runs/), and go on with
            it; a run at `out` that is finished is returned as it is.
        wait: seconds that several processes wait for each other.
        parallel: how several processes divide the work: its images ("data"), "towers" or "hybrid"; see docs/parallel.md.
        values: keys of the recipe to replace, such as `epochs=3`.

    Raises:
        UserError: whatever the user can mend. Nothing is left behind, except by a training that diverges: its figures.
    """
    settings = Settings(
        device=device,
        data_dir=Path(data_dir) if data_dir else None,
        steps=steps,
        memory=memory,
        tensorboard=tensorboard,
        checkpoint_every=checkpoint_every,
        wait=wait,
        parallel=parallel,
        callback=callback or Silent(),
    )
    with joined(device, wait) as processes, enough_memory():
        settings = settings.seen_from(processes)
        asked = _asked(network, dataset, recipe, values, settings.callback)
        place = Path(out) if out else None
        before = run_before(asked, place, carry_on, processes)
        if before is None:
            return _train(asked, place, settings, processes)
        if before.result["state"] != "finished":
            return _resume(before, settings, processes)
        if not processes.is_first:
            raise Ended(0)
        with held(before.folder):
            run_files.tidy(before.folder)
        return before


def resume(
    folder: str | Path,
    *,
    device: str = "auto",
    data_dir: str | Path | None = None,
    steps: int | None = None,
    memory: int | None = None,
    tensorboard: bool = False,
    checkpoint_every: float = CHECKPOINT_EVERY,
    wait: float = WAIT,
    parallel: StrategyName = "data",
    callback: Callback | None = None,
) -> Run:
    """Carry on with the training in `folder` from its newest good checkpoint, as if it had not stopped.

    Raises:
        UserError: it is finished already, another process trains in it, none of its checkpoints is good, or its dataset has changed.
    """
    settings = Settings(
        device=device,
        data_dir=Path(data_dir) if data_dir else None,
        steps=steps,
        memory=memory,
        tensorboard=tensorboard,
        checkpoint_every=checkpoint_every,
        wait=wait,
        parallel=parallel,
        callback=callback or Silent(),
    )
    with joined(device, wait) as processes, enough_memory():
        run = Run(folder)
        if run.result["state"] == "finished":
            raise UserError(f"{folder}: this training is finished; start another with `alexlab train`.")
        return _resume(run, settings.seen_from(processes), processes)


def _asked(network: str | None, dataset: str | None, recipe: str, values: dict[str, Any], callback: Callback) -> Recipe:
    """Return the recipe with everything that was named beside it."""
    named = {key: value for key, value in (("network", network), ("dataset", dataset)) if value}
    chosen = overridden(read_recipe(recipe), {**named, **values}, "setting")
    chosen = overridden(chosen, {"dataset": full_name(chosen.dataset)}, "setting") if chosen.dataset else chosen
    for key in ("network", "dataset"):
        if not getattr(chosen, key):
            raise UserError(f"the recipe {recipe} names no {key}; say which: alexlab train NETWORK DATASET.")
    if is_own(chosen.network) and recipe in PRESETS and "initialisation" not in values:
        chosen = _with_own_weights(chosen, recipe, callback)
    if chosen.pretrained:
        takes_path = recipe == "quick"
        chosen = with_starting_weights(chosen, values, takes_path, callback.preparing, callback.noted)
    return chosen


def _with_own_weights(recipe: Recipe, preset: str, callback: Callback) -> Recipe:
    """Return the preset's recipe for a network of the user's own, which keeps the weights that it comes with."""
    if recipe.initialisation == "network":
        return recipe
    callback.noted(
        f"{recipe.network}: the network keeps the weights that its code gives it; --set initialisation={recipe.initialisation} makes new "
        f"ones, as the recipe {preset} has it for the networks of `alexlab networks`."
    )
    return overridden(recipe, {"initialisation": "network"}, "setting")


def _resume(run: Run, settings: Settings, processes: Processes) -> Run:
    """Go on with `run`."""
    with ExitStack() as holding:
        if processes.is_first:
            # Where torchrun starts a job anew, the process that held the folder may be about to end on another machine.
            holding.enter_context(held(run.folder, processes.wait if processes.job else 0.0))
            for left in run.folder.glob("*.part"):
                left.unlink(missing_ok=True)
        return _train(run.recipe, None, settings, processes, before=run)


def _train(asked: Recipe, out: Path | None, settings: Settings, processes: Processes, before: Run | None = None) -> Run:
    """Train by the recipe `asked` in a new folder, or go on with the run `before`."""
    settle()
    with exact():
        ready = prepared(asked, settings, processes, before)
        one = torch.zeros(1, *ready.transform.input, device=ready.device)
        threads = threads_worth(ready.network, one, ready.recipe.batch // processes.count)
        with interruption() as stop, threads, ExitStack() as holding:
            folder = before.folder if before else Path()
            if processes.is_first and not before:
                folder = run_files.start(ready, out, settings, processes)
                holding.enter_context(held(folder))
            loop = _loop(ready, processes.from_first(folder), settings, processes, stop)
            if before:
                run_files.start_again(loop)
            _introduce(loop, ready, settings, processes, goes_on=before is not None)
            _run(loop, settings)
    return Run(loop.folder)


def _loop(ready: Prepared, folder: Path, settings: Settings, processes: Processes, stop: Interruption) -> Loop:
    recipe = ready.recipe
    strategy = strategy_for(
        settings.parallel,
        ready.network,
        recipe.batch,
        lambda network: make_optimiser(network, recipe),
        ready.device,
        processes,
    )
    return Loop(
        recipe=recipe,
        strategy=strategy,
        batches=Batches(recipe, ready.train, ready.transform, strategy, ready.one_alone),
        watched=ready.watched,
        watched_name=f"{ready.dataset.title}, {recipe.watch}",
        classes=ready.dataset.classes,
        folder=folder,
        callback=with_events(settings.callback, folder) if settings.tensorboard else settings.callback,
        stop=stop,
        steps_wanted=settings.steps,
        checkpoint_every=60 * settings.checkpoint_every,
    )


def _run(loop: Loop, settings: Settings) -> None:
    """Train, and write in the first process how that ended; the others end here."""
    first = loop.strategy.first
    began = time.perf_counter()
    state, final = "failed", None
    try:
        ended = loop.run()
        if not first:
            raise Ended(INTERRUPTED if ended == "interrupted" else 0)
        if ended == "finished":
            final = run_files.finish(loop, settings)
        state = ended
    finally:
        if first:
            run_files.write_result(loop, state, time.perf_counter() - began, final)
    if state == "finished":
        run_files.tidy(loop.folder)  # not before the run says that it is finished


def _introduce(loop: Loop, ready: Prepared, settings: Settings, processes: Processes, goes_on: bool) -> None:
    """Say what is about to be trained, and what is worth knowing of it."""
    callback = settings.callback
    callback.started(_facts(ready, loop.folder, processes))
    if ready.about_precision:
        callback.noted(ready.about_precision)
    if goes_on and processes.job:
        plural = "es" if processes.count > 1 else ""
        callback.noted(f"the job goes on at update {loop.state.step:,} in {processes.count} process{plural}.")
    for doubt in ready.doubts:
        callback.noted(doubt)


def _facts(ready: Prepared, folder: Path, processes: Processes) -> dict[str, Any]:
    return {
        "run": str(folder),
        "network": ready.recipe.network,
        "dataset": ready.dataset.title,
        "train": len(ready.parts.train),
        "watch": ready.recipe.watch,
        "watched": len(ready.parts.watched),
        "input": ready.recipe.input,
        "epochs": ready.recipe.epochs,
        "batch": ready.recipe.batch,
        "processes": processes.count,
        "device": describe_device(ready.device),
        "precision": ready.recipe.precision,
        "understood": in_words(ready.understood),
    }
