"""Diffs: what they change, that the mended script is right, and where there is none."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from alexlab.check import check_script
from alexlab.check.rules import RULES
from alexlab.cli.check import check

MENDED = [
    "softmax-before-cross-entropy", "activation-on-logits", "dropout-on-logits", "class-count", "class-dimension",
    "in-features", "flatten-takes-batch", "dropout-always-on", "no-eval", "no-zero-grad", "loss-keeps-graph",
    "no-shuffling", "bias-before-norm",
]  # fmt: skip


def applied(text: str, name: str = "program.py") -> str:
    """The script after its first diff, put in place by `patch`."""
    Path(name).write_text(text, encoding="utf-8")
    diff = next(finding.diff for finding in check_script(Path(name)).findings if finding.diff is not None)
    subprocess.run(["patch", "--silent", name], input=diff + "\n", text=True, check=True)
    return Path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MENDED)
def test_the_mended_example_is_right(name: str) -> None:
    rule = next(rule for rule in RULES if rule.name == name)
    applied(rule.bad)
    assert check_script(Path("program.py")).findings == ()


HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
FIT = "loss = nn.CrossEntropyLoss()(Net()(torch.rand(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4]))\nloss.backward()\n"


def net(made: str, used: str) -> str:
    return (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(784, 10)\n"
        f"        {made}\n\n    def forward(self, x):\n        x = self.f(x.flatten(1))\n        {used}\n\n{FIT}"
    )


@pytest.mark.parametrize(
    "made, used, line",
    [
        ("pass", "return F.softmax(x, dim=1)", "return x"),
        ("pass", "return x.softmax(-1)", "return x"),
        ("pass", "return torch.softmax(input=x, dim=1).view(-1, 10)", None),
        ("self.end = nn.Softmax(dim=1)", "return self.end(x)", "self.end = nn.Identity()"),
        (
            "pass",
            "é = x; 'äöü'; y = é.softmax(1)  # columns of the tree are bytes\n        return y",
            "é = x; 'äöü'; y = é  #",
        ),
        ("pass", "return (\n            x\n            .softmax(dim=1)\n        )", None),
    ],
)
def test_softmax_in_several_forms(made: str, used: str, line: str | None) -> None:
    text = net(made, used)
    if line is None:
        Path("program.py").write_text(text, encoding="utf-8")
        findings = check_script(Path("program.py")).findings
        assert "softmax-before-cross-entropy" in {finding.rule for finding in findings}
    else:
        assert line in applied(text)


def test_text_and_json_show_the_diff() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    Path("train.py").write_text(rule.bad, encoding="utf-8")
    text = CliRunner().invoke(check, ["train.py"]).output
    assert "    --- train.py\n    +++ train.py\n" in text and "    +        optimizer.zero_grad()" in text
    (finding,) = json.loads(CliRunner().invoke(check, ["train.py", "--json"]).output)
    assert isinstance(finding["fix"], str) and re.search(r"^\+ +optimizer.zero_grad\(\)$", finding["diff"], re.M)


def test_no_diff_where_a_change_would_not_mend_it() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-eval")
    Path("train.py").write_text(rule.bad.replace("    network.train()\n", ""), encoding="utf-8")
    (finding,) = check_script(Path("train.py")).findings  # with eval() alone, training would go on in evaluation mode
    assert finding.rule == "no-eval" and finding.diff is None


CONVOLUTIONS = """
network = nn.Sequential(
    nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
    {last})
loss = nn.CrossEntropyLoss()(network(torch.rand(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4]))
"""
CALLED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 5)
        self.fc = nn.Linear({features}, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc({given})

"""


@pytest.mark.parametrize(
    "text, line",
    [
        (CONVOLUTIONS.format(last="nn.Linear(1152, 10)"), "    nn.Flatten(),\n    nn.Linear(1152, 10))"),
        (CONVOLUTIONS.format(last="nn.Dropout(0.2), nn.Linear(1152, 10)"), "nn.Dropout(0.2), nn.Flatten(), nn.Linear(1152, 10))"),
        (CALLED.format(features=1152, given="x") + FIT, "return self.fc(x.flatten(1))"),
        (CALLED.format(features=1152, given="F.relu(x)") + FIT, "return self.fc(F.relu(x).flatten(1))"),
        (CALLED.format(features=1152, given="x.view(-1, 8, 144)") + FIT, "return self.fc(x.view(-1, 8, 144).flatten(1))"),
        (CALLED.format(features=400, given="x.flatten(1)") + FIT, "self.fc = nn.Linear(1152, 10)"),
    ],
)  # fmt: skip
def test_a_missing_flatten_is_added(text: str, line: str) -> None:
    assert line in applied(HEAD + text)
    assert check_script(Path("program.py")).findings == ()


@pytest.mark.parametrize(
    "text",
    [
        CONVOLUTIONS.format(last="nn.Linear(400, 10)"),  # flattened it would not fit either
        CALLED.format(features=400, given="x") + FIT,
        CALLED.format(features=400, given="x.view(-1, 8, 144)") + FIT,
    ],
)
def test_no_number_is_changed_to_fit_a_wrong_shape(text: str) -> None:
    Path("program.py").write_text(HEAD + text, encoding="utf-8")
    (finding,) = check_script(Path("program.py")).findings
    assert finding.rule == "in-features" and finding.diff is None


def test_no_diff_where_the_loss_fails_after_it() -> None:
    text = (
        f"{HEAD}from torchvision import datasets, transforms\n"
        "network = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Linear(24, 10), nn.Softmax(dim=1))\n"
        "data = datasets.MNIST('d', transform=transforms.ToTensor())\n"
        "for x, y in torch.utils.data.DataLoader(data, 64, shuffle=True):\n"
        "    loss = nn.CrossEntropyLoss()(network(x), y)\n"
    )
    Path("program.py").write_text(text, encoding="utf-8")
    findings = check_script(Path("program.py")).findings
    assert "softmax-before-cross-entropy" in {finding.rule for finding in findings}
    assert all(finding.diff is None for finding in findings)
