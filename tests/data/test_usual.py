"""Images that lie far from what a run was trained on are named, inverted ones as such; images of the same kind are not."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import alexlab
from alexlab.data.images import ArrayImages, Split
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.usual import Usual, measures, usual_among

EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> alexlab.Run:
    """A LeNet that knows light digits on black."""
    return alexlab.train(recipe="digits", epochs=15, out=tmp_path_factory.mktemp("runs") / "run", device="cpu")


def test_digits_on_white_are_named_and_inverting_undoes_it(run: alexlab.Run) -> None:
    """The first try of everybody: dark on white where the run was trained on light on black."""
    for path in sorted(EXAMPLES.glob("*.png")):
        expected = run.predict(str(path), device="cpu")
        assert expected.note is None
        ImageOps.invert(Image.open(path).convert("L")).save("dark.png")
        dark = run.predict("dark.png", device="cpu")
        assert (
            "lies far from what the run was trained on (mean level" in dark.note
            and "It looks inverted: --invert" in dark.note
        )
        undone = run.predict("dark.png", device="cpu", invert=True)
        assert undone == type(undone)("dark.png", expected.top)
        assert run.predict(np.asarray(Image.open("dark.png")), device="cpu", invert=True).top == expected.top


def test_the_commands_say_and_undo_it(run: alexlab.Run, alexlab: object) -> None:
    test = open_dataset("digits").test
    assert test is not None
    for i in range(40):
        path = Path("dark", str(test.labels[i]), f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        ImageOps.invert(test.images.picture(i)).save(path)
    one = str(next(Path("dark").rglob("*.png")))
    folder = str(run.folder)
    assert "note: it lies far from" in alexlab("predict", folder, one).stdout  # type: ignore[operator]
    assert "note: it" not in alexlab("predict", folder, one, "--invert").stdout  # type: ignore[operator]
    assert "inverted" in json.loads(alexlab("predict", folder, one, "--json").stdout)["note"]  # type: ignore[operator]
    assert "lies far from" in alexlab("predict", folder, one, "--csv").stderr  # type: ignore[operator]
    said = alexlab("evaluate", folder, "--on", "dark", "--json")  # type: ignore[operator]
    facts = json.loads(said.stdout)
    assert "40 of 40 images looked at lie far" in facts["notes"][0] and "--invert" in facts["notes"][0]
    undone = json.loads(alexlab("evaluate", folder, "--on", "dark", "--invert", "--json").stdout)  # type: ignore[operator]
    assert "notes" not in undone and undone["top1"] > facts["top1"] + 0.4
    assert "note: 40 of 40" in alexlab("evaluate", folder, "--on", "dark").stderr  # type: ignore[operator]


def test_what_else_lies_far(run: alexlab.Run) -> None:
    for picture, says in (
        (Image.new("L", (8, 8), 0), "contrast 0"),
        (Image.new("L", (80, 8), 60), "proportions 10, usual 1 to 1"),
        (Image.new("L", (3, 3), 60), "3x3 pixels, usual at least 8 on the shorter side"),
    ):
        note = run.predict(picture, device="cpu").note
        assert says in note and "inverted" not in note


def test_older_runs_say_nothing(run: alexlab.Run, tmp_path: Path) -> None:
    facts = {key: value for key, value in run.facts.items() if key != "usual"}
    assert set(run.facts["usual"]) >= {"mean level", "contrast", "level at the edge"}
    older = alexlab.Run(run.folder)
    older.facts = facts
    assert older.usual is None and older.predict(Image.new("L", (8, 8), 255), device="cpu").note is None


def test_inverting_is_done_before_anything_is_added() -> None:
    """What is filled up beside a picture stays black; every way to the stored image inverts alike."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 12, 3), dtype=np.uint8)
    padded = Transform(store=(3, 12, 12), fit="pad", input=(3, 12, 12), inverted=True)
    plain = Transform(store=(3, 12, 12), fit="pad", input=(3, 12, 12))
    stored = padded.stored(Image.fromarray(pixels))
    assert stored[0].max() == 0 and np.array_equal(stored, plain.stored(Image.fromarray(255 - pixels)))
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95)
    whole = Transform(store=(3, 6, 12), fit="stretch", input=(3, 6, 12))
    inverted = Transform(store=(3, 6, 12), fit="stretch", input=(3, 6, 12), inverted=True)
    assert np.array_equal(inverted.stored(data.getvalue()), 255 - whole.stored(data.getvalue()))
    array = ArrayImages(pixels.transpose(2, 0, 1)[None], ["0"])
    store = Store(Split(array, np.zeros(1, np.int64)), inverted)
    ((batch, _),) = store.batches(np.arange(1), 1)
    assert np.array_equal(batch[0].permute(1, 2, 0).numpy(), 255 - pixels)


def test_measures_by_hand() -> None:
    pixels = np.zeros((1, 16, 16, 3), np.uint8)
    pixels[0, 2:14, 2:14] = (100, 200, 0)
    found = {name: values[0] for name, values in measures(pixels).items()}
    assert found["level at the edge"] == 0 and found["mean level"] == pytest.approx(100 * 144 / 256)
    assert found["colour"] == pytest.approx(200 * 144 / 256) and found["contrast"] == pytest.approx(49.6, abs=0.1)


@pytest.mark.parametrize(("name", "shape"), [("fashion-mnist", (1, 28, 28)), ("folder:flowers", (3, 64, 64))])
def test_hardly_any_image_of_the_same_kind_is_called_far(
    datasets: Path, name: str, shape: tuple[int, int, int]
) -> None:
    dataset = open_dataset(name, datasets)
    assert dataset.test is not None
    ready = Transform(store=shape, fit="crop", input=shape)
    train, test = (split.select(np.arange(0, len(split), 4)) for split in (dataset.train, dataset.test))
    ranges = usual_among(Store(train, ready), train.images)
    assert ranges is not None
    stored = np.concatenate(
        [batch.permute(0, 2, 3, 1).numpy() for batch, _ in Store(test, ready).batches(np.arange(len(test)), 64)]
    )
    notes = Usual(ranges).notes(stored, [None] * len(test), ready)
    assert sum(note is not None for note in notes) < 0.01 * len(test)
