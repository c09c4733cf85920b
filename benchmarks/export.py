"""Exported files beside their runs: how far they agree, what int8 costs, and how soon a cold process answers.

    python benchmarks/export.py [--parts agreement catalogue cold] > benchmarks/export.md

Agreement: runs that are trained for it, each held against its ONNX file, its program of torch.export and its file in int8. Catalogue: every
network with weights by He's rule, whose answers are far apart, on photographs and the same cut to odd sizes. Cold: whole processes of
`alexlab predict` on one image, with the run and with the file in turn. ALEXLAB_DATA names the folder of MNIST, flowers.tar.gz and
imagenette-sample.tar.gz.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import alexlab
from alexlab.data.input.transform import Transform
from alexlab.errors import UserError
from alexlab.export.agreement import agreement
from alexlab.export.exporting import ENDINGS, export
from alexlab.export.onnx_file import pixels_of, session
from alexlab.export.program import program
from alexlab.export.to_onnx import onnx_file
from alexlab.inference.answer import Source
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS, Network
from alexlab.recipes.schema import Recipe
from alexlab.runs.published import run_from_weights
from measuring import heading

ROUNDS = 5
PHOTOS = 24
SMALL: dict[str, Any] = {
    "input": [3, 48, 48],
    "store": 56,
    "fit": "crop",
    "epochs": 6,
    "rate": 0.02,
    "momentum": 0.9,
    "batch": 32,
}
TRAINED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("lenet-relu", "mnist", {"epochs": 1, "rate": 0.05, "batch": 64}),
    ("lenet-relu", "folder:flowers.tar.gz", SMALL),
    ("lenet-relu", "folder:imagenette-sample.tar.gz", {**SMALL, "view": "centre", "mean": "image", "std": [0.25]}),
)


def trained(network: str, dataset: str, how: dict[str, Any], out: Path) -> alexlab.Run:
    """A run, whose data is below ALEXLAB_DATA."""
    kind, _, name = dataset.rpartition(":")
    where = f"{kind}:{Path(os.environ['ALEXLAB_DATA']) / name}" if kind else dataset
    return alexlab.train(network, where, out=out, device="cpu", **how)


def row(name: str, what: str, run: alexlab.Run, out: Path, **how: Any) -> str:
    """A line of a table: one export, held against its run."""
    try:
        began = time.process_time()
        made = export(run, out, **how)
    except UserError as error:
        return f"| {name} | {what} | | | | {error} |"
    found = made.agreement
    cost = "{:.4f} to {:.4f}".format(*found.accuracies) if found.accuracies else ""
    size, seconds = made.bytes / 1e6, time.process_time() - began
    return (
        f"| {name} | {what} | {found.images:,} | {found.same / found.images:.2%} | {found.largest:.1e} | {cost} | "
        f"{size:.1f} MB | {seconds:.0f} s |"
    )


HEAD = "| run | written as | images | same class | largest difference | top-1 | size | processor time |\n|---|---|---|---|---|---|---|---|"


def trained_runs(folder: Path) -> None:
    """Print the table of trained runs."""
    print(f"\n## Agreement\n\n{HEAD}")
    for number, (network, dataset, how) in enumerate(TRAINED):
        run = trained(network, dataset, how, folder / f"run{number}")
        said = ", ".join(str(how[key]) for key in ("fit", "view", "mean") if key in how)
        name = f"{network}, {dataset.rpartition(':')[2].partition('.')[0]}" + (f" ({said})" if said else "")
        for what, settings in (
            ("ONNX", {}),
            ("torch.export", {"format": "torch"}),
            ("ONNX, int8", {"precision": "int8"}),
        ):
            ending = ENDINGS[settings.get("format", "onnx")]
            print(row(name, what, run, folder / f"{number}{ending}", **settings), flush=True)


def photographs(folder: Path) -> list[Path]:
    """Photographs, each the second cut to another size."""
    folder.mkdir()
    random = np.random.default_rng(0)
    made = []
    with tarfile.open(Path(os.environ["ALEXLAB_DATA"]) / "imagenette-sample.tar.gz") as archive:
        members = sorted(
            (e for e in archive.getmembers() if e.isfile() and "/val/" in e.name), key=lambda each: each.name
        )
        for number, member in enumerate(members[:: len(members) // PHOTOS]):
            content = archive.extractfile(member)
            assert content
            picture: Image.Image = Image.open(content)
            if number % 2:
                width, height = random.integers(60, 224, 2).tolist()
                picture = picture.crop((0, 0, width, height))
            made.append(folder / Path(member.name).name)
            picture.save(made[-1], quality=95)
    return made


def catalogue(photos: list[Path]) -> None:
    """Print the table of all networks."""
    print("\n## Every network of the catalogue\n")
    print(
        "| network | images | same class | largest difference | probability of the first class, median |\n|---|---|---|---|---|"
    )
    for entry in NETWORKS:
        print(of_catalogue(entry, photos), flush=True)


def of_catalogue(entry: Network, photos: list[Path]) -> str:
    """A line of the table: one network."""
    torch.manual_seed(0)
    network = build(entry.name, 10, None, "he").eval()
    channels, height, width = entry.input
    ready = Transform((channels, height * 8 // 7, width * 8 // 7), entry.fit, entry.input, mean=(0.45,), std=(0.25,))
    run = cast(
        alexlab.Run, SimpleNamespace(network=lambda: network, transform=ready, recipe=Recipe(network=entry.name))
    )
    asked = session(onnx_file(run, program(run), {"begins": "pixels"}), entry.name)
    firsts: list[float] = []

    def answer(source: Source, name: str) -> NDArray[np.float32]:
        found: NDArray[np.float32] = asked.run(None, {"pixels": pixels_of(source, name, None)[None]})[0][0]
        firsts.append(float(found.max()))
        return found

    images = ((str(path), path.read_bytes()) for path in photos)
    found = agreement(run, answer, images, "photographs", lambda done: None)
    same = found.same / found.images
    return f"| {entry.name} | {found.images} | {same:.2%} | {found.largest:.1e} | {statistics.median(firsts):.2f} |"


def cold(folder: Path, photo: Path) -> None:
    """Print how long whole processes take, with the run and with the file in turn."""
    alexlab.train("lenet-relu", "digits", out=folder / "lenet-relu", device="cpu", epochs=1)
    torch.save(build("alexnet-torchvision").state_dict(), folder / "alexnet.pth")
    run_from_weights(folder / "alexnet.pth", folder / "alexnet-torchvision")
    for name in ("lenet-relu", "alexnet-torchvision"):
        export(alexlab.Run(folder / name), folder / f"{name}.onnx", on=photo)
    print(
        "\n## A cold process\n\n| network | with | wall, median | range | processor time, median |\n|---|---|---|---|---|"
    )
    for name in ("lenet-relu", "alexnet-torchvision"):
        times: dict[str, list[tuple[float, float]]] = {"run": [], "file": []}
        for _ in range(ROUNDS):
            for what, path in (("run", folder / name), ("file", folder / f"{name}.onnx")):
                before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "alexlab", "predict", path, photo], check=True, capture_output=True
                )
                wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
                times[what].append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        for what, found in times.items():
            walls, processor = zip(*found, strict=True)
            print(
                f"| {name} | the {what} | {statistics.median(walls):.2f} s | {min(walls):.2f} to {max(walls):.2f} | "
                f"{statistics.median(processor):.2f} s |",
                flush=True,
            )


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", nargs="+", default=["agreement", "catalogue", "cold"])
    parts = parser.parse_args().parts
    command = "python benchmarks/export.py" + ("" if len(parts) == 3 else f" --parts {' '.join(parts)}")
    print(heading("Exported files", command))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if "agreement" in parts:
            trained_runs(folder)
        photos = photographs(folder / "photographs")
        if "catalogue" in parts:
            catalogue(photos)
        if "cold" in parts:
            cold(folder, photos[0])


if __name__ == "__main__":
    main()
