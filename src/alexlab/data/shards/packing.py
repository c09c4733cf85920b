"""Packing a dataset into shards: tars in the WebDataset layout, with an index and checksums.

The same dataset gives the same bytes. Work that is not done lies in OUT/.packing: the plan by which it is known again, notes of the
shards that are whole, and halves of others. A shard is noted and then renamed; the index comes last. So a kill at any moment
leaves what the same command goes on with, and no half file under its final name.
"""

import hashlib
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from alexlab import system
from alexlab.data.images import Dataset
from alexlab.data.input.workers import cores
from alexlab.data.levels import measured_levels
from alexlab.data.opening import open_dataset
from alexlab.data.progress import Progress
from alexlab.data.shards.index import (
    FORMAT,
    INDEX,
    KIND,
    Index,
    Shard,
    index_bytes,
    read_index,
    read_shard,
    shard_bytes,
)
from alexlab.data.shards.plan import MEGABYTES, Plan, plan_of
from alexlab.data.shards.writing import write_shard
from alexlab.errors import UserError

STATE, PLAN, LOCK = ".packing", "plan", "lock"
CHECKSUMS = "checksums.sha256"
WORTH = 100_000_000  # bytes; less is packed in the second that it takes to start processes


def pack(
    name: str,
    out: Path,
    data_dir: Path | None = None,
    megabytes: int = MEGABYTES,
    images: int | None = None,
    processes: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Index:
    """Pack the dataset called `name` into shards in the folder `out`, and return their index. What an earlier try left is gone on with.

    Args:
        megabytes: what a shard holds at most, but for the last image; shards of a split are about as large as each other.
        images: instead, how many images a shard holds.
        processes: that write; by default one for each core, and for less than WORTH bytes a single one.
        progress: called with "packing", the images that are in and all of them.

    Raises:
        UserError: the dataset is not to be had or not as it should be, `out` holds something else, or the disk is full.
    """
    options = (data_dir, megabytes, images)
    plan = plan_of(_whole(name, data_dir), megabytes, images)
    if (found := _packed(out, plan)) is not None:
        return found
    try:
        with _alone(out, plan):
            processes = processes or (cores() if plan.bytes > WORTH else 1)
            return _finish(plan, out, _written(plan, (name, *options), out, processes, progress))
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or error}). The same command goes on where it stopped."
        ) from error


def _whole(name: str, data_dir: Path | None) -> Dataset:
    """Return all images of the dataset. Those of more than 8 bits that are not copied are brought to 8 by the range of all."""
    dataset = open_dataset(name, data_dir, whole=True)
    levels, _ = measured_levels(dataset.train)
    return dataset.at(levels)


def _packed(out: Path, plan: Plan) -> Index | None:
    """Return the index of what is packed there already; None where there is nothing, or half of it. Raises UserError for all else."""
    if (out / INDEX).is_file():
        index = read_index((out / INDEX).read_bytes(), str(out / INDEX))
        if index.plan != plan.digest:
            raise UserError(
                f"{out}: holds {index.title} packed from other images or into other shards. Name another folder."
            )
        for shard in index.shards:
            path = out / shard.name
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise UserError(
                    f"{path}: was packed (SHA-256 {shard.sha256}), and is gone or cut now. Delete {out} to pack it anew."
                )
        shutil.rmtree(out / STATE, ignore_errors=True)
        return index
    if out.exists() and not (out / STATE).is_dir() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out}: holds something else, which is not touched; name a folder that is new or empty.")
    return None


@contextmanager
def _alone(out: Path, plan: Plan) -> Iterator[None]:
    """Keep other packings out of `out` while the block runs; first see that it is this plan's, and that there is room."""
    state = out / STATE
    new = not (state / PLAN).exists()
    if new:
        _check_room(out, plan)
    state.mkdir(parents=True, exist_ok=True)
    with (state / LOCK).open("a") as lock:
        try:
            system.lock(lock)
        except BlockingIOError:
            raise UserError(f"{out}: another process packs there; wait for it, or name another folder.") from None
        if new:
            _write(state / PLAN, plan.digest.encode(), state)
        elif (state / PLAN).read_text() != plan.digest:
            raise UserError(
                f"{out}: holds a packing that is not done, of other images or into other shards. Name another folder, or delete it."
            )
        for half in state.glob("*.half"):
            half.unlink(missing_ok=True)
        yield


def _check_room(out: Path, plan: Plan) -> None:
    place = out.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < plan.bytes:
        raise UserError(
            f"{place}: {free / 1e6:,.0f} MB free; the shards need about {plan.bytes / 1e6:,.0f} MB. Make room, or name another folder."
        )


def _written(plan: Plan, opening: Any, out: Path, processes: int, progress: Progress) -> list[Shard]:
    """All shards, those written by an earlier try among them; by several processes where there is work for them."""
    total = sum(len(split) for split in plan.splits.values())
    done = 0
    shards: dict[int, Shard] = {}
    progress("packing", 0, total)
    processes = min(processes, len(plan.shards))
    if processes == 1:
        for number in range(len(plan.shards)):
            shards[number] = _shard(plan, number, out)
            done += shards[number].images
            progress("packing", done, total)
        return [shards[number] for number in sorted(shards)]
    context = multiprocessing.get_context("spawn")  # a fork of a process that has threads may wait for ever
    with ProcessPoolExecutor(processes, context, _begin, (opening, plan.digest, out)) as pool:
        try:
            numbers = {pool.submit(_one, number): number for number in range(len(plan.shards))}
            for future in as_completed(numbers):
                shards[numbers[future]] = future.result()
                done += shards[numbers[future]].images
                progress("packing", done, total)
        except BrokenProcessPool as error:
            raise UserError(
                f"{out}: a process that packed was killed, perhaps for want of memory. The same command goes on where it stopped."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [shards[number] for number in sorted(shards)]


_work: tuple[Plan, Path] | UserError  # of a process that packs


def _begin(opening: tuple[str, Path | None, int, int | None], digest: str, out: Path) -> None:
    """Begin a process: end when its parent ends, leave Ctrl-C to it, and look at the dataset itself."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    name, data_dir, megabytes, images = opening
    try:
        plan = plan_of(_whole(name, data_dir), megabytes, images)
        _work = (plan, out) if plan.digest == digest else UserError(f"{name}: changes while it is packed.")
    except UserError as error:
        _work = error


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _one(number: int) -> Shard:
    if isinstance(_work, UserError):
        raise _work
    return _shard(_work[0], number, _work[1])


def _shard(plan: Plan, number: int, out: Path) -> Shard:
    """Shard number `number`, as an earlier try left it whole, or written now."""
    planned, classes = plan.shards[number], len(plan.dataset.classes)
    path, note = out / planned.name, out / STATE / f"{planned.name}.json"
    if path.exists() and note.exists():
        with suppress(UserError):
            before = read_shard(note.read_bytes(), str(note), classes)
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == before.sha256:
                    return before
    half = out / STATE / f"{planned.name}.{os.getpid()}.half"
    try:
        shard = write_shard(plan, planned, half)
        _write(note, shard_bytes(shard), out / STATE)
        os.replace(half, path)  # noqa: PTH105
    finally:
        half.unlink(missing_ok=True)
    return shard


def _finish(plan: Plan, out: Path, shards: list[Shard]) -> Index:
    """Write checksums and index, which says that all is there."""
    dataset = plan.dataset
    index = Index(
        kind=KIND,
        format=FORMAT,
        title=dataset.title,
        classes=dataset.classes,
        shape=dataset.shape,
        mean=dataset.mean,
        std=dataset.std,
        augment=dataset.augment,
        plan=plan.digest,
        images=sum(shard.images for shard in shards),
        bytes=sum(shard.bytes for shard in shards),
        shards=tuple(shards),
    )
    data = index_bytes(index)
    digests = {shard.name: shard.sha256 for shard in shards} | {INDEX: hashlib.sha256(data).hexdigest()}
    _write(out / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode(), out / STATE)
    system.sync_folder(out)
    _write(out / INDEX, data, out / STATE)
    system.sync_folder(out)
    shutil.rmtree(out / STATE, ignore_errors=True)
    return index


def _write(path: Path, data: bytes, state: Path) -> None:
    """Write a file whole or not at all; a half stays in `state`."""
    part = state / f"{path.name}.{os.getpid()}.half"
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)  # noqa: PTH105
