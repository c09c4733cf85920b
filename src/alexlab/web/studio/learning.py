"""Trainings that the studio starts: ordinary `alexlab train` processes with ordinary run folders, one after another.

A training is no child that ends with the studio: it has a session of its own. What waits is in a file below the runs' folder, so that
a studio that was killed goes on where it was; of two studios on one folder the one that holds the lock starts what waits.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from alexlab import system
from alexlab.data.catalogue import DATASETS
from alexlab.data.catalogue import find as find_dataset
from alexlab.data.images import Dataset
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError, unknown
from alexlab.networks.catalogue import NETWORKS
from alexlab.networks.catalogue import find as find_network
from alexlab.recipes.reading import preset_text, read_recipe
from alexlab.report.figures import png
from alexlab.report.sheets import contact_sheet
from alexlab.runs.folder import read_lines
from alexlab.runs.listing import listed
from alexlab.runs.lock import LOCK, is_held
from alexlab.writing import write_file

FOLDER = ".studio"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")
SETTINGS = {"epochs": float, "batch": int, "rate": float, "seed": int}
TAIL = 6000  # bytes of a log
MOST_WAITING = 100


class Trainings:
    """What waits, what runs, and what has run, below one folder."""

    def __init__(self, place: Path, data_dir: Path | None, roots: tuple[Path, ...] = ()) -> None:
        """Start trainings below `place`; image folders are taken from below `roots` alone."""
        self.place, self.data_dir, self.roots = place, data_dir, tuple(root.resolve() for root in roots)
        self._lock = threading.Lock()
        self._held: IO[str] | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def _folder(self) -> Path:
        return self.place / FOLDER

    def jobs(self) -> list[dict[str, Any]]:
        """Return the trainings, the oldest first, each with its state: waiting, running, or how its run stands."""
        return [{"name": job["name"], "state": self._state(job)} for job in self._read()]

    def _state(self, job: dict[str, Any]) -> str:
        if job["pid"] is None:
            return "waiting"
        if _is_training(job["pid"], self.place / job["name"]):
            return "running"
        folder = self.place / job["name"]
        return listed(folder).state if (folder / "run.json").exists() else "failed"

    def _read(self) -> list[dict[str, Any]]:
        try:
            found = json.loads((self._folder / "queue.json").read_text(encoding="utf-8"))
            return [{"name": str(job["name"]), "arguments": list(job["arguments"]), "pid": job["pid"]} for job in found]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _write(self, jobs: list[dict[str, Any]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_file(self._folder / "queue.json", json.dumps(jobs, indent=1).encode(), noted=False)

    def add(self, asked: Any) -> dict[str, Any]:
        """Have a training wait for its turn. Raises UserError where something of it is not to be had."""
        if not isinstance(asked, dict):
            raise UserError("expected a JSON object with name, network, dataset, recipe and settings.")
        name = str(asked.get("name", ""))
        if not NAME.fullmatch(name):
            raise UserError(f"name {name[:80]!r}: expected letters, digits, - _ . alone, and no dot first.")
        recipe = read_recipe(_preset(str(asked.get("recipe") or "quick")))
        network, dataset = str(asked.get("network") or ""), str(asked.get("dataset") or "")
        named = [find_network(network).name] if network else []
        if dataset:
            self._checked(dataset)
        if not (network or recipe.network) or not (dataset or recipe.dataset):
            raise UserError("this recipe leaves network and dataset open; choose both.")
        arguments = ["train", *named, "--recipe", str(asked.get("recipe") or "quick")]
        arguments += ["--set", f"dataset={json.dumps(dataset)}"] if dataset else []
        for key, value in dict(asked.get("settings") or {}).items():
            if key not in SETTINGS:
                raise unknown("setting", str(key)[:40], SETTINGS)
            try:
                arguments += ["--set", f"{key}={SETTINGS[key](value)}"]
            except (TypeError, ValueError):
                raise UserError(f"{key} = {str(value)[:40]!r}: expected a number.") from None
        arguments += ["--out", str(self.place / name)]
        arguments += ["--data-dir", str(self.data_dir)] if self.data_dir else []
        with self._lock:
            jobs = self._read()
            if (self.place / name).exists() or any(job["name"] == name for job in jobs):
                raise UserError(f"{name} exists already, and a run never overwrites another; take another name.")
            if sum(job["pid"] is None for job in jobs) >= MOST_WAITING:
                raise UserError(f"{MOST_WAITING} trainings wait already.")
            self._write([*jobs, {"name": name, "arguments": arguments, "pid": None}])
        self.start_next()
        return {"name": name}

    def go_on(self, name: str) -> dict[str, Any]:
        """Have a run that stopped go on. Raises UserError where there is none, or it is being trained."""
        folder = self._run(name)
        with self._lock:
            jobs = [job for job in self._read() if job["name"] != name]
            if is_held(folder):
                raise UserError(f"{name} is being trained.")
            arguments = ["train", "--resume", str(folder)]
            self._write([*jobs, {"name": name, "arguments": arguments, "pid": None}])
        self.start_next()
        return {"name": name}

    def stop(self, name: str) -> dict[str, Any]:
        """Ask a training to stop at its next update, as Ctrl-C does; take one that waits from the queue."""
        with self._lock:
            jobs = self._read()
            waiting = [job for job in jobs if job["name"] == name and job["pid"] is None]
            if waiting:
                self._write([job for job in jobs if job not in waiting])
                return {"name": name}
        folder = self.place / name
        pids = [job["pid"] for job in jobs if job["name"] == name]
        if not pids and NAME.fullmatch(name) and is_held(folder):
            with suppress(OSError, ValueError):
                pids = [int((folder / LOCK).read_text(encoding="utf-8"))]
        for pid in pids:
            if _is_training(pid, folder):
                os.kill(pid, signal.SIGINT)
                return {"name": name}
        raise UserError(f"{name[:80]!r} is not being trained.")

    def start_next(self) -> None:
        """Start what waits longest, if nothing runs."""
        with self._lock:
            self._children = [child for child in self._children if child.poll() is None]
            jobs = self._read()
            waiting = [job for job in jobs if job["pid"] is None]
            if not waiting or not self._mine():
                return
            if any(job["pid"] and _is_training(job["pid"], self.place / job["name"]) for job in jobs):
                return
            job = waiting[0]
            with (self._folder / f"{job['name']}.log").open("ab") as log:
                child = subprocess.Popen(
                    [sys.executable, "-m", "alexlab", *job["arguments"]],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._children.append(child)
            job["pid"] = child.pid
            self._write(jobs)

    def _mine(self) -> bool:
        """Whether this studio is the one that starts what waits."""
        if self._held is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = (self._folder / LOCK).open("a+", encoding="utf-8")
            try:
                system.lock(file)
            except OSError:
                file.close()
                return False
            self._held = file
        return True

    def live(self, name: str) -> dict[str, Any]:
        """Return how a training stands: state, figures, speed and the end of its log."""
        folder = self.place / name
        job = next((job for job in self._read() if job["name"] == name), None)
        if job is None and not (NAME.fullmatch(name) and (folder / "run.json").exists()):
            raise UserError(f"no training {name[:80]!r}.")
        log = b""
        with suppress(OSError), (self._folder / f"{name}.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            log = file.read()
        timing = read_lines(folder / "timing.jsonl") if (folder / "run.json").exists() else []
        state = self._state(job) if job else listed(folder).state
        if state != "waiting" and job and (folder / "run.json").exists() and is_held(folder):
            state = "running"
        return {
            "name": name,
            "state": state,
            "lines": read_lines(folder / "metrics.jsonl"),
            "imagesPerSecond": next(
                (line["images_per_second"] for line in reversed(timing) if "images_per_second" in line), None
            ),
            "of": float(listed(folder).of) if (folder / "run.json").exists() else None,
            "log": log.decode(errors="replace").replace("\r", "\n"),
        }

    def _run(self, name: str) -> Path:
        if not NAME.fullmatch(name) or not (self.place / name / "run.json").is_file():
            raise UserError(f"no run {name[:80]!r}.")
        return self.place / name

    def _checked(self, dataset: str) -> None:
        """Raise UserError unless a dataset is one of the catalogue, or an image folder below a root."""
        kind, colon, where = dataset.partition(":")
        if not colon:
            find_dataset(dataset)
            return
        path = Path(where).resolve()
        if kind != "folder" or not any(path.is_relative_to(root) for root in self.roots):
            raise UserError(f"{dataset[:100]}: not below a folder that the studio was started with (--root).")

    def look_at(self, dataset: str) -> Dataset:
        """Open a dataset that is here. Raises UserError where it is not, or may not be looked at."""
        self._checked(dataset)
        return open_dataset(dataset, self.data_dir, download=False)


def _preset(name: str) -> str:
    preset_text(name)
    return name


def choices() -> dict[str, Any]:
    """Return what can be chosen."""
    from alexlab.recipes.reading import PRESETS

    recipes = []
    for name in PRESETS:
        recipe = read_recipe(name)
        about = preset_text(name).partition("\n")[0].removeprefix(f"# {name}: ")
        facts = {"name": name, "about": about, "network": recipe.network, "dataset": recipe.dataset}
        recipes.append({**facts, **{key: getattr(recipe, key) for key in SETTINGS}})
    return {
        "networks": [each.name for each in NETWORKS],
        "datasets": [each.name for each in DATASETS],
        "recipes": recipes,
    }


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Return what a dataset is made of."""
    counts = [int((dataset.train.labels == k).sum()) for k in range(len(dataset.classes))]
    return {
        "title": dataset.title,
        "train": len(dataset.train),
        "test": len(dataset.test) if dataset.test else 0,
        "division": dataset.division,
        "classes": [{"name": name, "images": n} for name, n in zip(dataset.classes, counts, strict=True)],
        "doubts": list(dataset.notes),
    }


def sheet(dataset: Dataset) -> bytes:
    """Return examples of each class, as PNG."""
    return png(contact_sheet(dataset, None))


def _is_training(pid: int, folder: Path) -> bool:
    """Whether the process `pid` lives, and is the training of this folder: a number may be another's by now."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in process.cmdline())
    except (psutil.Error, OSError, TypeError, ValueError):
        return False
