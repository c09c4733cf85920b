"""A run keeps all the modules that its network is made of, and works when the user's are gone, or are others."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import alexlab
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.naming import own_code
from alexlab.runs.listing import damaged_files

BLOCK = """
from torch import nn
def block(width=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width))
"""
NET = """
import json, os, sys
from pathlib import Path
from torch import nn
{before}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {making}
        self.layers = block()
    def forward(self, x):
        {forward}
        return self.layers(x)
"""


def net(before: str = "", making: str = "pass", forward: str = "pass") -> str:
    return NET.format(before=before, making=making, forward=forward)


LAYOUTS = {
    "a file beside it": ("net.py:Net", {"net.py": net("from layers import block"), "layers.py": BLOCK}),
    "a package, relatively": (
        "nets/net.py:Net",
        {
            "nets/__init__.py": "from .net import Net",
            "nets/net.py": net("from .layers import block"),
            "nets/layers.py": BLOCK,
        },
    ),
    "no package, relatively": ("nets/net.py:Net", {"nets/net.py": net("from .b import block"), "nets/b.py": BLOCK}),
    "a package's file as a script": (
        "nets/net.py:Net",
        {"nets/__init__.py": "raise ValueError", "nets/net.py": net("from layers import block"), "nets/layers.py": BLOCK},
    ),
    "a package by its name": (
        "nets.deep.net:Net",
        {
            "nets/__init__.py": "",
            "nets/deep/__init__.py": "",
            "nets/deep/net.py": net("from nets.layers import block\nimport nets.layers as again"),
            "nets/layers.py": BLOCK,
        },
    ),
    "a package itself": (
        "nets:Net",
        {"nets/__init__.py": "from .net import Net", "nets/net.py": net("from .b import block"), "nets/b.py": BLOCK},
    ),
    "the project's folder": (
        "models/net.py:Net",
        {"models/net.py": net("import utils.blocks\nblock = utils.blocks.block"), "utils/blocks.py": BLOCK},
    ),
    "a folder put on Python's path": (
        "models/net.py:Net",
        {
            "models/net.py": net("sys.path.insert(0, str(Path(__file__).parent / '../lib'))\nfrom b import block"),
            "lib/b.py": BLOCK,
        },
    ),
    "imported when made": (
        "net.py:Net",
        {"net.py": net(making="global block; from layers import block"), "layers.py": BLOCK},
    ),
    "imported in forward": (
        "net.py:Net",
        {"net.py": net("from a import block", forward="import b; x = b.same(x)"), "a.py": BLOCK, "b.py": "def same(x): return x"},
    ),
    "imported by its name": (
        "net.py:Net",
        {"net.py": net("import importlib\nblock = importlib.import_module('layers').block"), "layers.py": BLOCK},
    ),
    "a name with dots, and one of Python's": (
        "net.v2.py:Net",
        {"net.v2.py": net("import random, types\nfrom torchvision_like import block"), "torchvision_like.py": BLOCK,
         "types.py": "raise ValueError", "random/x.py": ""},
    ),
    "a file that is read beside it": (
        "net.py:Net",
        {
            "net.py": net("from layers import block", "json.loads((Path(__file__).parent / 'sizes.json').read_text())"),
            "layers.py": BLOCK,
            "sizes.json": "[1]",
        },
    ),
}  # fmt: skip
HOW: dict[str, Any] = {"input": [1, 8, 8], "batch": 8, "device": "cpu", "out": "run", "seed": 1}


@pytest.fixture(autouse=True)
def pythons_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))


def written(files: dict[str, str]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)


def without_originals(files: dict[str, str]) -> None:
    for top in {Path(name).parts[0] for name in files}:
        shutil.rmtree(top) if Path(top).is_dir() else Path(top).unlink()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_works_when_the_modules_are_gone(layout: str) -> None:
    name, files = LAYOUTS[layout]
    written(files)
    alexlab.train(name, "digits", steps=1, epochs=0.02, **HOW)
    without_originals(files)
    assert alexlab.resume("run", device="cpu").result["state"] == "finished"
    run = alexlab.Run("run")
    final = run.final
    assert final is not None and run.evaluate(device="cpu").loss == final["loss"]
    assert damaged_files(run.folder) == [] and not list(run.folder.rglob("__pycache__"))
    kept = {path.relative_to("run/own").as_posix() for path in Path("run/own").rglob("*") if path.is_file()}
    assert run.facts["own"] in kept and {Path(each).name for each in kept} <= {Path(each).name for each in files}


def test_runs_in_one_process_have_modules_of_their_own() -> None:
    for width in (3, 5):
        Path(f"w{width}").mkdir()
        Path(f"w{width}/net.py").write_text(net("from layers import block", "self.width = __import__('layers').WIDTH"))
        Path(f"w{width}/layers.py").write_text(BLOCK + f"WIDTH = {width}")
    networks = [build(f"w{width}/net.py:Net", 10, (1, 8, 8)) for width in (3, 5, 3)]
    assert [network.width for network in networks] == [3, 5, 3]


def test_a_changed_module_is_not_the_runs() -> None:
    written(LAYOUTS["a file beside it"][1])
    run = alexlab.train("net.py:Net", "digits", epochs=0.01, **HOW)
    Path("layers.py").write_text("def block(): raise ValueError")
    assert isinstance(alexlab.Run(run.folder).network(), torch.nn.Module)
    with pytest.raises(UserError, match=r"ValueError \(layers.py, line 1\)"):
        build("net.py:Net", 10, (1, 8, 8))


def test_what_a_run_cannot_keep_is_said() -> None:
    Path("sizes.json").write_text("[1]")
    Path("net.py").write_text(net("from layers import block", "Path('sizes.json').read_text()"))
    Path("layers.py").write_text(BLOCK)
    run = alexlab.train("net.py:Net", "digits", epochs=0.01, **HOW)
    (said,) = [each for each in run.facts["doubts"] if "net.py" in each]
    assert "sizes.json, which the run does not keep" in said


def test_what_cannot_be_used_later_is_not_trained() -> None:
    Path("net.py").write_text(net("from layers import block", "assert Path(__file__).parent.name != 'own'"))
    Path("layers.py").write_text(BLOCK)
    with pytest.raises(UserError, match=r"the run would keep layers.py, net.py, and .*AssertionError"):
        alexlab.train("net.py:Net", "digits", epochs=0.01, **HOW)
    assert not Path("run").exists()


def test_a_run_that_kept_one_file_opens() -> None:
    Path("net.py").write_text(BLOCK)
    run = alexlab.train("net.py:block", "digits", epochs=0.01, **HOW)
    facts = Path("run/run.json").read_text()
    assert '"own": "net.py"' in facts
    Path("run/own/net.py").rename("run/net.py")  # as runs were before
    Path("run/run.json").write_text(facts.replace(',\n "own": "net.py"', ""))
    Path("net.py").unlink()
    assert run.final is not None
    assert alexlab.Run("run").evaluate(device="cpu").loss == run.final["loss"]


@pytest.mark.parametrize("entry", ["../net.py", "/net.py", 3])
def test_a_damaged_entry_leads_nowhere(entry: Any) -> None:
    Path("run").mkdir()
    Path("net.py").touch()
    Path("run/run.json").write_text(json.dumps({"own": entry}))
    assert own_code("net.py:Net", Path("run")) == "net.py:Net"
