"""Runs that the studio has opened: by name, below one folder, each with what is asked of it again and again."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch

from alexlab.data.images import Split
from alexlab.describe import Description
from alexlab.describe.describing import describe
from alexlab.describe.receptive import Sight, sights
from alexlab.errors import UserError, unknown
from alexlab.inference.evaluation import Evaluation
from alexlab.passes.copying import copied
from alexlab.passes.seen import Seen
from alexlab.passes.watching import Tracer
from alexlab.runs.folder import folders_of_runs
from alexlab.runs.run import Run

KEPT_OPEN = 4  # runs
KEPT_PASSES = 8  # of each
Made = TypeVar("Made")


@dataclass
class Opened:
    """A run, its network in memory, and what was made of both. One thread at a time is let in, by `lock`."""

    run: Run
    data_dir: Path | None
    lock: threading.RLock = field(default_factory=threading.RLock)
    passes: OrderedDict[str, Seen] = field(default_factory=OrderedDict)

    @cached_property
    def network(self) -> torch.nn.Module:
        """The network as it was trained, on the CPU."""
        return self.run.network(torch.device("cpu"))

    @cached_property
    def description(self) -> Description:
        """What describe says of it."""
        assert isinstance(self.run.recipe.input, tuple)
        return describe(self.network, self.run.recipe.input)

    @cached_property
    def sights(self) -> dict[str, Sight | None]:
        """What the units of each layer see, by the layer's name."""
        assert isinstance(self.run.recipe.input, tuple)
        image = torch.empty(1, *self.run.recipe.input, device="meta")
        trace = Tracer(copied(self.network, "none"), counting=False).run((image,), training=False)
        known = sights(trace)
        return {step.name: known.get(step.outputs[0].number) for step in trace.steps if step.outputs}

    @cached_property
    def evaluation(self) -> Evaluation:
        """The figures on the images that the run held out."""
        return self.run.evaluate(device="cpu", data_dir=self.data_dir)

    @cached_property
    def images(self) -> Split:
        """The images that the run held out."""
        return self.run.held_out_images(self.data_dir)

    def once(self, key: str, make: Callable[[], Seen]) -> Seen:
        """Return the pass kept under `key`, made where it is not."""
        if key not in self.passes:
            self.passes[key] = make()
            while len(self.passes) > KEPT_PASSES:
                self.passes.popitem(last=False)
        self.passes.move_to_end(key)
        return self.passes[key]


class Runs:
    """The runs below one folder. A name is that of a folder directly below it; nothing else is opened, whatever a name says."""

    def __init__(self, place: Path, data_dir: Path | None = None) -> None:
        """Open runs below `place`, their datasets in `data_dir` first."""
        self.place, self.data_dir = place, data_dir
        self._opened: OrderedDict[tuple[str, int], Opened] = OrderedDict()
        self._lock = threading.Lock()

    def folder(self, name: str) -> Path:
        """Return the folder of the run `name`. Raises UserError where there is none."""
        folders = {each.name: each for each in folders_of_runs(self.place)}
        if name not in folders or not folders[name].resolve().is_relative_to(self.place.resolve()):
            raise unknown("run", name[:100], list(folders)[:50])
        return folders[name]

    def open(self, name: str) -> Opened:
        """Return the run `name` with its newest weights. Raises UserError where there is none."""
        folder = self.folder(name)
        run = Run(folder)
        stamp = run.weights.stat().st_mtime_ns
        with self._lock:
            key = (name, stamp)
            if key not in self._opened:
                for other in [each for each in self._opened if each[0] == name]:
                    del self._opened[other]
                self._opened[key] = Opened(run, self.data_dir)
                while len(self._opened) > KEPT_OPEN:
                    self._opened.popitem(last=False)
            self._opened.move_to_end(key)
            return self._opened[key]


def place_of(text: str) -> tuple[int, ...]:
    """Read `3,10,12`. Raises UserError where it is none."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise UserError(f"place {text[:40]!r}: expected whole numbers joined by commas.")
    return tuple(map(int, parts))
