"""Training streams from disk: memory does not grow with the number of images."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexlab.data.shards.packing import pack
from tests.data.serving import serving

IMAGE = 3 * 128 * 128  # bytes, decoded


def peak(dataset: str, out: Path) -> float:
    """Peak memory in bytes of a training on a dataset, of whose images memory may hold a hundred."""
    command = [
        sys.executable,
        "-m",
        "alexlab",
        "train",
        "alexnet8",
        dataset,
        "--set",
        "store=128",
        "--steps",
        "3",
    ]
    command += ["--set", "batch=16", "--memory", str(100 * IMAGE / 2**30), "--device", "cpu", "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ALEXLAB_CACHE": "0"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return usage.ru_maxrss * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="what the system calls peak memory differs")
@pytest.mark.parametrize("where", ["folder", pytest.param("server", marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_images(tmp_path: Path, where: str) -> None:
    """Six thousand images more are 295 MB decoded; a quarter of that is allowed for names, labels and noise."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for i in range(100):
            pixels = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((128, 128)).save(tmp_path / "few" / name / f"{i:04}.jpg")
        (tmp_path / "many" / name).mkdir(parents=True)
        for i in range(3100):
            os.link(tmp_path / "few" / name / f"{i % 100:04}.jpg", tmp_path / "many" / name / f"{i:04}.jpg")
    few, many = (_peak(tmp_path / which, where) for which in ("few", "many"))
    assert many - few < 6000 * IMAGE / 4


def _peak(folder: Path, where: str) -> float:
    """From the folder, or from shards of it that a server has."""
    out = folder.with_name(f"run-{folder.name}")
    if where == "folder":
        return peak(f"folder:{folder}", out)
    pack(f"folder:{folder}", folder.with_name(f"packed-{folder.name}"), megabytes=1, processes=1)
    with serving(folder.with_name(f"packed-{folder.name}")) as served:
        return peak(served.address, out)
