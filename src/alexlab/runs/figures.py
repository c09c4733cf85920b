"""The figures of a training as its folder keeps them: metrics.jsonl, which repeats itself bit for bit, and timing.jsonl, which does not."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexlab.runs import folder as run_folder
from alexlab.runs.checkpoint import TrainingState


class Figures:
    """The lines of metrics.jsonl so far, as `lines`; `told` is called with each new one."""

    def __init__(self, folder: Path, told: Callable[[dict[str, Any]], None], writes: bool = True) -> None:
        """Say with `writes` whether this process is the one of several that writes; the others do nothing."""
        self.folder, self._told, self._writes = folder, told, writes
        self.lines: list[str] = []

    def record(self, facts: dict[str, Any], state: TrainingState) -> None:
        """Append a line to each file, and tell it, with the speed."""
        if not self._writes:
            return
        seconds = state.seconds
        speed = {"images_per_second": state.images / seconds if seconds else 0.0, "seconds": seconds}
        self.lines.append(json.dumps(facts))
        run_folder.append_line(self.folder / "metrics.jsonl", facts)
        timing = {"step": facts["step"], "kind": facts["kind"], "clock": time.time(), **speed}
        run_folder.append_line(self.folder / "timing.jsonl", timing)
        self._told({**facts, **speed})

    def go_back(self, lines: list[str] | None, step: int) -> None:
        """Go back to these lines; to those up to `step` where a checkpoint (of format 1) holds none."""
        if not self._writes:
            return
        path = self.folder / "metrics.jsonl"
        if lines is None:
            run_folder.forget_after(path, step)
            self.lines = path.read_text(encoding="utf-8").splitlines()
        else:
            self.lines = lines
            run_folder.write_lines(path, lines)
        run_folder.forget_after(self.folder / "timing.jsonl", step)
