"""Time to the result: the recipes fast-* and best-alexnet from start to end, with several seeds, and the loops they are measured by.

    ALEXLAB_DATA=... python benchmarks/fast.py RECIPE SEED [SEED ...] [KEY=VALUE ...]
                                                                          trains, and appends a line for each to fast.jsonl
    ALEXLAB_DATA=... python benchmarks/fast.py reference NAME             images/s of a source's own loop, into the same file
    python benchmarks/fast.py > benchmarks/fast.md                        the table of what fast.jsonl holds

Each training is a process of its own, as a user starts it. Its time is that of the updates, data included, and that of the whole process,
which evaluates on the held-out images and on the test set besides. The test set is looked at once in each.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from alexlab.runs.run import Run
from measuring import machine, table

QUIET = (
    2.5  # load of the machine at the end of a run, above which its time says nothing (it has two threads of its own)
)
LOG = Path(__file__).resolve().with_suffix(".jsonl")
REFERENCES = {  # what each recipe is measured by, and how many images its source takes to its result
    "fast-alexnet": ("textbook-alexnet", 10 * 60_000),
    "best-alexnet": ("textbook-alexnet", 60_000),
    "fast-lenet": ("tutorial-lenet", 0),
    "fast-lenet5": ("textbook-lenet", 10 * 60_000),
    "fast-alexnet8": ("tutorial-alexnet8", 5 * 50_000),
}


def kept(line: dict[str, Any]) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    line = {"date": now, "machine": machine(), "load": round(os.getloadavg()[0], 1), **line}
    with LOG.open("a") as log:
        log.write(json.dumps(line) + "\n")
    print(line, flush=True)


def train(recipe: str, seed: int, settings: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "alexlab", "train", "--recipe", recipe, "--seed", str(seed), "--out", str(out)]
        command += [word for setting in settings for word in ("--set", setting)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - began
        run = Run(out)
        last = json.loads((out / "timing.jsonl").read_text().splitlines()[-1])
        assert run.final
        changed = f" with {', '.join(settings)}" if settings else ""
        kept(
            {
                "recipe": recipe + changed,
                "seed": seed,
                "test_accuracy": run.final["top1"],
                "validation_accuracy": run.metrics("epoch")[-1].get("validation_accuracy"),
                "training_seconds": round(last["seconds"], 2),
                "whole_seconds": round(whole, 1),
                "images": round(last["seconds"] * last["images_per_second"]),
            }
        )


def reference(name: str) -> None:
    from references import loops
    from training import keras, ours

    measure: Callable[[], float] = {
        "textbook-alexnet": lambda: loops.textbook_alexnet(steps=6),
        "tutorial-lenet": lambda: loops.tutorial_lenet(steps=450),
        "textbook-lenet": lambda: ours("textbook-lenet", 256, 400, 50),
        "tutorial-alexnet8": lambda: keras(4000),
    }[name]
    kept({"reference": name, "images_per_second": round(measure(), 1)})


def shown() -> None:
    lines = [json.loads(line) for line in LOG.read_text().splitlines()]
    rows = []
    for recipe, where in dict.fromkeys((line["recipe"], line["machine"]) for line in lines if "recipe" in line):
        there = [line for line in lines if line["machine"] == where]
        runs = list(
            {line["seed"]: line for line in there if line.get("recipe") == recipe}.values()
        )  # the latest of each
        accuracies = [run["test_accuracy"] for run in runs]
        quiet = [run for run in runs if run["load"] <= QUIET]
        seconds = [run["training_seconds"] for run in quiet]
        spread = f" ± {stdev(accuracies):.4f}" if len(runs) > 1 else ""
        name, images = REFERENCES.get(recipe, ("", 0))
        rates = [line["images_per_second"] for line in there if line.get("reference") == name]
        source = f"{images / mean(rates):,.0f} s" if rates and images else ""
        ratio = f"{images / mean(rates) / mean(seconds):.0f}" if source and seconds else ""
        rows.append(
            [
                f"`{recipe}`",
                where,
                str(len(runs)),
                f"{mean(accuracies):.4f}{spread} ({min(accuracies):.4f} to {max(accuracies):.4f})",
                f"{mean(seconds):,.1f}" if seconds else "",
                f"{mean(run['whole_seconds'] for run in quiet):,.0f}" if quiet else "",
                source,
                ratio,
            ]
        )
    heads = (
        "recipe",
        "machine",
        "seeds",
        "test accuracy, mean ± deviation",
        "training, s",
        "whole command, s",
        "its source's training",
        "times faster",
    )
    print(
        "# Time to the result\n\n`python benchmarks/fast.py`; each run and each reference is a line of [fast.jsonl](fast.jsonl).\n"
    )
    print(table(heads, rows))
    print("No time is given where all runs had other work beside them: one thread, and a load above 2.5.")


def main() -> None:
    if not sys.argv[1:]:
        shown()
    elif sys.argv[1] == "reference":
        reference(sys.argv[2])
    else:
        settings = [word for word in sys.argv[2:] if "=" in word]
        for seed in (word for word in sys.argv[2:] if "=" not in word):
            train(sys.argv[1], int(seed), settings)


if __name__ == "__main__":
    main()
