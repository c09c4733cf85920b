"""describe, compare and diagram from the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from alexlab.cli import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Alexlab = Callable[..., Done]

NETWORKS = """
import torch
from torch import nn

class Fits(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 6 * 6, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1)), x

class NeedsWidth(nn.Module):
    def __init__(self, width, classes):
        super().__init__()

class Decides(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.scale = float(torch.ones(1))

    def forward(self, x):
        x = self.fc(x)
        return x if x.sum() > 0 else -x
"""


@pytest.fixture
def alexlab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Alexlab:
    """The command line, in this process: torch takes seconds to import."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["alexlab", *arguments])
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


def test_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-W", "error", "-m", "alexlab", "describe", "lenet5", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["totals"]["multiply_adds"] == 416_520


@pytest.fixture
def own() -> str:
    Path("own.py").write_text(NETWORKS)
    return "own.py"


def test_forms(alexlab: Alexlab) -> None:
    assert "11*11*1*96 + 96 = 11,712" in alexlab("describe", "alexnet-textbook").stdout
    data = json.loads(alexlab("describe", "lenet5", "--json", "--batch", "8").stdout)
    assert (data["batch"], data["totals"]["parameters"]) == (8, 61_706)
    assert alexlab("describe", "lenet5", "--csv").stdout.startswith("name,kind,role")
    assert alexlab("describe", "lenet5", "--html").stdout.startswith("<!doctype html>")
    assert alexlab("describe", "lenet5", "--markdown").stdout.startswith("# lenet5: input 1x28x28, gives 10")


def test_own_network(alexlab: Alexlab, own: str) -> None:
    done = alexlab("describe", f"{own}:Fits", "--input", "3x8x8")
    assert done.returncode == 0 and "a tuple of 2: 2; 3x8x8" in done.stdout
    decided = alexlab("describe", f"{own}:Decides", "--input", "3")
    assert decided.returncode == 0 and "looks at the values" in " ".join(decided.stdout.split())


def test_shapes_that_do_not_fit(alexlab: Alexlab, own: str) -> None:
    done = alexlab("describe", f"{own}:Fits", "--input", "3x10x10")
    assert done.returncode == 2
    assert "does not fit" in done.stdout and "floor((10 - 3 + 2*0)/1) + 1 = 8" in done.stdout
    assert "in_features should be 256, for 4 x 8 x 8" in done.stderr
    assert "with 3 channels: 8x8" in done.stderr
    as_json = alexlab("describe", f"{own}:Fits", "--input", "3x10x10", "--json")
    assert json.loads(as_json.stdout)["failure"]["expected"] == "in_features = 144"


def test_a_run(alexlab: Alexlab) -> None:
    Path("run").mkdir()
    Path("run/recipe.toml").write_text('network = "lenet5"\nclasses = 5\ninput = [3, 32, 32]\n')
    data = json.loads(alexlab("describe", "run", "--json").stdout)
    assert (data["inputs"], data["outputs"], data["source"]) == ([[3, 32, 32]], "5", "the run run")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("describe", "lenet"), "did you mean"),
        (("describe", "lenet5", "--input", "3x2x"), "such as 3x224x224"),
        (("describe", "lenet5", "--input", "9" * 5000), "expected sizes of 1 to 999,999,999"),
        (("check", "lenet5", "--input", f"1x{'9' * 5000}x3"), "expected channels x height x width"),
        (("check", "lenet5", "--input", "1x100000000x100000000"), "does not fit into memory"),
        (("describe", "lenet5", "--input", "1x999999999x999999999"), "does not fit into memory"),
        (("describe", "own.py:NeedsWidth"), "needs the arguments width, classes"),
        (("describe", "missing.py:Net"), "no such file"),
        (("describe", "broken.py:Net"), "importing broken.py failed with NameError"),
        (("describe", "."), "no recipe.toml"),
        (("compare", "lenet5"), "expected two or more"),
        (("diagram", "lenet5", "-o", "a.gif"), "expected .svg, .png or .pdf"),
        (("diagram", "--activations", "-o", "none/a.svg"), "does not exist"),
        (("diagram", "-o", "a.svg"), "expected one or more networks"),
        (("diagram", "lenet5", "--activations", "-o", "a.svg"), "expected one or more networks"),
    ],
)
def test_mistakes_are_one_error(alexlab: Alexlab, own: str, arguments: tuple[str, ...], says: str) -> None:
    Path("broken.py").write_text("undefined_name\n")
    done = alexlab(*arguments)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr
    assert not Path("a.gif").exists() and not Path("a.svg").exists()


def test_compare_and_drawings(alexlab: Alexlab) -> None:
    assert "7 x ReLU" in alexlab("compare", "lenet5", "alexnet-textbook").stdout
    assert json.loads(alexlab("compare", "lenet5", "mlp", "--json").stdout)["networks"] == ["lenet5", "mlp"]
    assert alexlab("compare", "lenet5", "mlp", "--csv").stdout.startswith(",,lenet5,mlp")
    assert alexlab("diagram", "lenet5", "mlp", "-o", "both.png", "--dark").stdout == "wrote both.png\n"
    assert alexlab("diagram", "--activations", "-o", "curves.svg").returncode == 0
    assert Path("both.png").stat().st_size > 10_000 and "<svg" in Path("curves.svg").read_text()
