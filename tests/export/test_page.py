"""The programs of the page "Use it without alexlab" are run, and say what alexlab says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alexlab
from alexlab.export.exporting import export
from alexlab.export.program import NAMES
from tests.typed import Command

PAGE = Path(__file__).parents[2] / "docs" / "use-without-alexlab.md"


def program(language: str) -> str:
    """The page's program in `language`."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export, its facts, and pictures in grey, in colour, and turned by EXIF."""
    folder = tmp_path_factory.mktemp("digits")
    run = alexlab.train(recipe="digits", epochs=3, out=folder / "run", device="cpu")
    made = export(run, folder / "digits.onnx")
    (folder / "digits.json").write_text(json.dumps(made.facts))
    random = np.random.default_rng(0)
    for name, size, mode in (("grey.png", (31, 57), "L"), ("colour.png", (90, 44), "RGB")):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(folder / "colour.png").save(folder / "turned.png", exif=exif)
    return folder


PICTURES = ("grey.png", "colour.png", "turned.png")


def test_the_python_program(digits: Path, alexlab: Command) -> None:
    (digits / "classify.py").write_text(program("python"))
    found = subprocess.run(
        [sys.executable, "classify.py", *PICTURES], cwd=digits, capture_output=True, text=True, check=True
    ).stdout
    wanted = []
    for line in alexlab("predict", "run", *PICTURES, "--top", "3", "--json", cwd=digits).stdout.splitlines():
        facts = json.loads(line)
        wanted += [f"{facts['path']}  {each['class']}  {each['probability']:.4f}" for each in facts["top"]]
    assert found.splitlines() == wanted


def test_the_javascript_program(digits: Path, alexlab: Command) -> None:
    """Where node is, and finds onnxruntime-node and sharp (NODE_PATH)."""
    node = shutil.which("node")
    if (
        not node
        or subprocess.run([node, "-e", "require('onnxruntime-node'); require('sharp')"], capture_output=True).returncode
    ):
        pytest.skip("node with onnxruntime-node and sharp is not here")
    (digits / "classify.js").write_text(program("js"))
    found = subprocess.run(
        [node, "classify.js", *PICTURES], cwd=digits, capture_output=True, text=True, check=True
    ).stdout
    answers = alexlab("predict", "run", *PICTURES, "--top", "1", "--json", cwd=digits).stdout.splitlines()
    wanted = [(facts["path"], facts["top"][0]) for facts in map(json.loads, answers)]
    assert found.splitlines() == [f"{path}  {best['class']}  {best['probability']:.4f}" for path, best in wanted]


def test_the_programs_have_the_files_names() -> None:
    """The C++ one is not compiled here."""
    for name in NAMES["pixels"]:
        assert all(re.search(rf"\b{name}\b", program(language)) for language in ("python", "js", "cpp"))
