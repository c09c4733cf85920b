"""Pictures of a run's figures: learning curves and the confusion matrix. Matplotlib, without its global state."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alexlab.lettering import lettered
from alexlab.showing import label

TRAIN, WATCHED, INK, GRID = "#2a6f97", "#d1495b", "#222222", "#dddddd"


def png(figure: Figure) -> bytes:
    """Return the picture as a PNG file."""
    buffer = io.BytesIO()
    with lettered(figure):
        figure.savefig(buffer, format="png", dpi=120, facecolor="white")
    return buffer.getvalue()


def curves(metrics: list[dict[str, Any]], watch: str) -> Figure:
    """Loss and accuracy over the epochs: of training at every fifth of an epoch, of the watched images at its end."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    points = [line for line in metrics if line["kind"] == "point"]
    epochs = [line for line in metrics if line["kind"] == "epoch"]
    for axes, key in ((loss_axes, "loss"), (accuracy_axes, "accuracy")):
        axes.plot([p["epoch"] for p in points], [p[key] for p in points], color=TRAIN, lw=1.6, label=f"training {key}")
        axes.plot(
            [e["epoch"] for e in epochs],
            [e[f"{watch}_{key}"] for e in epochs],
            color=WATCHED,
            lw=1.6,
            ls="--",
            marker="o",
            ms=4,
            label=f"{watch} {key}",
        )
        axes.set_xlabel("epoch")
        axes.set_title(key, loc="left", color=INK)
        _plain(axes)
        axes.legend(frameon=False)
    loss_axes.set_ylim(bottom=0)
    if epochs:
        last = epochs[-1]
        value = last[f"{watch}_accuracy"]
        accuracy_axes.annotate(
            f"{value:.4f}", (last["epoch"], value), textcoords="offset points", xytext=(0, 7), ha="right", color=WATCHED
        )
    return figure


def _plain(axes: Axes) -> None:
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


MOST_NUMBERED = 20
MOST_NAMED = 40
TITLE = 60  # letters of one


def confusion(confusion_TP: np.ndarray, classes: tuple[str, ...], title: str) -> Figure:
    """Images by true class (rows) and predicted class (columns); the colour is the share of the row."""
    k = len(classes)
    side = float(np.clip(0.5 * k + 2, 4, 12))
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    rows = confusion_TP.sum(axis=1, keepdims=True)
    share = confusion_TP / np.maximum(rows, 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(label(title, TITLE), loc="left", fontsize=10, color=INK)
    if k > MOST_NAMED:
        axes.set_xlabel(f"predicted: {k:,} classes by their numbers, in the order of the report's table")
    else:
        names = [label(name) for name in classes]
        axes.set_xticks(range(k), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(k), names, fontsize=8)
    if k <= MOST_NUMBERED:
        for i in range(k):
            for j in range(k):
                if confusion_TP[i, j]:
                    colour = "white" if share[i, j] > 0.5 else INK
                    axes.text(j, i, str(confusion_TP[i, j]), ha="center", va="center", color=colour, fontsize=8)
    return figure
