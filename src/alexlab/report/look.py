"""A look inside a trained network, as the paper looks into its own: filters (figure 3), first answers and alike images (figure 4).

Everything goes into one folder: a PNG for each picture, and look.html that holds them all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from alexlab.data.images import Split
from alexlab.data.input.decode import decode
from alexlab.data.input.given import read_content
from alexlab.data.input.store import Store
from alexlab.data.input.transform import batch_of
from alexlab.data.sources.ilsvrc import readable
from alexlab.errors import UserError
from alexlab.inference.ranking import NO_ANSWER, NO_CLASS, ranked
from alexlab.networks.answers import log_probabilities
from alexlab.report import drawings
from alexlab.report.figures import png
from alexlab.report.inside import answers, convolutions, first_filters, last_hidden, nearest
from alexlab.report.page import inline
from alexlab.runs.run import Run
from alexlab.showing import label
from alexlab.speed.device import choose_device, exact
from alexlab.templates import fill
from alexlab.writing import write_file

IMAGES, TOP, NEAREST = 8, 5, 6
MOST_TRAINING = 10_000  # training images among which the nearest are looked for
BATCH = 64


@dataclass(frozen=True)
class Section:
    """One picture of the page."""

    file: str
    title: str
    text: str
    data: bytes


def look(
    run: Run,
    images: Sequence[Path] = (),
    layers: Sequence[str] = (),
    out: Path | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
) -> Path:
    """Write the pictures and look.html into `out`, by default the folder `look` of the run; return the page.

    Args:
        images: pictures to show; by default eight of those that the run held out.
        layers: whose feature maps are drawn for the first picture; by default every convolution.

    Raises:
        UserError: an image cannot be read, a layer is unknown, or the run held out no images and none are given.
    """
    chosen = choose_device(device)
    network, ready = run.network(chosen), run.transform
    names = readable(run.classes)
    if images:
        pictures, truths = (
            [decode(read_content(path), str(path), ready.levels) for path in images],
            [None] * len(images),
        )
    else:
        if not run.was_trained:
            raise UserError(
                f"{run.folder}: made from weights, so it held out no images; name some: alexlab look {run.folder} IMAGE..."
            )
        split = run.held_out_images(data_dir)
        places = np.linspace(0, len(split) - 1, min(IMAGES, len(split))).round().astype(int)
        pictures = [split.images.picture(int(i)) for i in places]
        truths = [names[split.labels[i]] for i in places]
    stored = batch_of(np.stack([ready.stored(picture) for picture in pictures])).to(chosen)
    sections = []
    with exact():
        inputs = ready(stored)
        filters = first_filters(network, inputs.shape[1])
        if filters is not None:
            sections.append(_filters(filters))
        sections.append(_answers(network, inputs, pictures, truths, names))
        train = _training_images(run, data_dir, needed=not images)
        if train is not None:
            sections.append(_alike(run, network, inputs, pictures, truths, train, names, chosen))
        wanted = list(layers) or convolutions(network)
        for name, made in answers(network, wanted, inputs[:1]).items():
            sections.append(_maps(name, made[0]))
    folder = out or run.folder / "look"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for section in sections:
            write_file(folder / section.file, section.data)
        shown = [(section, inline(section.data)) for section in sections]
        page = fill("alexlab.report", "look.html", run=run, facts=run.facts, sections=shown)
        write_file(folder / "look.html", page.encode())
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error}).") from error
    return folder / "look.html"


def _training_images(run: Run, data_dir: Path | None, needed: bool) -> Split | None:
    """None where there are none to be had and none are `needed`: of the user's own pictures all the rest can be shown."""
    if not run.was_trained:
        return None
    try:
        return run.dataset(data_dir).train
    except UserError:
        if needed:
            raise
        return None


def _filters(filters: torch.Tensor) -> Section:
    count, _, height, width = filters.shape
    text = "Each filter is scaled by its own largest weight; mid grey is 0. Of two towers the first one's come first."
    sheet = drawings.filter_sheet(filters, f"{count} filters of {height}x{width}")
    return Section("filters.png", "The filters that read the image", text, png(sheet))


def _answers(
    network: torch.nn.Module,
    inputs: torch.Tensor,
    pictures: list[Image.Image],
    truths: Sequence[str | None],
    names: tuple[str, ...],
) -> Section:
    with torch.inference_mode():
        log_NK = log_probabilities(network, network(inputs).cpu().double()).numpy()
    first_NT = ranked(log_NK, TOP)
    if NO_CLASS in first_NT:
        raise UserError(NO_ANSWER)
    rows = [[(names[i], math.exp(log_K[i])) for i in first_T] for log_K, first_T in zip(log_NK, first_NT, strict=True)]
    text = "The most probable classes and their probabilities. The true class, where it is known, is above the bars and red among them."
    return Section("answers.png", "What it answers", text, png(drawings.answer_bars(pictures, rows, truths)))


def _alike(
    run: Run,
    network: torch.nn.Module,
    inputs: torch.Tensor,
    pictures: list[Image.Image],
    truths: Sequence[str | None],
    train: Split,
    names: tuple[str, ...],
    device: torch.device,
) -> Section:
    if len(train) > MOST_TRAINING:
        train = train.select(np.linspace(0, len(train) - 1, MOST_TRAINING).round().astype(np.int64))
    store = Store(train, run.transform, budget=0)

    def vectors() -> Iterator[torch.Tensor]:
        for images, _ in store.batches(np.arange(len(train)), BATCH):
            yield last_hidden(network, run.transform(images.to(device)))

    found = nearest(last_hidden(network, inputs), vectors(), NEAREST)
    rows = [
        [
            (train.images.picture(i), f"{label(names[train.labels[i]])}\n{distance:.1f}")
            for i, distance in zip(*pair, strict=True)
        ]
        for pair in zip(found.indices_QK.tolist(), found.distances_QK.tolist(), strict=True)
    ]
    text = (
        f"On the left the image, then the {NEAREST} of {len(train):,} training images whose vectors in the last hidden layer are nearest "
        "to its own, with the Euclidean distance."
    )
    drawn = drawings.alike(pictures, [label(truth or "") for truth in truths], rows)
    return Section("alike.png", "Training images that it finds alike", text, png(drawn))


def _maps(name: str, made: torch.Tensor) -> Section:
    maps = made if made.ndim == 3 else made.flatten()[:, None, None]
    shape = "x".join(map(str, made.shape))
    drawn = drawings.feature_maps(maps, f"{name}, {shape}")
    text = f"What {name} makes of the first image: {shape} values, on one scale."
    return Section(f"maps-{name}.png", f"Feature maps of {name}", text, png(drawn))
