"""What may be wrong with the installation, the machine, the data and the runs, and what to do about each."""

import gzip
import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from alexlab import system
from alexlab.data.catalogue import DATASETS, Entry, File
from alexlab.data.opening import cache_folder, data_folders, locate, open_dataset
from alexlab.data.sources.format import OtherContent
from alexlab.errors import UserError
from alexlab.runs import folder as run_folder
from alexlab.runs.listing import damaged_files, listed, unfit_to_continue
from alexlab.speed.device import choose_device, describe_device
from alexlab.writing import digest_of

LIBRARIES = ("torch", "numpy", "pillow", "safetensors", "click", "rich", "pydantic", "urllib3", "matplotlib", "jinja2")
LEAST_MEMORY, LEAST_DISK = 2 << 30, 2 << 30
OTHER = "reads whole, with other images or labels than were published"
OTHER_FORM = "in another form than published"
MOST_UNPACKED = 1 << 28  # bytes of a gzip file: five times the largest
CHANGED = "delete its line in checksums.sha256"
REPLACEABLE = (".png", ".html")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what, what was found, and what to do where that is not good."""

    what: str
    found: str
    advice: str | None = None


def examine(data_dir: Path | None = None, runs: list[Path] | None = None) -> Iterator[Finding]:
    """Look at everything; `runs` are run folders, by default all below runs/."""
    yield from _installation()
    yield from _machine()
    yield from _places()
    yield from _data(data_dir)
    chosen = run_folder.folders_of_runs(run_folder.RUNS) if runs is None else runs
    for folder in chosen:
        yield _run(folder)
    for left in sorted(run_folder.RUNS.glob(".starting-*")):
        yield Finding(str(left), "a run that was killed before it began", f"nothing is lost; delete it: rm -r {left}")


def _installation() -> Iterator[Finding]:
    old = None if sys.version_info >= (3, 11) else "alexlab needs Python 3.11 or newer"
    yield Finding("Python", sys.version.split()[0], old)
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    advice = f"{', '.join(missing)} missing; pip install --force-reinstall alexlab" if missing else None
    yield Finding("libraries", ", ".join(found), advice)


def _machine() -> Iterator[Finding]:
    device = choose_device()
    advice = None
    try:
        numbers = torch.arange(9.0, device=device).reshape(3, 3)
        if (numbers @ numbers).sum().item() != 486.0:  # 0 to 8 in rows, times itself
            advice = "it computes wrongly; take --device cpu, and have the device looked at"
    except RuntimeError as error:
        advice = f"it does not compute ({str(error).splitlines()[0]}); take --device cpu"
    yield Finding("device", describe_device(device), advice)
    cores, threads, load = os.cpu_count() or 1, torch.get_num_threads(), system.load()
    busy = f"the machine is busy: with OMP_NUM_THREADS=1 small networks do not wait for a core (load {load:.1f})"
    many = f"more threads than cores wait for each other; OMP_NUM_THREADS={cores}"
    advice = many if threads > cores else busy if threads > 1 and load > cores else None
    yield Finding("threads", f"{threads} on {cores} cores", advice)
    free, memory = system.memory()
    advice = "stop other programs, or take small batches and --memory 0.5" if free < LEAST_MEMORY else None
    yield Finding("memory", f"{free / 2**30:.1f} of {memory / 2**30:.1f} GiB free", advice)


def _places() -> Iterator[Finding]:
    cache = cache_folder()
    if sys.platform == "linux":
        another = "name another folder in XDG_CACHE_HOME"
    else:
        another = f"make {cache.parent} a link to another folder"
    for what, place, elsewhere, needs in (
        ("disk of runs/", run_folder.RUNS, "name another folder with --out", "AlexNet's run takes 2 GB"),
        ("disk of the cache", cache, another, "datasets and decoded images take gigabytes"),
    ):
        there = place.resolve()
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        advice = None if free >= LEAST_DISK else f"{needs}: make room, or {elsewhere}"
        if not os.access(there, os.W_OK):
            advice = f"{there} cannot be written to; mend its rights, or {elsewhere}"
        yield Finding(what, f"{there}: {free / 2**30:.1f} GiB free", advice)


def _data(data_dir: Path | None) -> Iterator[Finding]:
    for folder in data_folders(data_dir):
        if not folder.is_dir():
            named = folder != cache_folder()
            yield Finding(
                "data folder", f"{folder}: not there", "it is named and is no folder; mend the name" if named else None
            )
        else:
            advice = None if os.access(folder, os.R_OK | os.X_OK) else "it cannot be read; mend its rights"
            yield Finding("data folder", str(folder), advice)
            for part in sorted(folder.rglob("*.part")) if folder == cache_folder() else []:
                yield Finding(
                    "download",
                    f"{part.name}: {part.stat().st_size:,} bytes",
                    "broken off; the next use carries on with it",
                )
    for entry in DATASETS:
        if entry.files and (place := locate(entry, data_dir)):
            yield _dataset(entry, place)


def _dataset(entry: Entry, place: Path) -> Finding:
    """Whether the files of a dataset hold what was published, as far as they have kept their names."""
    files = [(file, place / file.name if place.is_dir() else place) for file in entry.files]
    known = [(file, path) for file, path in files if path.is_file() and path.name == file.name]
    other = [(file, path) for file, path in known if not _is_whole(file, path)]
    changed = [(file, path) for file, path in other if not _holds_published(file, path)]
    what, names = f"dataset {entry.name}", ", ".join(file.name for file, _ in changed)
    if not changed:
        packed = f", {len(other)} of them packed otherwise" if other else ""
        return Finding(what, f"{place}: " + (f"{len(known)} files as published{packed}" if known else OTHER_FORM))
    try:
        open_dataset(entry.name, download=False, at=place)
    except OtherContent as error:
        return Finding(what, f"{place}: {OTHER}", str(error))
    except UserError as error:
        return Finding(what, f"{place}: damaged", f"{error} Without {names} there, the next use fetches it again")
    if any(file.unpacked for file, _ in changed):
        advice = f"figures on it compare with no published ones; if that is not meant, put {names} elsewhere, and the next use fetches it"
        return Finding(what, f"{place}: {OTHER}", advice)
    return Finding(what, f"{place}: reads whole; {names} is not the file that was published")


def _is_whole(file: File, path: Path) -> bool:
    kind, _, expected = file.digest.partition(":")
    try:
        return digest_of(path, kind).startswith(expected)
    except UserError:
        return False


def _holds_published(file: File, path: Path) -> bool:
    """Whether a gzip file holds what the published one does: who packs it anew changes every byte but those."""
    kind, _, expected = file.unpacked.partition(":")
    if not expected:
        return False
    digest, size = hashlib.new(kind), 0
    try:
        with gzip.open(path) as content:
            while (piece := content.read(1 << 20)) and size < MOST_UNPACKED:
                digest.update(piece)
                size += len(piece)
    except (OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == expected


def _run(folder: Path) -> Finding:
    run, problems = listed(folder), damaged_files(folder)
    if not problems and run.state != "damaged":
        advice = None
        if run.state in ("interrupted", "stopped", "failed"):
            advice = f"it can go on: alexlab train --resume {folder}"
        return Finding(f"run {folder}", f"{run.state}, every file as written", advice)
    return Finding(f"run {folder}", "; ".join(problems) or run.problem or "damaged", _mend(folder, problems))


def _mend(folder: Path, problems: list[str]) -> str:
    names = [problem.split()[0] for problem in problems]
    if names and all(name.endswith(REPLACEABLE) for name in names):
        return "pictures and pages only: figures and weights are good"
    if names and all(name.startswith("checkpoint") for name in names) and not unfit_to_continue(folder):
        return f"the checkpoint before is good: alexlab train --resume {folder} goes on from it"
    if "best.safetensors" in names and "last.safetensors" not in names and (folder / "last.safetensors").exists():
        if (folder / "best.safetensors").exists():
            return f"put best.safetensors aside; last.safetensors is good: copy it to best.safetensors, and {CHANGED}"
        return f"best.safetensors is lost, last.safetensors is good: copy it to best.safetensors, and {CHANGED}"
    mend = f"restore it from a copy, or train again: alexlab train --recipe {folder}/recipe.toml"
    return (
        f"{mend}; if you changed it yourself, {CHANGED}" if any("not what" in problem for problem in problems) else mend
    )
