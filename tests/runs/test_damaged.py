"""A damaged run is said to be one, in every command, and hides no other: whatever stands in its files, or in their place."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from alexlab import Run
from alexlab.cli.doctor import doctor
from alexlab.cli.runs import runs
from alexlab.errors import UserError
from alexlab.training import train as training
from tests.conftest import ROOT
from tests.typed import Command

FORMAT_1 = ROOT / "tests" / "fixtures" / "format-1"
Damage = Callable[[Path], object]


def holds(name: str, text: str) -> Damage:
    return lambda run: (run / name).write_text(text)


def changed(name: str, **values: Any) -> Damage:
    def damage(run: Path) -> None:
        facts = json.loads((run / name).read_text())
        facts = {key: value for key, value in (facts | values).items() if value is not ...}
        (run / name).write_text(json.dumps(facts))

    return damage


def put(name: str, make: Callable[[Path], Any]) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return damage


def a_socket(path: Path) -> None:
    place = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(place)


STRANGE: dict[str, Damage] = {"a pipe": os.mkfifo, "a folder": Path.mkdir, "a socket": a_socket}
DAMAGES: dict[str, Damage] = {
    "run.json []": holds("run.json", "[]"),
    "run.json null": holds("run.json", "null"),
    "run.json 1": holds("run.json", "1"),
    "run.json empty": holds("run.json", ""),
    "run.json cut off": holds("run.json", '{"format": 1, "cla'),
    "run.json deep": holds("run.json", "[" * 100_000),
    "run.json of another encoding": lambda run: (run / "run.json").write_bytes(b'{"format": 1, "found": "\xc4\xe3"}'),
    "no format": changed("run.json", format=...),
    "format NaN": changed("run.json", format=float("nan")),
    "no classes": changed("run.json", classes=...),
    "classes a number": changed("run.json", classes=10),
    "classes text": changed("run.json", classes="0123456789"),
    "classes of numbers": changed("run.json", classes=list(range(10))),
    "classes twice": changed("run.json", classes=["0"] * 10),
    "too few classes": changed("run.json", classes=["0", "1"]),
    "no found": changed("run.json", found=...),
    "started a number": changed("run.json", started=3),
    "environment a list": changed("run.json", environment=[]),
    "recipe.toml no TOML": holds("recipe.toml", "= = ="),
    "recipe.toml empty": holds("recipe.toml", ""),
    "recipe.toml of another kind": holds("recipe.toml", "epochs = []"),
    "result.json []": holds("result.json", "[]"),
    "result.json {}": holds("result.json", "{}"),
    "another state": changed("result.json", state="tired"),
    "state a list": changed("result.json", state=[]),
    "best text": changed("result.json", best="high"),
    "best NaN": changed("result.json", best=float("nan")),
    "steps huge": changed("result.json", steps=10**400),
    "seconds 1e999": holds("result.json", '{"state": "finished", "seconds": 1e999}'),
    "evaluation.json []": holds("evaluation.json", "[]"),
    "evaluation.json null": holds("evaluation.json", "null"),
    "no top1": changed("evaluation.json", top1=...),
    "top1 text": changed("evaluation.json", top1="0.9"),
    "confusion of another size": changed("evaluation.json", confusion=[[1]]),
    "other classes evaluated": changed("evaluation.json", classes=[], confusion=[]),
    "split.json of numbers": holds("split.json", "[1, 2]"),
    "split.json null": holds("split.json", "null"),
    "split.json of parts that are numbers": holds("split.json", '{"train": 1, "watched": 2}'),
    "names of numbers": changed("split.json", watched={"images": 1, "sha256": "", "names": [1]}),
    "nothing watched": changed("split.json", watched=...),
    "other lines": holds("metrics.jsonl", "[]\n{}\n"),
    "a line without figures": holds("metrics.jsonl", '{"kind": "epoch", "step": 1}\n'),
    "lines of text": holds("metrics.jsonl", "Once upon a time\nthere was\n"),
    "figures that are text": holds(
        "metrics.jsonl", '{"kind": "epoch", "step": 1, "epoch": 1, "validation_accuracy": "a"}\n'
    ),
    "a step that is none": holds("metrics.jsonl", '{"kind": "epoch", "step": [], "epoch": 1}\n'),
    "figures NaN": holds("metrics.jsonl", '{"kind": "epoch", "step": 1, "epoch": 1, "validation_accuracy": NaN}\n'),
    "timing of other lines": holds("timing.jsonl", "null\n"),
    **{
        f"{name} {kind}": put(name, make)
        for name in ("run.json", "recipe.toml", "result.json", "evaluation.json", "split.json", "metrics.jsonl")
        for kind, make in STRANGE.items()
    },
    "timing.jsonl a pipe": put("timing.jsonl", os.mkfifo),
    "checksums a pipe": put("checksums.sha256", os.mkfifo),
    "checksums a folder": put("checksums.sha256", Path.mkdir),
    "lock a pipe": put("lock", os.mkfifo),
    "run.json a device": put("run.json", lambda path: path.symlink_to("/dev/zero")),
}
WEIGHTS: dict[str, Damage] = {
    "weights a pipe": put("best.safetensors", os.mkfifo),
    "weights a folder": put("best.safetensors", Path.mkdir),
    "weights empty": holds("best.safetensors", ""),
    "weights whose facts are a list": lambda run: with_facts(run / "best.safetensors", "[]"),
}


def with_facts(path: Path, facts: str) -> None:
    from safetensors.torch import load_file, save_file

    save_file(load_file(path), path, {"alexlab": facts})


@pytest.fixture
def place() -> Path:
    """The runs `good` and `bad` below runs/."""
    for name in ("good", "bad"):
        shutil.copytree(FORMAT_1 / "finished", Path("runs") / name)
    return Path("runs")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_a_row_that_says_so_and_the_others_show(place: Path, name: str) -> None:
    DAMAGES[name](place / "bad")
    found = CliRunner().invoke(runs, ["--json"])
    assert found.exit_code == 0, found.output
    states = {Path(run["folder"]).name: (run["state"], run["problem"]) for run in json.loads(found.stdout)}
    assert states["good"] == ("finished", None)
    assert states["bad"][0] == "damaged" and states["bad"][1]
    table = CliRunner().invoke(runs, [])
    assert table.exit_code == 0 and "damaged" in table.output and "finished" in table.output


@pytest.mark.parametrize("name", DAMAGES)
def test_the_doctor_names_it_and_goes_on(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("_installation", "_machine", "_places"):
        monkeypatch.setattr(f"alexlab.runs.doctor.{part}", lambda: ())
    monkeypatch.setattr("alexlab.runs.doctor._data", lambda folder: ())
    DAMAGES[name](place / "bad")
    found = CliRunner().invoke(doctor, ["--json"])
    assert isinstance(found.exception, SystemExit), found.exception
    said = {each["what"]: each for each in json.loads(found.stdout)}
    assert said["run runs/good"]["advice"] is None and said["run runs/bad"]["advice"]


@pytest.mark.parametrize("name", DAMAGES | WEIGHTS)
def test_it_can_be_used_as_far_as_it_is_whole_or_the_error_names_the_file(place: Path, name: str) -> None:
    run = place / "bad"
    (DAMAGES | WEIGHTS)[name](run)

    def use(what: Callable[[], Any]) -> None:
        try:
            what()
        except UserError as error:
            assert str(run) in str(error), error

    image = torch.zeros(8, 8, dtype=torch.uint8).numpy()
    use(lambda: Run(run).predict(image, device="cpu"))
    use(lambda: Run(run).evaluate(device="cpu"))
    use(lambda: repr(Run(run)))
    use(lambda: Run(run)._repr_html_())


RESUMED: dict[str, Damage] = {
    **{
        name: DAMAGES[name]
        for name in DAMAGES
        if not name.startswith(("evaluation", "top1", "no top1", "confusion", "other c"))
    },
    "checkpoint a pipe": put("checkpoint.safetensors", os.mkfifo),
    "checkpoint a folder": put("checkpoint.safetensors", Path.mkdir),
    "checkpoint of no facts": lambda run: with_facts(run / "checkpoint.safetensors", "{}"),
    "checkpoint whose facts are a list": lambda run: with_facts(run / "checkpoint.safetensors", "[1]"),
    "checkpoint whose standing is text": lambda run: with_facts(
        run / "checkpoint.safetensors", '{"format": 1, "standing": {"epoch": "two"}}'
    ),
    "checkpoint whose figures are numbers": lambda run: with_facts(
        run / "checkpoint.safetensors", '{"format": 2, "standing": {}, "metrics": [1, 2]}'
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_it_goes_on_or_the_error_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FORMAT_1 / "interrupted", "run")
    RESUMED[name](Path("run"))
    try:
        training.resume("run", device="cpu", steps=1)
    except UserError as error:
        assert "run" in str(error)


@pytest.mark.parametrize("name", ["run.json []", "run.json a pipe", "split.json a pipe", "recipe.toml a pipe"])
def test_as_a_process(place: Path, name: str, alexlab: Command) -> None:
    DAMAGES[name](place / "bad")
    said = alexlab("evaluate", "runs/bad", "--device", "cpu")
    assert said.returncode == 2 and said.stderr.startswith("error: ") and "Traceback" not in said.stderr
