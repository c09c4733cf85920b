"""The same command, repeated with --continue, as a script does overnight."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from alexlab.writing import CHECKSUMS
from tests.faults.campaign import TINY


def test_the_same_command_again_and_again(alexlab: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    Path("tiny.py").write_text(TINY)
    command = [
        "train",
        "tiny.py:net",
        "digits",
        "--epochs",
        "2",
        "--set",
        "batch=200",
        "--device",
        "cpu",
        "--continue",
        "--json",
    ]
    states = []
    for more in (["--steps", "3"], [], []):
        found = alexlab(*command, "--out", "run", *more)
        assert found.returncode == 0 and "Traceback" not in found.stderr, found.stderr
        states.append(json.loads(found.stdout)["state"])
    assert states == ["stopped", "finished", "finished"]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", CHECKSUMS], cwd="run", check=True)
    refused = alexlab("train", "lenet5", "digits", "--continue", "--out", "run")
    assert refused.returncode == 2 and "holds a run of another recipe: network" in refused.stderr
    both = alexlab("train", "--resume", "run", "--continue")
    assert both.returncode == 2 and "--resume carries on with a run as it is" in both.stderr
