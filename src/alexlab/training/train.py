"""From names to a finished run: everything is checked before the run's folder is made."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from alexlab.data.images import Dataset
from alexlab.data.input.colour import pixel_statistics
from alexlab.data.input.store import Store, memory_budget
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.statistics import channel_statistics
from alexlab.data.suspicion import suspicions
from alexlab.data.understanding import in_words, understood
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.layers.dropout import set_dropout
from alexlab.networks.layers.growing import take_smaller
from alexlab.networks.naming import own_code
from alexlab.networks.trial import try_network
from alexlab.parallel.processes import WAIT, Ended, Processes, joined
from alexlab.parallel.strategies import StrategyName, strategy_for
from alexlab.parallel.strategies.fitting import check_fits, check_parts
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.recipes.resolving import needs_statistics, resolved, transform
from alexlab.recipes.schema import Recipe
from alexlab.runs import folder as run_folder
from alexlab.runs.checkpoint import KEPT, checkpoints
from alexlab.runs.code import keep_code
from alexlab.runs.continuing import run_before
from alexlab.runs.lock import held
from alexlab.runs.parts import Parts, check_same, check_unchanged, parts_of, record
from alexlab.runs.run import Run
from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.device import (
    choose_device,
    choose_precision,
    describe_device,
    enough_memory,
    environment,
    exact,
)
from alexlab.speed.door import placed, threads_worth
from alexlab.speed.process import settle
from alexlab.training.batches import Batches
from alexlab.training.callbacks import Callback, Silent
from alexlab.training.interruption import interruption
from alexlab.training.loop import Loop
from alexlab.training.measured import measured
from alexlab.training.optimisers import make_optimiser, moments
from alexlab.training.seeds import seed_for
from alexlab.training.starting_weights import with_starting_weights
from alexlab.training.tensorboard import check_installed, with_events
from alexlab.weights.pretrained import freeze_all_but_head, load_pretrained
from alexlab.weights.tensors import load_statistics, save_statistics
from alexlab.weights.wrapped import Noted
from alexlab.writing import is_sealed, seal, write_file

CHECKPOINT_EVERY = 5.0  # minutes
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
    with joined(device, wait) as processes, enough_memory():
        callback = callback if callback and processes.is_first else Silent()
        chosen = _chosen(network, dataset, recipe, values, callback)
        place = Path(out) if out else None
        directory = Path(data_dir) if data_dir else None
        how = (device, steps, memory, tensorboard, checkpoint_every, parallel)
        before = run_before(chosen, place, carry_on, processes)
        if before is None:
            return _train(chosen, directory, place, *how, callback, None, processes)
        if before.result["state"] != "finished":
            return _resumed(before, directory, *how, callback, processes)
        if not processes.is_first:
            raise Ended(0)
        with held(before.folder):
            _tidy(before.folder)
        return before


def _chosen(
    network: str | None, dataset: str | None, recipe: str, values: dict[str, Any], callback: Callback
) -> Recipe:
    """Return the recipe with everything that was named beside it."""
    named = {key: value for key, value in (("network", network), ("dataset", dataset)) if value}
    chosen = overridden(read_recipe(recipe), {**named, **values}, "setting")
    for key in ("network", "dataset"):
        if not getattr(chosen, key):
            raise UserError(f"the recipe {recipe} names no {key}; say which: alexlab train NETWORK DATASET.")
    if chosen.pretrained:
        takes_path = recipe == "quick"
        chosen = with_starting_weights(chosen, values, takes_path, callback.preparing, callback.noted)
    return chosen


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
    with joined(device, wait) as processes, enough_memory():
        run = Run(folder)
        if run.result["state"] == "finished":
            raise UserError(f"{folder}: this training is finished; start another with `alexlab train`.")
        directory = Path(data_dir) if data_dir else None
        how = (device, steps, memory, tensorboard, checkpoint_every, parallel)
        return _resumed(run, directory, *how, callback if callback and processes.is_first else Silent(), processes)


def _resumed(
    run: Run,
    data_dir: Path | None,
    device: str,
    steps: int | None,
    memory: int | None,
    tensorboard: bool,
    checkpoint_every: float,
    parallel: StrategyName,
    callback: Callback,
    processes: Processes,
) -> Run:
    """Go on with `run`."""
    with ExitStack() as holding:
        if processes.is_first:
            # Where torchrun starts a job anew, the process that held the folder may be about to end on another machine.
            holding.enter_context(held(run.folder, processes.wait if processes.job else 0.0))
            for left in run.folder.glob("*.part"):
                left.unlink(missing_ok=True)
        how = (device, steps, memory, tensorboard, checkpoint_every, parallel)
        return _train(run.recipe, data_dir, None, *how, callback, run, processes)


def _train(
    recipe: Recipe,
    data_dir: Path | None,
    out: Path | None,
    device: str,
    steps: int | None,
    memory: int | None,
    tensorboard: bool,
    checkpoint_every: float,
    parallel: StrategyName,
    callback: Callback,
    before: Run | None,
    processes: Processes,
) -> Run:
    settle()
    asked, chosen = recipe, choose_device(device)
    check_fits(parallel, recipe.network, processes.count)
    if tensorboard:
        check_installed()
    at = Path(before.facts["found"]) if before and not data_dir else None
    dataset = open_dataset(recipe.dataset, data_dir, recipe.seed, at=at, progress=callback.preparing)
    recipe = resolved(recipe, dataset, processes.count)
    parts = parts_of(dataset, recipe)
    check_same(recipe, parts, processes, parallel)
    multiplied = recipe.precision == "float32" or processes.sums(multiplies_bfloat16(chosen)) == [processes.count]
    precision, about_precision = choose_precision(recipe.precision, multiplied)
    recipe = overridden(recipe, {"precision": precision})
    recipe, doubts = measured(recipe, asked, dataset, parts.train, goes_on=before is not None)
    if before:
        check_unchanged(parts, before.division or {}, str(before.folder))
    elif processes.is_first:
        held_out = {recipe.watch: parts.watched, **({"test": parts.test} if parts.test else {})}
        doubts = [*dataset.notes, *doubts, *suspicions(parts.train, held_out, dataset.classes)]
    with exact():
        network = _network(recipe, chosen, before.folder if before else None, doubts.append)
        room = (memory_budget() if memory is None else memory) // processes.local_count
        recipe, ready, train_store, watched_store = _stores(recipe, parts, room, callback, before)
        one = torch.zeros(1, *ready.input, device=chosen)
        if processes.count > 1 and parallel != "towers":  # each tower sees all images
            check_parts(network, ready.input, len(parts.train), recipe.batch, processes)
        threads = threads_worth(network, one, recipe.batch // processes.count)
        named = {"train": parts.train, recipe.watch: parts.watched, "test": parts.test}
        found = understood(dataset, named, parts.division, ready)
        with interruption() as stop, threads, ExitStack() as holding:
            if before:
                folder = before.folder
            elif processes.is_first:
                folder = _start(
                    recipe, asked, dataset, parts, network, ready, chosen, out, doubts, found, parallel, processes
                )
                holding.enter_context(held(folder))
            folder = processes.from_first(folder if processes.is_first else Path())
            optimiser_for = partial(make_optimiser, recipe=recipe)
            strategy = strategy_for(parallel, network, recipe.batch, optimiser_for, chosen, processes)
            loop = Loop(
                recipe=recipe,
                strategy=strategy,
                batches=Batches(recipe, train_store, ready, strategy),
                watched=watched_store,
                watched_name=f"{dataset.title}, {recipe.watch}",
                classes=dataset.classes,
                folder=folder,
                callback=with_events(callback, folder) if tensorboard else callback,
                stop=stop,
                steps_wanted=steps,
                checkpoint_every=60 * checkpoint_every,
            )
            if before:
                _go_back(loop)
            callback.started(
                {**_facts(recipe, dataset, parts, folder, chosen, processes), "understood": in_words(found)}
            )
            if about_precision:
                callback.noted(about_precision)
            if before and processes.job:
                plural = "es" if processes.count > 1 else ""
                callback.noted(f"the job goes on at update {loop.state.step:,} in {processes.count} process{plural}.")
            for doubt in doubts:
                callback.noted(doubt)
            began = time.perf_counter()
            state = "failed"
            try:
                ended = loop.run()
                if not processes.is_first:
                    raise Ended(INTERRUPTED if ended == "interrupted" else 0)
                if ended == "finished":
                    _finish(loop, folder, data_dir, device, callback)
                state = ended
            finally:
                if processes.is_first:
                    run_folder.write_json(folder / "result.json", _result(loop, state, time.perf_counter() - began))
            if state == "finished":
                _tidy(folder)  # not before the run says that it is finished
    return Run(folder)


def _network(recipe: Recipe, device: torch.device, kept: Path | None, noted: Noted) -> nn.Module:
    """Return the network with its initial weights, after one look whether it fits input and classes."""
    classes, input = recipe.classes, recipe.input
    assert isinstance(classes, int) and isinstance(input, tuple)
    torch.manual_seed(seed_for(recipe.seed, "initialisation"))
    name = own_code(recipe.network, kept) if kept else recipe.network
    network = build(name, classes, input, recipe.initialisation)
    if recipe.pretrained and (kept is None or not checkpoints(kept)):  # a run that goes on has weights of its own
        load_pretrained(network, Path(recipe.pretrained), recipe.network, noted)
    if recipe.dropout != "network":
        set_dropout(network, recipe.dropout)
    if recipe.freeze:
        freeze_all_but_head(network)
    try_network(network, recipe.network, classes, input, partial(make_optimiser, recipe=recipe))
    if recipe.small_side:
        take_smaller(network, input, recipe.small_side)
    return placed(network, recipe.network, device)


def _stores(
    recipe: Recipe, parts: Parts, memory: int | None, callback: Callback, before: Run | None
) -> tuple[Recipe, Transform, Store, Store]:
    """Return the stored images, and the recipe with the statistics that it wants measured on them."""
    unmeasured = {key: () for key in ("mean", "std") if getattr(recipe, key) == "dataset"}
    ready = transform(overridden(recipe, unmeasured))
    train = Store(parts.train, ready, memory, partial(callback.preparing, "decoding training images"))
    if unmeasured:
        mean, std = channel_statistics(train)
        recipe = overridden(recipe, {key: {"mean": mean, "std": std}[key] for key in unmeasured})
    statistics = None
    if needs_statistics(recipe):
        images = (batch for batch, _ in train.batches(np.arange(len(train)), recipe.batch))
        statistics = load_statistics(before.folder) if before else pixel_statistics(images)
    ready = transform(recipe, statistics)
    left = max(0, (memory_budget() if memory is None else memory) - train.held_bytes)
    watched = Store(parts.watched, ready, left, partial(callback.preparing, f"decoding {recipe.watch} images"))
    return recipe, ready, train, watched


def _start(
    recipe: Recipe,
    asked: Recipe,
    dataset: Dataset,
    parts: Parts,
    network: nn.Module,
    ready: Transform,
    device: torch.device,
    out: Path | None,
    doubts: list[str],
    found: dict[str, Any],
    parallel: StrategyName,
    processes: Processes,
) -> Path:
    """Make the run's folder. `asked` is the recipe before it was resolved, by which --continue finds the run."""
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    run_folder.check_room(out or run_folder.RUNS, weights * ((KEPT + 1) * (1 + moments(recipe)) + 3) + 10_000_000)
    with run_folder.starting(recipe, out) as folder:
        run_folder.write_recipe(folder / "recipe.toml", recipe)
        own, about_own = keep_code(folder, recipe)
        doubts += about_own
        if ready.statistics:
            save_statistics(folder, ready.statistics)
        run_folder.write_json(folder / "split.json", record(parts))
        run_folder.write_json(
            folder / "run.json",
            {
                "format": run_folder.FORMAT,
                "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "dataset": dataset.title,
                "found": dataset.found,
                "classes": dataset.classes,
                "understood": found,
                "doubts": doubts,
                "asked": asked.model_dump(mode="json"),
                "environment": environment(device),
                **({"processes": processes.count, "parallel": parallel} if processes.count > 1 else {}),
                **({"job": processes.job} if processes.job else {}),
                **({"own": own} if own else {}),
            },
        )
        return run_folder.take_name(folder, recipe, out)


def _go_back(loop: Loop) -> None:
    """Bring the loop to its newest good checkpoint; to its beginning where it never came to one."""
    found = loop.go_back()
    if not loop.strategy.first:
        return
    if not found:
        for name in ("metrics.jsonl", "timing.jsonl"):
            (loop.folder / name).unlink(missing_ok=True)
    (loop.folder / "result.json").unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Leave in a finished run what belongs there. Where a kill came in between, the same command with --continue does it."""
    left = [*checkpoints(folder), *folder.glob("*.part")]
    for path in left:
        path.unlink(missing_ok=True)
    if left or not is_sealed(folder):
        seal(folder)


def _facts(
    recipe: Recipe, dataset: Dataset, parts: Parts, folder: Path, device: torch.device, processes: Processes
) -> dict[str, Any]:
    return {
        "run": str(folder),
        "network": recipe.network,
        "dataset": dataset.title,
        "train": len(parts.train),
        "watch": recipe.watch,
        "watched": len(parts.watched),
        "input": recipe.input,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "processes": processes.count,
        "device": describe_device(device),
        "precision": recipe.precision,
    }


def _result(loop: Loop, state: str, seconds: float) -> dict[str, Any]:
    reached = loop.state
    return {
        "state": state,
        "steps": reached.step,
        "epochs": min(reached.epoch, loop.recipe.epochs),
        "best": reached.best,
        "best_epoch": reached.best_epoch if reached.best is not None else None,
        "watch": loop.recipe.watch,
        "images_per_second": reached.images / reached.seconds if reached.seconds else None,
        "seconds": seconds,
        "rollbacks": reached.rollbacks,
    }


def _finish(loop: Loop, folder: Path, data_dir: Path | None, device: str, callback: Callback) -> None:
    """Write the final figures. The test set is looked at once; where the recipe watches it, its last look is the final one."""
    run = Run(folder)
    evaluation = loop.last_evaluation
    if evaluation is None or loop.recipe.watch == "validation" or loop.recipe.select == "best":
        evaluation = run.evaluate(device=device, data_dir=data_dir, progress=partial(callback.preparing, "final test"))
    run_folder.write_json(folder / "evaluation.json", evaluation.facts())
    write_file(folder / "predictions.csv", evaluation.table().encode())
