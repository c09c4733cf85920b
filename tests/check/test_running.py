"""`--run`: scripts and notebooks run up to their first step, with limits; what is seen there; bad input."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from alexlab.check import check_target, targets
from alexlab.cli.check import check
from alexlab.errors import UserError

SCRIPT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 8, 5, stride=2), nn.Linear(288, 10)

    def forward(self, images):
        maps = nn.functional.max_pool2d(torch.relu(self.conv(images)), 2)
        return self.last({rows})

data = torch.utils.data.TensorDataset(torch.randn(64, 1, 28, 28), torch.arange(64) % 10)
net = Net()
optimizer = getattr(torch.optim, "SGD")({parameters}, lr=0.1)
for images, labels in torch.utils.data.DataLoader(data, 16, shuffle=True, num_workers=2):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(images), labels).backward()
    {before}
    optimizer.step()
    open("made", "w").write("beyond the first step")
"""
ABSENT = """\
from prettytable import PrettyTable
import visdom.server
import tqdm, visdom

table = PrettyTable(["name", "value"])
visdom.Visdom().line([0.0], win="loss")
figure, axes = visdom.subplots(2)
for axis in axes:
    axis.imshow(0)
print([each for each in getattr(tqdm, "tqdm")([1, 2])], table[0])
"""
RIGHT = {"rows": "maps.flatten(1)", "parameters": "net.parameters()", "before": "pass"}


def rules_of(name: str = "train.py", **changed: str) -> list[str]:
    Path("train.py").write_text(SCRIPT.format(**{**RIGHT, **changed}), encoding="utf-8")
    return [finding.rule for finding in check_target(name, run=True).findings]


def test_a_right_script_is_silent_and_ends_at_its_first_step() -> None:
    assert rules_of() == [] and not Path("made").exists()


@pytest.mark.parametrize(
    "rule, changed",
    [
        ("images-mixed", {"rows": "(maps - 0.5 * maps.mean(0)).flatten(1)"}),
        ("random-evaluation", {"rows": "maps.flatten(1) + torch.randn(288)"}),
        ("never-changed", {"before": "[p.grad.zero_() for p in net.parameters()]"}),
        ("optimiser-of-another", {"parameters": "(lambda net: net.parameters())(Net())"}),
        (
            "view-mixes-images",
            {"rows": "(lambda *sizes: maps.view(*sizes))(-1, getattr(self.last, 'in_features') // 2)"},
        ),
    ],
)
def test_what_only_running_shows(rule: str, changed: dict[str, str]) -> None:
    assert rule in rules_of(**changed)


def test_a_notebook_s_places_are_cells() -> None:
    lines = SCRIPT.format(**{**RIGHT, "rows": "nn.functional.dropout(eval('maps').flatten(1))"}).splitlines(
        keepends=True
    )
    cells = [{"cell_type": "code", "source": part} for part in (["%matplotlib inline\n", *lines[:3]], lines[3:])]
    Path("book.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    (finding,) = check_target("book.ipynb", run=True).findings
    assert finding.rule == "dropout-always-on" and str(finding.place) == "book.ipynb:cell 2:8"


@pytest.mark.parametrize(
    "before",
    [
        "import os, tempfile; os.chdir(tempfile.mkdtemp())",
        "nn.Module.double(net); torch.set_default_dtype(torch.float64)",
    ],
)
def test_what_a_script_changes_of_its_process_changes_no_finding(before: str) -> None:
    rows = "(maps - 0.5 * maps.mean(0)).flatten(1)"
    text = SCRIPT.format(**{**RIGHT, "rows": rows}).replace("net = Net()\n", f"net = Net()\n{before}\n")
    text = text.replace("data, 16", "data, 16, collate_fn=lambda rows: [torch.stack([r[i].to("
                        "next(net.parameters()).dtype if i == 0 else torch.long) for r in rows]) for i in (0, 1)]")  # fmt: skip
    Path("train.py").write_text(text, encoding="utf-8")
    checked = check_target("train.py", run=True)
    assert [finding.rule for finding in checked.findings] == ["images-mixed"] and checked.unseen == ()


def test_a_network_takes_longer_with_run() -> None:
    Path("net.py").write_text(SCRIPT.partition("data =")[0].format(rows="maps.flatten(1)"), encoding="utf-8")
    assert check_target("net.py:Net", (1, 28, 28), 10, run=True).findings == ()


@pytest.mark.parametrize(
    "text, words",
    [
        ("while True: pass", "longer than 3 s|more time"),
        ("x = [bytearray(2 ** 32) for _ in range(64)]", "memory"),
        ("open('made', 'w').write('x')", r"bad.py:1: .*does not let"),
        ("import nothing_of_that_name", "bad.py:1: .*nothing_of_that_name"),
        ("def f(:", "bad.py:1"),
        ("import sys; sys.exit(4)", "exit code 4"),
        ("import argparse; p = argparse.ArgumentParser(); p.add_argument('x'); p.parse_args()", "exit code 2"),
    ],
)
def test_limits(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "LONGEST", 3 if "while" in text else 200)
    Path("bad.py").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=words):
        check_target("bad.py", run=True)
    assert not Path("made").exists()


def test_what_reading_shows_is_said_where_running_fails() -> None:
    text = SCRIPT.format(**{**RIGHT, "rows": "nn.functional.dropout(maps.flatten(1))"})
    Path("train.py").write_text("import nothing_of_that_name\n" + text, encoding="utf-8")
    result = CliRunner().invoke(check, ["train.py", "--run"])
    assert result.exit_code == 1 and "dropout-always-on" in result.output and "nothing_of_that_name" in result.output


def test_a_script_without_training_is_said_to_have_shown_nothing() -> None:
    Path("train.py").write_text("print(1)\n", encoding="utf-8")
    checked = check_target("train.py", run=True)
    assert checked.findings == () and "without a training step" in checked.unseen[0]


def test_a_library_that_only_draws_or_logs_is_stood_in_for() -> None:
    if any(find_spec(name) for name in ("prettytable", "visdom")):
        pytest.skip("they are installed")
    Path("train.py").write_text(ABSENT + SCRIPT.format(**RIGHT), encoding="utf-8")
    checked = check_target("train.py", run=True)
    assert checked.findings == () and any("prettytable" in each and "visdom" in each for each in checked.unseen)
    assert not any("ended with" in each for each in checked.unseen)


def test_no_other_library_is_stood_in_for() -> None:
    Path("train.py").write_text("import prettytable_of_mine\n" + SCRIPT.format(**RIGHT), encoding="utf-8")
    with pytest.raises(UserError, match="ModuleNotFoundError: No module named 'prettytable_of_mine'"):
        check_target("train.py", run=True)
