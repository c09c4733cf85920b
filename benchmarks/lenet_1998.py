"""LeNet-5 of 1998 trained as its paper says, a run for each seed: errors by pass beside the paper's, as a table and a picture.

    python benchmarks/lenet_1998.py run FOLDER SEED...    # trains what is not there yet, and adds it to lenet_1998.json
    python benchmarks/lenet_1998.py write                 # makes lenet_1998.md and docs/images/lenet-1998-curve.png of lenet_1998.json

The training error of a pass is that of its own images, each before its own update; the last one is measured anew on all of them.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import alexlab
from alexlab.data.input.store import Store
from alexlab.inference.evaluation import log_probabilities
from alexlab.runs.run import Run
from alexlab.speed.device import choose_device

HERE = Path(__file__).parent
KEPT = HERE / "lenet_1998.json"
PICTURE = HERE.parent / "docs" / "images" / "lenet-1998-curve.png"
PAPER = {"test": 0.95, "training": 0.35}  # per cent: section III B


def run(folder: Path, seeds: list[int]) -> None:
    """Train each of `seeds` in `folder` unless it is there, and keep its figures."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for seed in seeds:
        out = folder / f"run-{seed}"
        made = alexlab.train(recipe="lenet-1998", out=out, device="cpu", seed=seed, carry_on=True)
        kept[str(seed)] = figures(made)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def figures(made: Run) -> dict[str, Any]:
    """Return a finished run's errors in per cent."""
    epochs = made.metrics("epoch")
    train = made.dataset().train
    store = Store(train, made.transform, budget=0, disk=0)
    device = choose_device("cpu")
    said_NK = log_probabilities(made.network(device), store, made.transform, device).numpy()
    return {
        "test": [round(100 * (1 - line["test_accuracy"]), 4) for line in epochs],
        "training_as_learnt": [round(100 * (1 - line["accuracy"]), 4) for line in epochs],
        "training": round(100 * float((said_NK.argmax(axis=1) != np.asarray(train.labels)).mean()), 4),
        "seconds": round(made.result["seconds"]),
    }


def write() -> None:
    """Make the table and the picture."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    test = [each["test"][-1] for each in kept.values()]
    training = [each["training"] for each in kept.values()]
    rows = [
        f"| {s} | {e['test'][-1]:.2f} | {min(e['test']):.2f} | {e['training']:.2f} | {e['seconds']} |"
        for s, e in kept.items()
    ]
    text = f"""# LeNet-5 of 1998

`alexlab train --recipe lenet-1998 --set seed=N`, then `python benchmarks/lenet_1998.py run FOLDER N...` and `write`. All of MNIST,
20 passes, one thread of a 2-core AMD EPYC that other programs shared, 2026-11-30; errors in per cent, after the last pass
unless said otherwise.
Nothing was chosen by them.

| seed | test | lowest of all passes | training | seconds |
|---|---|---|---|---|
{chr(10).join(rows)}
| mean | {_spread(test)} | | {_spread(training)} | |
| paper | {PAPER["test"]} ± 0.1 | | {PAPER["training"]} | |

![Errors by pass](../docs/images/{PICTURE.name})
"""
    (HERE / "lenet_1998.md").write_text(text, encoding="utf-8")
    draw(kept)


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def draw(kept: dict[str, Any]) -> None:
    """Draw errors by pass, as the paper's figure 5 does."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    passes = np.arange(1, 21)
    for key, name, colour in (
        ("test", "test", "#c0392b"),
        ("training_as_learnt", "training, while learning", "#2c6fa6"),
    ):
        lines = np.array([each[key] for each in kept.values()])
        axes.plot(passes, lines.mean(axis=0), color=colour, label=f"{name}, mean of {len(lines)} seeds")
        axes.fill_between(passes, lines.min(axis=0), lines.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    for (key, value), colour in zip(PAPER.items(), ("#c0392b", "#2c6fa6"), strict=True):
        axes.axhline(value, color=colour, linestyle=":", label=f"the paper's {key} error in the end, {value} %")
    axes.set(xlabel="pass over 60,000 images", ylabel="error, %", ylim=(0, 3), xlim=(1, 20), xticks=range(0, 21, 5))
    axes.set_title("lenet-1998 on MNIST")
    axes.legend(frameon=False)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", folder, *seeds]:
            run(Path(folder), [int(seed) for seed in seeds])
        case ["write"]:
            write()
        case _:
            sys.exit(__doc__)
