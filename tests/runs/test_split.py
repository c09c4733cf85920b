"""Which images a run holds out: kept by runs of earlier versions, and told where a class is too small."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import alexlab
from alexlab.cli.datasets import datasets
from alexlab.data.images import FileImages
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from tests.conftest import write_photographs

HOW: dict[str, Any] = {"input": [1, 16, 16], "epochs": 1, "batch": 4, "device": "cpu", "augment": []}


def test_a_run_of_an_earlier_version_goes_on_with_its_own_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names were hashed with the folders above the classes, and a file without an ending was no image."""
    photos = write_photographs(tmp_path / "x" / "photos" / "inner", each=20)
    name = f"folder:{tmp_path / 'x'}"
    with monkeypatch.context() as then:
        then.setattr(FileImages, "below", property(lambda images: images.names))
        before = alexlab.train("lenet-relu", name, out="run", steps=2, **HOW)
    split = json.loads(Path("run/split.json").read_text())
    (photos / "red" / "new").write_bytes((photos / "red" / "1.png").read_bytes())
    now = open_dataset(name)
    assert now.test is not None and list(now.test.images.names) != split["test"]["names"]
    assert before.result["state"] == "stopped"
    after = alexlab.resume("run")
    assert after.result["state"] == "finished" and after.final is not None and after.final["images"] == 8
    assert json.loads(Path("run/split.json").read_text()) == split
    assert list(after.held_out_images().images.names) == split["test"]["names"]


def test_a_run_that_took_parts_for_classes_is_still_evaluated_on_them(tmp_path: Path) -> None:
    for part in ("first", "second"):
        write_photographs(tmp_path / "photos" / part, each=10)
    alexlab.train("lenet-relu", f"classes:{tmp_path / 'photos'}", out="run", **HOW)
    for file, old, new in (("run.json", '"understood"', '"not_yet"'), ("recipe.toml", "classes:", "folder:")):
        path = Path("run") / file
        path.write_text(path.read_text().replace(old, new))
    run = alexlab.Run("run")
    assert run.classes == ("first", "second") and run.evaluate().images == 8
    with pytest.raises(UserError, match="first and second hold the same folders"):
        open_dataset(run.recipe.dataset)


def test_a_class_of_one_image_is_refused_with_the_way_on(tmp_path: Path) -> None:
    photos = write_photographs(tmp_path / "photos", each=10)
    write_photographs(photos, ("lone",), each=1)
    name = f"folder:{photos}"
    with pytest.raises(UserError, match="'lone' has 1 image to divide.*--set small_classes=train"):
        alexlab.train("lenet-relu", name, out="refused", **HOW)
    run = alexlab.train("lenet-relu", name, out="run", small_classes="train", **HOW)
    assert run.final is not None
    counts = {each["class"]: each["images"] for each in run.final["classes"]}
    assert counts == {"blue": 2, "lone": 0, "red": 2}
    assert run.facts["understood"]["classes"]["lone"] == 1
    assert any("too few images of lone to hold one out" in doubt for doubt in run.facts["doubts"])


@pytest.mark.parametrize(("each", "refused"), [(1, True), (2, True), (3, False)])
def test_check_says_what_a_training_refuses(tmp_path: Path, each: int, refused: bool) -> None:
    photos = write_photographs(tmp_path / "photos", each=10)
    write_photographs(photos, ("lone",), each=each)
    said = CliRunner().invoke(datasets, ["check", f"folder:{photos}"]).output
    assert ("one training image is left of lone" in said and "--set small_classes=train" in said) == refused
    how = {**HOW, "out": "run", "steps": 1}
    if refused:
        with pytest.raises(UserError, match="'lone' has 1 image to divide"):
            alexlab.train("lenet-relu", f"folder:{photos}", **how)
    else:
        alexlab.train("lenet-relu", f"folder:{photos}", **how)
