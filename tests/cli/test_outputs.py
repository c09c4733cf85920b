"""Whatever is named with -o or --out, and cannot be written, is one error that says so; nothing half written is left."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from alexlab import api
from alexlab.cli import main
from alexlab.describe.activation_curves import activation_curves
from alexlab.describe.saving import save
from alexlab.errors import UserError
from alexlab.runs.run import Run

Command = Callable[..., tuple[int, str]]

FILES = (
    ("diagram", "lenet5", "-o"),
    ("diagram", "--activations", "-o"),
    ("datasets", "show", "digits", "-o"),
)
"""Commands that write one file."""


@pytest.fixture
def alexlab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["alexlab", *arguments])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.train("mlp", "digits", epochs=1, out=tmp_path_factory.mktemp("outputs") / "run", device="cpu")


@pytest.mark.parametrize("command", FILES, ids=" ".join)
@pytest.mark.parametrize("out", ["/proc/x.svg", "/proc/x.png", "/proc/x.pdf", "none/x.png", "file/x.svg", "folder.png"])
def test_a_file_that_cannot_be_written(alexlab: Command, command: tuple[str, ...], out: str) -> None:
    Path("file").touch()
    Path("folder.png").mkdir()
    before = sorted(Path().rglob("*"))
    code, said = alexlab(*command, out)
    assert code == 2 and out in said.replace("\n", " ") and "Traceback" not in said
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("out", ["/proc/x", "file", "file/x"])
def test_a_folder_that_cannot_be_written(alexlab: Command, run: Run, out: str) -> None:
    Path("file").touch()
    Image.new("L", (8, 8)).save("mine.png")
    for command in (
        ("look", str(run.folder), "mine.png", "--out", out),
        ("train", "mlp", "digits", "--epochs", "1", "--device", "cpu", "--out", out),
        ("pack", "digits", out),
    ):
        code, said = alexlab(*command)
        assert code == 2 and (out.rpartition("/")[0] or out) in said, command


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_a_full_disk_leaves_the_old_drawing(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(f"curves.{form}")
    save(activation_curves(), path)
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no room on the disk"):
        save(activation_curves("dark"), path)
    assert path.read_bytes() == old and [each.name for each in Path().iterdir()] == [path.name]


def test_drawings_are_the_same_file_each_time() -> None:
    for form in ("svg", "png", "pdf"):
        save(activation_curves(), Path(f"first.{form}"))
        save(activation_curves(), Path(f"second.{form}"))
        assert Path(f"first.{form}").read_bytes() == Path(f"second.{form}").read_bytes()
