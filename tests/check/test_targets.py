"""The command: targets, formats, exit codes, bad input, and the limits of the process that imports a network."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alexlab.check import check_target, isolated, targets
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES
from alexlab.cli.check import check
from alexlab.errors import UserError

NETWORK = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.f = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.Linear(64, num_classes))

    def forward(self, x):
        return self.f(x)

def make():
    return Net(7)

class Needs(Net):
    def __init__(self, depth):
        super().__init__()
"""

DOCS = Path(__file__).parents[2] / "docs" / "check"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments))


@pytest.fixture
def script() -> str:
    rule = next(rule for rule in RULES if rule.name == "softmax-before-cross-entropy")
    Path("train.py").write_text(rule.bad, encoding="utf-8")
    Path("good.py").write_text(rule.good, encoding="utf-8")
    return "train.py"


def test_exit_code_and_text(script: str) -> None:
    result = run(script)
    assert result.exit_code == 1
    assert "train.py:6: error[softmax-before-cross-entropy]" in result.output and "1 error, 0 warnings" in result.output
    good = run("good.py")
    assert good.exit_code == 0 and good.output.startswith("no mistakes found\nlooked at: network")


def test_json(script: str) -> None:
    (finding,) = json.loads(run(script, "--json").output)
    assert {"rule", "severity", "file", "line", "layer", "message", "fix"} <= finding.keys()
    assert (finding["rule"], finding["severity"], finding["line"]) == ("softmax-before-cross-entropy", "error", 6)
    assert json.loads(run("good.py", "--json").output) == []


def test_sarif(script: str) -> None:
    log = json.loads(run(script, "--sarif").output)
    (result,) = log["runs"][0]["results"]
    assert (
        log["version"] == "2.1.0" and result["ruleId"] == "softmax-before-cross-entropy" and result["level"] == "error"
    )
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert result["ruleId"] in {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}


def test_chinese(script: str) -> None:
    result = run(script, "--lang", "zh")
    assert "错误[softmax-before-cross-entropy]" in result.output and "交叉熵" in result.output


def test_a_script_is_never_run() -> None:
    Path("danger.py").write_text("open('made', 'w').write('x')\nraise SystemExit(3)\n", encoding="utf-8")
    assert run("danger.py").exit_code == 3 and not Path("made").exists()


def test_reading_a_script_imports_no_torch(script: str) -> None:
    code = (
        "import sys; from alexlab.check import check_script; from pathlib import Path; check_script(Path('train.py'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_own_network() -> None:
    Path("net.py").write_text(NETWORK, encoding="utf-8")
    checked = check_target("net.py:Net", (1, 28, 28), 10)
    assert [(f.rule, f.severity, f.layer) for f in checked.findings] == [("nothing-between", "warning", "f.2")]
    counted = check_target("net.py:make", (1, 28, 28), 10)
    assert {f.rule for f in counted.findings} == {"nothing-between", "class-count"}


def test_a_dataset_says_shape_and_classes() -> None:
    Path("net.py").write_text(NETWORK, encoding="utf-8")
    rules = {f.rule for f in check_target("net.py:make", dataset="fashion-mnist").findings}
    assert rules == {"nothing-between", "class-count"}
    assert check_target("lenet-relu", dataset="mnist").findings == ()


def test_a_run() -> None:
    Path("net.py").write_text(NETWORK, encoding="utf-8")
    Path("run").mkdir()
    Path("run/recipe.toml").write_text('network = "net.py:Net"\nclasses = 10\ninput = [1, 28, 28]\n', encoding="utf-8")
    assert [f.rule for f in check_target("run").findings] == ["nothing-between"]
    Path("run/recipe.toml").write_text('network = "lenet-relu"\nclasses = 10\ninput = [1, 28, 28]\n', encoding="utf-8")
    assert check_target("run").findings == ()


@pytest.mark.parametrize(
    "top, words",
    [
        ("while True: pass", "longer than 3 s|more time"),
        ("x = [bytearray(2 ** 32) for _ in range(64)]", "MemoryError|memory"),
        ("open('made', 'w').write('x')", "does not let"),
        ("import os; os.mkdir('made')", "does not let"),
        ("import subprocess; subprocess.run(['touch', 'made'])", "does not let"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(4)", r"exit code 4\) \(net\.py, line 1\)"),
        ("import os; os._exit(5)", "exit code 5"),
        (
            "import argparse; p = argparse.ArgumentParser(); p.add_argument('x'); p.parse_args()",
            r"exit code 2\) \(net\.py, line 1\)",
        ),
        ("raise GeneratorExit('x')", r"GeneratorExit: x \(net\.py, line 1\)"),
        ("raise KeyboardInterrupt", "ended with KeyboardInterrupt"),
    ],
)
def test_limits(top: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "LONGEST", 3 if "while" in top else 200)
    Path("net.py").write_text(top + "\n" + NETWORK, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        check_target("net.py:Net", (1, 28, 28))
    assert not Path("made").exists()


@pytest.mark.parametrize(
    "top",
    [
        "import argparse; argparse.ArgumentParser().parse_args()",
        "import os, tempfile; os.chdir(tempfile.mkdtemp())",
        "torch_off = __import__('torch').set_grad_enabled(False)",
        "import sys; sys.argv.clear()",
        "import torch; torch.set_default_dtype(torch.float64)",
    ],
)
def test_what_a_module_changes_at_import_is_set_back(top: str) -> None:
    Path("net.py").write_text(top + "\n" + NETWORK, encoding="utf-8")
    checked = check_target("net.py:Net", (1, 28, 28), 10)
    assert [finding.rule for finding in checked.findings] == ["nothing-between"] and checked.unseen == ()


def test_more_findings_than_a_pipe_holds() -> None:
    Path("net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        pairs = [(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)) for _ in range(130)]\n"
        "        super().__init__(*[layer for pair in pairs for layer in pair], nn.Flatten(), nn.Linear(64, 10))\n",
        encoding="utf-8",
    )
    findings = check_target("net.py:Net", (1, 8, 8), 10).findings
    assert len([f for f in findings if f.rule == "bias-before-norm"]) == 130


@pytest.mark.parametrize(
    "place, allowed",
    [
        ("{scratch}/x", True),
        ("{scratch}/inside/../x", True),
        ("{scratch}/../x", False),
        ("{scratch}/../../x", False),
        ("{scratch}def/x", False),
        ("{scratch}/out/x", False),
        ("/dev/null", True),
        ("/dev/nullx", False),
        ("/dev/shm/../x", False),
    ],
)
def test_writing_is_held_to_real_places(place: str, allowed: bool, tmp_path: Path) -> None:
    scratch = tmp_path / "abc"
    scratch.mkdir()
    (scratch / "out").symlink_to(tmp_path)
    guard, path = isolated._guard(scratch), place.format(scratch=scratch)
    events = [("open", (path, "w", os.O_WRONLY | os.O_CREAT)), ("os.mkdir", (path, 511, -1)),
              ("os.rename", (f"{scratch}/y", path, -1, -1)), ("os.symlink", ("y", path, -1))]  # fmt: skip
    for event in events:
        with nullcontext() if allowed else pytest.raises(PermissionError, match="does not let"):
            guard(*event)


def test_a_link_out_may_be_removed_and_not_written_through(tmp_path: Path) -> None:
    scratch = tmp_path / "abc"
    scratch.mkdir()
    (scratch / "link").symlink_to(tmp_path / "outside")
    guard = isolated._guard(scratch)
    guard("os.remove", (str(scratch / "link"), -1))
    with pytest.raises(PermissionError, match="outside"):
        guard("open", (str(scratch / "link"), "w", os.O_WRONLY))


@pytest.mark.parametrize(
    "target, words",
    [
        ("net.py:Needs", "needs the argument depth"),
        ("net.py:Other", "unknown name"),
        ("nowhere.py:Net", "no such file"),
        ("nowhere.py", "no such file"),
        ("lenet-rel", "did you mean 'lenet-relu'"),
        ("empty", "no recipe.toml"),
        ("notes.txt", "expected a script"),
    ],
)
def test_targets_that_are_none(target: str, words: str) -> None:
    Path("net.py").write_text(NETWORK, encoding="utf-8")
    Path("empty").mkdir()
    Path("notes.txt").write_text("x")
    with pytest.raises(UserError, match=words):
        check_target(target)


def test_a_shape_with_a_sign_of_multiplication() -> None:
    assert run("lenet-relu", "--input", "1×28×28").exit_code == 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_rule_is_explained_as_its_page_in_the_docs_does(rule: Rule, language: str) -> None:
    explained = run("--explain", rule.name, "--lang", language)
    page = DOCS.joinpath(*(["zh"] if language == "zh" else []), f"{rule.name}.md").read_text(encoding="utf-8")
    assert explained.exit_code == 0
    for part in explained.output.split("\n\n"):
        assert part.strip() in page
    assert rule.bad in explained.output and rule.good in explained.output


def test_a_finding_names_its_page(script: str) -> None:
    output = run(script).output
    assert "`alexlab check --explain softmax-before-cross-entropy`, https://" in output and "docs/check" not in output
    (rule,) = [r for r in json.loads(run(script, "--sarif").output)["runs"][0]["tool"]["driver"]["rules"]
               if r["id"] == "softmax-before-cross-entropy"]  # fmt: skip
    assert rule["helpUri"].endswith("/check/softmax-before-cross-entropy") and "## Mended" in rule["help"]["markdown"]


def test_an_unknown_rule_and_no_target() -> None:
    with pytest.raises(UserError, match="did you mean 'softmax-before-cross-entropy'"):
        CliRunner().invoke(check, ["--explain", "softmax-before-crossentropy"], catch_exceptions=False)
    assert run().exit_code == 2 and "TARGET" in run().output


def test_a_shape_with_the_sign_of_multiplication() -> None:
    result = run("lenet-relu", "--input", "1×28×28")
    assert result.exit_code == 0 and "no mistakes" in result.output


def test_a_bad_shape_is_one_error() -> None:
    result = run("lenet-relu", "--input", "28x28")
    assert result.exit_code == 2 and "1x28x28" in result.output


def test_a_network_of_another_floating_type() -> None:
    Path("net.py").write_text(NETWORK + "\ndef double():\n    return Net().double()\n", encoding="utf-8")
    assert [finding.rule for finding in check_target("net.py:double", (1, 28, 28), 10).findings] == ["nothing-between"]
