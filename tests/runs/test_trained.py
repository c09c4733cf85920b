"""Images that a run was trained on are left out of what it is measured on, wherever they lie and whatever they are called."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alexlab
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.runs import trained

COLOURS = {"blue": (30, 30, 200), "green": (30, 200, 30), "red": (200, 30, 30)}
EACH = 20
PARTS = {
    "train": 14,
    "watched": 2,
    "test": 4,
}  # of each colour: a fifth is the test, a tenth of the others the validation


def paint(folder: Path, colours: list[str], count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for name in colours:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            noise = random.integers(-30, 30, (12, 12, 3))
            Image.fromarray((np.array(COLOURS[name]) + noise).astype(np.uint8)).save(folder / name / f"{i}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        paint(place / "photos", list(COLOURS), EACH, 0)
        alexlab.train("lenet-relu", "folder:photos", out="run", epochs=1)
    return place


@pytest.fixture(autouse=True)
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    facts = json.loads(Path("run/run.json").read_text())
    facts["found"] = str(Path("photos").resolve())
    Path("run/run.json").write_text(json.dumps(facts))
    return tmp_path / "here"


def run() -> alexlab.Run:
    return alexlab.Run("run")


def division() -> dict[str, Any]:
    found = run().division
    assert found is not None
    return found


def held_out() -> set[str]:
    return {*division()["watched"]["names"], *division()["test"]["names"]}


def test_of_its_own_folder_the_images_that_it_held_out_are_left() -> None:
    found = run().evaluate("folder:photos")
    assert set(found.names) == held_out() and found.images == 3 * EACH - division()["train"]["images"] > 0
    assert found.on.endswith("all images, those not trained on")
    assert found.notes == (
        f"{division()['train']['images']} of 60 images left out: the run was trained on them (--with-trained measures them, too).",
    )
    everything = run().evaluate("folder:photos", with_trained=True)
    assert everything.images == 60 and not everything.notes and everything.on.endswith("all images")


def test_copies_under_other_names_are_told_and_new_images_are_not() -> None:
    paint(Path("new"), list(COLOURS), 3, seed=1)
    for number, path in enumerate(sorted(Path("photos").glob("*/*.png"))):
        shutil.copy(path, Path("new") / path.parent.name / f"copy-{number}.png")
    found = run().evaluate("new")
    assert found.images == 9 + len(held_out()) and sum("copy" not in name for name in found.names) == 9


def test_a_run_whose_images_have_moved_says_what_cannot_be_told(place: Path) -> None:
    Path("photos").rename("moved")
    found = run().evaluate("moved")
    assert found.images == 60
    assert found.notes == (
        f"run: whether it was trained on some of these images cannot be told: its training images are not where they were "
        f"({place / 'photos'}).",
    )


def test_a_folder_that_has_grown_since() -> None:
    shutil.copy("photos/red/0.png", "photos/red/more.png")
    found = run().evaluate("photos")
    assert set(found.names) == held_out() and any("have changed since" in note for note in found.notes)


def test_all_of_them_were_trained_on() -> None:
    names = [path.relative_to("photos").as_posix() for path in Path("photos").glob("*/*.png")]
    for name in set(names) - held_out():
        (Path("copy") / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("photos") / name, Path("copy") / name)
    with pytest.raises(UserError, match="trained on all of its .* images; --with-trained measures them"):
        run().evaluate("copy")


def test_more_than_can_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree("photos", "copy")
    monkeypatch.setattr(trained, "MOST_BYTES", 100)
    found = run().evaluate("copy")
    assert found.images == 60 and "too many to be compared" in found.notes[0]


def test_arrays_are_told_by_their_pixels() -> None:
    digits = open_dataset("digits")
    trained_on = alexlab.train("lenet-relu", "digits", out="digits-run", epochs=1)
    for split, rows in ((digits.train, range(30)), (digits.test, range(12))):
        assert split is not None
        for i in rows:
            folder = Path("pngs") / digits.classes[split.labels[i]]
            folder.mkdir(parents=True, exist_ok=True)
            split.images.picture(i).convert("RGB").save(folder / f"{len(split)}-{i}.png")
    found = trained_on.evaluate("pngs")
    division = trained_on.division
    assert division is not None
    watched = {f"1500-{i}.png" for i in range(30) if f"train/{i:05}" in division["watched"]["names"]}
    assert {Path(name).name for name in found.names} == watched | {f"297-{i}.png" for i in range(12)}
    assert trained_on.evaluate("digits").images == 297  # as its publisher divides it


def test_classes_that_are_one_or_some_of_the_runs(alexlab: Callable[..., CompletedProcess[str]]) -> None:
    paint(Path("one"), ["red"], 3, seed=2)
    paint(Path("two"), ["red", "blue"], 3, seed=3)
    assert run().evaluate("one").images == 3 and run().evaluate("two").images == 6
    assert set(run().evaluate("one").labels_N) == {2}
    said = alexlab("evaluate", "run", "--on", "photos")
    assert said.returncode == 0 and "images left out: the run was trained on them" in said.stderr
    assert "60 images" in alexlab("evaluate", "run", "--on", "photos", "--with-trained").stdout


def test_images_without_classes_are_for_predict() -> None:
    Path("flat").mkdir()
    shutil.copy("photos/red/0.png", "flat/a.png")
    with pytest.raises(UserError, match="no folders of classes.*alexlab predict RUN flat"):
        run().evaluate("flat")


def test_a_training_still_wants_two_classes() -> None:
    paint(Path("one"), ["red"], 9, seed=2)
    with pytest.raises(UserError, match="found one class, 'red'; expected a folder per class, at least two"):
        open_dataset("folder:one")


def test_names_in_errors_are_counted() -> None:
    for number in range(8):
        paint(Path("others") / str(number), ["red"], 1, seed=number)
        (Path("others") / str(number) / "red").rename(f"others/{number}/in")
    with pytest.raises(
        UserError, match="0, 1, 2, 3, 4 and 3 more, which the run does not know; it tells apart blue, green and red"
    ):
        run().evaluate("others")
