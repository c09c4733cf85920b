"""A search for a recipe's values: each candidate trains, is judged on images held out of the training set, and its line is kept.

    ALEXLAB_DATA=... python benchmarks/search.py RECIPE [KEY=VALUE ...]        appends a line to search.jsonl

RECIPE is a name or a TOML file; it is trained with watch=validation, so on the same split for the same seed and hold_out. The test set is
not looked at: the last evaluation, which a training ends with, is switched off here.
"""

import hashlib
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from alexlab.inference.evaluation import evaluate
from alexlab.parallel.strategies import alone
from alexlab.recipes.reading import overridden, parse_setting, read_recipe
from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.device import choose_precision
from alexlab.speed.process import settle
from alexlab.training import run_files
from alexlab.training import train as training
from alexlab.training.callbacks import Silent
from measuring import machine

LOG = Path(__file__).resolve().with_suffix(".jsonl")


class Timer(Silent):
    """Keeps what the training says of its speed."""

    seconds = 0.0

    def recorded(self, facts: dict[str, Any]) -> None:
        self.seconds = facts["seconds"]


def main() -> None:
    settle()
    name, changes = sys.argv[1], dict(parse_setting(setting) for setting in sys.argv[2:])
    changes = {**changes, "watch": "validation", "select": "last"}
    timer = Timer()
    setattr(run_files, "finish", lambda *_: None)  # noqa: B010  # the test set is not looked at
    wanted = overridden(read_recipe(name), changes).precision
    precision, _ = choose_precision(wanted, multiplies_bfloat16(torch.device("cpu")))
    if precision == "bfloat16":  # then the held-out images are judged in it too: sooner

        def in_bfloat16(*arguments: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return evaluate(*arguments)

        setattr(alone, "evaluate", in_bfloat16)  # noqa: B010
    with tempfile.TemporaryDirectory() as folder:
        run = training.train(recipe=name, out=Path(folder) / "run", device="cpu", callback=timer, **changes)
        last = run.metrics("epoch")[-1]
        split = hashlib.sha256((run.folder / "split.json").read_bytes()).hexdigest()
    recipe = overridden(read_recipe(name), changes).model_dump(mode="json", exclude_defaults=True)
    line = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "machine": machine(),
        "recipe": Path(name).stem,
        "changes": {key: value for key, value in changes.items() if key not in ("watch", "select")},
        "validation_accuracy": round(last["validation_accuracy"], 4),
        "validation_loss": round(last["validation_loss"], 4),
        "training_loss": round(last["loss"], 4),
        "steps": last["step"],
        "training_seconds": round(timer.seconds, 1),
        "split": split[:16],
        "values": recipe,
    }
    with LOG.open("a") as log:
        log.write(json.dumps(line) + "\n")
    print({key: line[key] for key in line if key not in ("values", "split")})


if __name__ == "__main__":
    main()
