"""Training streams from disk: peak memory of a training whose images do not fit into the bound that it was given.

    ALEXLAB_DATA=... python benchmarks/streaming.py > benchmarks/streaming.md

Folders of 2,000 to 40,000 JPEG photographs of 224x224 (imagenette-sample, its files linked again and again under other names), trained on
by alexnet8 for some updates with --memory 0.125, which holds 890 of them. Each run is a process; its peak is what the system says.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from alexlab.data.images import FileImages
from alexlab.data.opening import open_dataset
from measuring import heading, table

SIZES = (2_000, 10_000, 40_000)
BOUND = 0.125  # GiB
IMAGE = 3 * 224 * 224


def folder_of(images: int, source: Path, into: Path) -> None:
    """`images` files in folders of classes, hard links to those of `source`."""
    files = sorted(source.rglob("*.JPEG"))
    for i in range(images):
        file = files[i % len(files)]
        (into / file.parent.name).mkdir(parents=True, exist_ok=True)
        os.link(file, into / file.parent.name / f"{i:07}.JPEG")


def peak(folder: Path, out: Path) -> float:
    """Peak memory of a training, in MB."""
    command = [
        sys.executable,
        "-m",
        "alexlab",
        "train",
        "alexnet8",
        f"folder:{folder}",
        "--set",
        "store=224",
        "--set",
        "fit=crop",
    ]
    command += ["--memory", str(BOUND), "--steps", "40", "--set", "batch=64", "--out", str(out), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_maxrss / 1e3


def main() -> None:
    print(heading("Memory of a training that streams", "python benchmarks/streaming.py"))
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        train = open_dataset("folder:imagenette-sample").train
        assert isinstance(train.images, FileImages)
        for i, name in enumerate(train.images.names):
            path = root / "source" / Path(name).parent.name / f"{i:07}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(train.images.files.read(name))
        for images in SIZES:
            folder_of(images, root / "source", root / str(images))
            megabytes = peak(root / str(images), root / f"run-{images}")
            rows.append(
                [
                    f"{images:,}",
                    f"{images * IMAGE / 1e6:,.0f} MB",
                    f"{BOUND * 2**30 / 1e6:.0f} MB",
                    f"{megabytes:,.0f} MB",
                ]
            )
    print(table(("images", "decoded they would take", "bound for decoded images", "peak of the whole process"), rows))


if __name__ == "__main__":
    main()
