"""The commands as a person runs them: in processes of their own, on real input and on bad input."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexlab import Run
from tests.conftest import write_photographs

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_help_is_quick_and_imports_no_torch() -> None:
    """Which modules are loaded says why it is quick; the time itself is in benchmarks/."""
    code = "import sys, alexlab.cli as c\ntry: c.alexlab(['--help'])\nexcept SystemExit: pass\nprint(sorted(sys.modules), file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("networks", "datasets", "recipes", "train", "evaluate", "predict"):
        assert command in found.stdout
    for heavy in ("torch", "numpy", "pydantic", "matplotlib", "rich"):
        assert f"'{heavy}'" not in found.stderr


def test_the_three_lists(alexlab: Command) -> None:
    networks = json.loads(alexlab("networks", "--json").stdout)
    by_name = {network["name"]: network for network in networks}
    assert by_name["lenet5"]["parameters"] == 61_706 and by_name["alexnet8"]["input"] == [3, 32, 32]
    datasets = json.loads(alexlab("datasets", "--json").stdout)
    assert {"digits", "mnist", "fashion-mnist", "cifar10"} <= {dataset["name"] for dataset in datasets}
    assert next(d for d in datasets if d["name"] == "digits")["found"]
    recipes = json.loads(alexlab("recipes", "--json").stdout)
    assert {"quick", "textbook-alexnet"} <= {recipe["name"] for recipe in recipes}
    assert "61,706" in alexlab("networks").stdout
    assert "fashion-mnist" in alexlab("datasets").stdout and "textbook-lenet" in alexlab("recipes").stdout


def test_a_recipe_shown_is_a_recipe_to_start_from(alexlab: Command) -> None:
    Path("mine.toml").write_text(alexlab("recipes", "show", "quick").stdout)
    found = alexlab("train", "lenet5", "digits", "--recipe", "mine.toml", "--steps", "3", "--json")
    assert json.loads(found.stdout)["steps"] == 3


def test_a_recipe_names_the_network_and_the_user_the_dataset(alexlab: Command) -> None:
    found = alexlab(
        "train", "--recipe", "digits", "--set", "dataset=digits", "--set", "network=lenet5", "--steps", "2", "--json"
    )
    assert json.loads(found.stdout)["steps"] == 2


def test_the_classes_that_the_dataset_must_have(alexlab: Command) -> None:
    how = ("train", "lenet5", "digits", "--steps", "2", "--out", "run", "--json", "--classes")
    refused = alexlab(*how, "12")
    assert refused.returncode == 2 and "says 12 classes, but Digits 8x8 has 10" in refused.stderr
    assert not Path("run").exists()
    assert json.loads(alexlab(*how, "10").stdout)["steps"] == 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run made by the command line."""
    folder = tmp_path_factory.mktemp("cli")
    write_photographs(folder / "photos", each=20)
    options = ["--set", "input=[3,16,16]", "--set", "batch=8", "--epochs", "12", "--device", "cpu", "--out", "run"]
    done = subprocess.run(
        [sys.executable, "-m", "alexlab", "train", "lenet-relu", "folder:photos", *options, "--json"],
        cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["run"] == "run" and result["state"] == "finished" and result["images_per_second"] > 0
    assert result["seconds"] > 0 and 0 <= result["best"] <= 1 and result["steps"] == 12 * 4
    assert "epoch 12: training loss" in done.stderr
    return folder


def test_evaluate(alexlab: Command, trained: Path) -> None:
    found = json.loads(alexlab("evaluate", "run", "--json", cwd=trained).stdout)
    assert found["images"] == 8 and {"top1", "top5", "loss", "confusion", "classes"} <= set(found)
    table = alexlab("evaluate", "run", cwd=trained).stdout
    assert "top-1" in table and "precision" in table and "blue" in table
    other = json.loads(alexlab("evaluate", "run", "--on", "photos", "--json", cwd=trained).stdout)
    assert other["images"] == 12 and other["notes"][0].startswith(
        "28 of 40 images left out: the run was trained on them"
    )
    whole = ("evaluate", "run", "--on", "photos", "--with-trained", "--json")
    assert json.loads(alexlab(*whole, cwd=trained).stdout)["images"] == 40


def test_predict_files_folders_and_standard_input(alexlab: Command, trained: Path) -> None:
    found = alexlab("predict", "run", "photos/red/0.png", "photos/blue", "--json", cwd=trained)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.returncode == 0 and len(lines) == 21 and lines[0]["path"] == "photos/red/0.png"
    assert set(lines[0]["top"][0]) == {"class", "probability"}
    assert sum(each["probability"] for each in lines[0]["top"]) == pytest.approx(1, abs=1e-4)
    rows = list(csv.DictReader(io.StringIO(alexlab("predict", "run", "photos/red/1.png", "--csv", cwd=trained).stdout)))
    assert [row["rank"] for row in rows] == ["1", "2"] and rows[0]["path"] == "photos/red/1.png"
    piped = subprocess.run(
        [sys.executable, "-m", "alexlab", "predict", "run", "-", "--json"],
        input=(trained / "photos/red/0.png").read_bytes(), cwd=trained, capture_output=True, check=True,
    )  # fmt: skip
    said = json.loads(piped.stdout)
    assert said["path"] == "-"
    for one, other in zip(said["top"], lines[0]["top"], strict=True):
        assert one["class"] == other["class"] and one["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert "photos/red/0.png" in alexlab("predict", "run", "photos/red/0.png", cwd=trained).stdout


def test_an_unreadable_image_is_reported_and_the_others_are_answered(alexlab: Command, trained: Path) -> None:
    (trained / "text.jpg").write_text("not an image")
    found = alexlab("predict", "run", "text.jpg", "photos/red/0.png", "gone.png", "--json", cwd=trained)
    first, second, third = (json.loads(line) for line in found.stdout.splitlines())
    assert found.returncode == 1 and "top" in second
    assert "text.jpg: not an image" in first["error"] and "gone.png: cannot be read" in third["error"]
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trian",), "unknown command 'trian': did you mean 'train'"),
        (("train", "lenet5"), "names no dataset"),
        (("train", "lenet-5", "digits"), "did you mean 'lenet5'"),
        (("train", "lenet5", "digit"), "did you mean 'digits'"),
        (("train", "lenet5", "digits", "--recipe", "qick"), "did you mean 'quick'"),
        (("train", "lenet5", "digits", "--set", "rat=1"), "did you mean 'rate'"),
        (("train", "lenet5", "digits", "--set", "rate"), "expected key=value"),
        (("train", "lenet5", "digits", "--set", "lr"), "such as --set lr=0.05"),
        (("train", "lenet5", "digits", "--set", "batch_size=4"), "did you mean 'batch'"),
        (("train", "lenet5", "digits", "--set", "augment=rotate"), "did you mean 'turn' (turned by up to 15 degrees"),
        (("train", "lenet5", "digits", "--device", "gpu"), "unknown device 'gpu'"),
        (("train", "lenet5", "folder:nowhere"), "folder:nowhere was not found"),
        (("train", "alexnet-textbook", "digits", "--set", "input=40"), "65x65 and larger work"),
        (("train", "--resume", "nowhere"), "nowhere: no such folder"),
        (("evaluate", "nowhere"), "nowhere: no such folder"),
        (("predict", "nowhere", "x.png"), "nowhere: no such folder"),
        (("datasets", "show", "digit"), "did you mean 'digits'"),
        (("recipes", "show", "qick"), "did you mean 'quick'"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(alexlab: Command, arguments: tuple[str, ...], says: str) -> None:
    found = alexlab(*arguments)
    assert found.returncode == 2 and says in found.stderr
    assert "Traceback" not in found.stderr and found.stdout == ""
    assert [p.name for p in Path.cwd().iterdir() if p.name != "cache"] == []


def test_a_bad_image_in_the_training_folder(alexlab: Command) -> None:
    folder = write_photographs(Path("photos"), each=10)
    (folder / "red" / "3.png").write_text("text")
    found = alexlab("train", "lenet5", "folder:photos")
    assert found.returncode == 2 and "photos/red/3.png: not an image" in found.stderr and not Path("runs").exists()


def test_contact_sheet(alexlab: Command) -> None:
    found = alexlab("datasets", "show", "digits", "--network", "lenet5")
    assert found.returncode == 0 and found.stdout.strip() == "digits.png"
    with Image.open("digits.png") as sheet:
        assert sheet.height > 1000 and len(np.unique(np.asarray(sheet.convert("L")))) > 50
    again = alexlab("datasets", "show", "digits")
    assert again.returncode == 2 and "exists already" in again.stderr


SIGNALLED = """
import os
from torch import nn

class Signalled(nn.Module):
    calls = 0

    def forward(self, images):
        Signalled.calls += self.training
        if Signalled.calls == 100 and "SIGNAL" in os.environ:  # in the second epoch of three
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        return images

def net(classes, input):
    return nn.Sequential(Signalled(), nn.Flatten(), nn.Linear(input[1] * input[2], classes))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_the_run_goes_on_to_the_same_weights(alexlab: Command, number: signal.Signals) -> None:
    Path("signalled.py").write_text(SIGNALLED)
    how = ["train", "signalled.py:net", "digits", "--epochs", "3", "--set", "batch=25", "--device", "cpu"]
    stopped = alexlab(*how, "--out", "stopped", SIGNAL=str(int(number)))
    assert stopped.returncode == 130 and "carry on: alexlab train --resume stopped" in stopped.stdout
    assert json.loads(Path("stopped/result.json").read_text())["state"] == "interrupted"
    assert alexlab("train", "--resume", "stopped", "--device", "cpu").returncode == 0
    assert alexlab(*how, "--out", "whole").returncode == 0
    for name in ("best.safetensors", "last.safetensors", "metrics.jsonl", "evaluation.json"):
        assert Path("stopped", name).read_bytes() == Path("whole", name).read_bytes()


def test_what_is_nearly_right_is_taken(alexlab: Command) -> None:
    """A folder without a word before it, --lr, --batch and one augmentation; the run is called after the folder's last part."""
    write_photographs(Path("my", "flowers"), each=10)
    how = (
        "--lr",
        "0.25",
        "--batch",
        "8",
        "--set",
        "augment=turn",
        "--set",
        "input=[3,16,16]",
        "--steps",
        "1",
        "--device",
        "cpu",
    )
    done = alexlab("train", "lenet-relu", "my/flowers", *how)
    assert done.returncode == 0, done.stderr
    run = Run("runs/lenet-relu-flowers-1")
    assert (run.recipe.rate, run.recipe.batch, run.recipe.augment) == (0.25, 8, ("turn",))
    assert run.recipe.dataset == "folder:my/flowers"
    found = alexlab(
        "predict", str(run.folder), "my/flowers/red/0.png", "--json", "--device", "cpu"
    )  # stopped in its first epoch
    assert found.returncode == 0 and '"red"' in found.stdout and '"blue"' in found.stdout
