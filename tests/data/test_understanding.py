"""What a person sees of a dataset before the first update, and what the run keeps of it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.understanding import in_words, path_in_words, understood
from alexlab.runs.run import Run
from tests.conftest import write_photographs


def test_the_start_of_a_training_says_what_was_understood_and_the_run_keeps_it(
    tmp_path: Path, alexlab: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    photos = write_photographs(tmp_path / "photos", each=20)
    (photos / "red" / "notes.txt").write_text("no image")
    (photos / "red" / ".hidden.png").write_text("no image")
    write_photographs(photos / "red", ("thumbnails",), each=20)
    run = alexlab("train", "lenet5", f"folder:{photos}", "--steps", "1", "--out", "run", "--json")
    shown = run.stderr.split("epoch 1")[0]
    for line in (
        "images: 28 training, 4 validation, 8 test; 20% of each class is the test, by names and the seed 0; 10% of each class",
        "training images by class: blue 14, red 14",
        "left out: 20 copies, in thumbnails, 1 ending .txt, 1 hidden, or a system's",
        "input: grey; stretched to 28x28 (fit); half of the training images mirrored (augment); pixels 0 to 1, minus ",
    ):
        assert line in shown
    assert len(shown.splitlines()) < 24
    kept = json.loads(run.stdout)["understood"]
    assert kept["classes"] == {"blue": 14, "red": 14}
    assert kept["left_out"]["ending .txt"] == {"count": 1, "examples": ["red/notes.txt"]}
    assert Run("run").facts["understood"] == kept
    checked = alexlab("datasets", "check", f"folder:{photos}").stdout
    assert "ending .txt: red/notes.txt" in checked and "blue" in checked


def test_many_classes_take_a_line(tmp_path: Path) -> None:
    for i in range(30):
        write_photographs(tmp_path / "d", (f"class-{i:02}",), each=2 + i % 3, size=2)
    dataset = open_dataset(f"folder:{tmp_path / 'd'}")
    lines = in_words(understood(dataset, {"train": dataset.train}, dataset.division, None))
    assert lines[1].endswith("class-24 1, class-27 1 (30 classes, largest first)") and len(lines[1]) < 200


def test_the_path_to_the_input_in_a_line() -> None:
    said = path_in_words(
        Transform((3, 256, 256), "crop", (3, 224, 224), "centre", (0.4, 0.5, 0.6), (0.2,), ("mirror", "crop"))
    )
    assert said == (
        "RGB; scaled to cover, and cut at the centre to 256x256 (fit); its centre of 224x224 (view); half of the training images "
        "mirrored (augment); in training also crop; pixels 0 to 1, minus 0.4/0.5/0.6 (mean), over 0.2 (std)"
    )
    assert "; not mirrored; pixels 0 to 255" in path_in_words(
        Transform((1, 28, 28), "stretch", (1, 28, 28), pixels="0-255")
    )
    deep = Transform((1, 28, 28), "stretch", (1, 28, 28), levels=(0, 4095))
    assert path_in_words(deep).startswith("values of more than 8 bits from 0 to 4095 (levels); grey; ")
