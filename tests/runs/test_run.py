"""A finished run: evaluated, used, repeated from its folder, and shown."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

import alexlab
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.inference.evaluation import from_logits
from tests.conftest import write_photographs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> alexlab.Run:
    """A LeNet that knows the digits a little."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return alexlab.train(recipe="digits", epochs=15, out=folder, device="cpu")


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> alexlab.Run:
    """A network that tells red pictures from blue ones."""
    folder = tmp_path_factory.mktemp("colours")
    write_photographs(folder / "photos", each=20)
    how: dict[str, Any] = {
        "input": [3, 16, 16],
        "epochs": 20,
        "batch": 8,
        "device": "cpu",
        "augment": ["random-resized-crop", "mirror"],
    }
    return alexlab.train("lenet-relu", f"folder:{folder / 'photos'}", out=folder / "run", **how)


def test_figures_are_scikit_learns() -> None:
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(500, 7, generator=random), torch.randint(0, 6, (500,), generator=random)
    found = from_logits(logits, labels, "noise", tuple("abcdefg"), tuple(map(str, range(500))))
    predicted = logits.argmax(1)
    assert np.array_equal(found.confusion_TP, confusion_matrix(labels, predicted, labels=range(7)))
    precision, recall, _, _ = precision_recall_fscore_support(labels, predicted, labels=range(7), zero_division=np.nan)
    assert found.precision == pytest.approx(precision.tolist(), nan_ok=True)
    assert found.recall[:6] == pytest.approx(recall.tolist()[:6]) and found.recall[6] is None
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    assert found.top1 == pytest.approx((ranks < 1).double().mean().item())
    assert found.top5 == pytest.approx((ranks < 5).double().mean().item())
    log_probability = logits.double() - logits.double().exp().sum(1, keepdim=True).log()
    assert found.loss == pytest.approx(-log_probability.gather(1, labels[:, None]).mean().item())


def test_evaluating_again_gives_the_final_figures(run: alexlab.Run) -> None:
    again = alexlab.Run(run.folder).evaluate(device="cpu")
    assert run.final is not None and again.top1 == run.final["top1"] and again.loss == pytest.approx(run.final["loss"])
    assert again.images == 297 and again.top1 > 0.85 and again.top5 > again.top1
    rows = (run.folder / "predictions.csv").read_text().splitlines()
    assert len(rows) == 298 and rows[0] == "image,class,predicted,probability"


def test_what_a_run_says_of_a_picture_is_what_evaluation_says(run: alexlab.Run) -> None:
    """The one path: a test image predicted as a file gets the probability that evaluation gave it."""
    test = open_dataset("digits").test
    assert test is not None
    rows = [row.split(",") for row in (run.folder / "predictions.csv").read_text().splitlines()[1:]]
    for i in (0, 7, 100):
        test.images.picture(i).save("digit.png")
        prediction = run.predict("digit.png", top=3, device="cpu")
        assert len(prediction.top) == 3 and prediction.path == "digit.png"
        assert prediction.top[0][0] == rows[i][2]
        assert prediction.top[0][1] == pytest.approx(float(rows[i][3]), abs=1e-4)


def test_pictures_of_any_kind(colours: alexlab.Run) -> None:
    red = Image.new("RGB", (40, 30), (200, 30, 30))
    red.save("red.png")
    for image in ("red.png", Path("red.png"), red, np.asarray(red), red.convert("RGBA"), red.quantize(2)):
        assert colours.predict(image, device="cpu").top == colours.predict("red.png", device="cpu").top
    data, pixels = Path("red.png").read_bytes(), np.asarray(red)
    for given in (data, io.BytesIO(data), pixels / 255, torch.from_numpy(pixels.copy()).permute(2, 0, 1)):
        assert colours.predict(given, device="cpu").top == colours.predict("red.png", device="cpu").top
    with pytest.raises(UserError, match="values from -1 to -1; understood are"):
        colours.predict(torch.full((3, 8, 8), -1.0))
    many = colours.predict([red, np.asarray(red)], device="cpu")
    assert [p.top[0][0] for p in many] == ["red", "red"]
    with pytest.raises(UserError, match="gone.png: cannot be read"):
        colours.predict("gone.png")
    with pytest.raises(UserError, match="no picture"):
        colours.predict(np.zeros((2, 2, 2, 2)))


def test_a_folder_of_photographs_learns_and_is_held_out(colours: alexlab.Run) -> None:
    assert colours.final is not None and colours.final["top1"] == 1.0 and colours.final["images"] == 8
    assert isinstance(colours.recipe.mean, tuple) and len(colours.recipe.mean) == 3


def test_evaluation_on_other_images(colours: alexlab.Run) -> None:
    write_photographs(Path("more"), ("blue",), each=3)
    write_photographs(Path("more"), ("blue", "red"), each=3)
    found = colours.evaluate(on="more", device="cpu", with_trained=True)  # the blue ones are those that it knows
    assert found.images == 6 and found.classes == ("blue", "red")
    write_photographs(Path("others"), ("green", "red"))
    with pytest.raises(UserError, match="has the class green, which the run does not know"):
        colours.evaluate(on="others", device="cpu")


def test_the_test_images_stay_the_same_when_the_folder_grows(colours: alexlab.Run) -> None:
    folder = Path(colours.facts["found"])
    before = colours.evaluate(device="cpu")
    new = folder / "red" / "new.png"
    Image.new("RGB", (20, 20), (0, 0, 255)).save(new)
    try:
        after = colours.evaluate(device="cpu")
        assert after.names == before.names and after.top1 == before.top1
        gone = folder / before.names[0]
        kept = gone.read_bytes()
        gone.unlink()
        with pytest.raises(UserError, match="images that the run held out are gone"):
            colours.evaluate(device="cpu")
        gone.write_bytes(kept)
    finally:
        new.unlink()


def test_a_run_can_be_repeated_from_its_folder_alone(run: alexlab.Run) -> None:
    again = alexlab.train(recipe=str(run.folder / "recipe.toml"), out="again", device="cpu")
    assert again.metrics() == run.metrics()


def test_the_folder_tells_what_made_it(run: alexlab.Run) -> None:
    environment = run.facts["environment"]
    assert environment["torch"] == torch.__version__ and environment["device"].startswith("cpu")
    assert {"last.safetensors", "split.json", "timing.jsonl"} <= {p.name for p in run.folder.iterdir()}
    assert not list(run.folder.glob("*.part")) and not (run.folder / "checkpoint.safetensors").exists()
    assert "lenet-relu on digits, finished" in repr(run)
    assert "data:image/png;base64" in run._repr_html_()


def test_the_report_holds_everything_in_one_file(run: alexlab.Run) -> None:
    page = (run.folder / "report.html").read_text()
    for part in ("lenet-relu on Digits 8x8", "viewport", "confusion matrix", "Most confident mistakes", "rate = 0.001"):
        assert part in page
    assert page.count("data:image/png;base64") == 3
    assert "http://" not in page and "https://" not in page and 'src="/' not in page
    for picture in ("curves.png", "confusion.png", "mistakes.png"):
        with Image.open(run.folder / picture) as image:
            assert image.width > 300


def test_a_grown_metrics_file_that_was_cut_is_read_as_far_as_it_goes(run: alexlab.Run, tmp_path: Path) -> None:
    from alexlab.runs.folder import read_lines

    text = (run.folder / "metrics.jsonl").read_text()
    (tmp_path / "cut.jsonl").write_text(text[:-20])
    assert len(read_lines(tmp_path / "cut.jsonl")) == len(text.splitlines()) - 1


def test_tensorboard_events() -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = alexlab.train("lenet5", "digits", epochs=1, out="run", tensorboard=True, device="cpu")
    events = EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    assert "epoch/validation_accuracy" in events.Tags()["scalars"]
    (value,) = events.Scalars("epoch/validation_accuracy")
    assert value.value == pytest.approx(run.metrics("epoch")[0]["validation_accuracy"])
    assert json.loads((run.folder / "result.json").read_text())["state"] == "finished"


def test_precisions_answer_alike(run: alexlab.Run) -> None:
    test = open_dataset("digits").test
    assert test is not None
    pictures = [test.images.picture(i) for i in range(40)]
    exact = run.predict(pictures, top=1, device="cpu")
    for precision in ("bfloat16", "int8"):
        for one, other in zip(exact, run.predict(pictures, top=1, device="cpu", precision=precision), strict=True):
            assert one.top[0][0] == other.top[0][0] and one.top[0][1] == pytest.approx(other.top[0][1], abs=0.02)
    with pytest.raises(UserError, match="unknown precision 'half'"):
        run.predict(pictures[0], precision="half", device="cpu")


def test_the_command_takes_a_precision(run: alexlab.Run, alexlab: object) -> None:
    test = open_dataset("digits").test
    assert test is not None
    test.images.picture(0).save("digit.png")
    Path("broken.png").write_bytes(b"\x89PNG")
    done = alexlab("predict", str(run.folder), "digit.png", "broken.png", "--json", "--precision", "bfloat16")  # type: ignore[operator]
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1 and "broken.png: not an image" in second["error"]
    assert first["top"][0]["class"] == run.predict("digit.png", top=1, device="cpu").top[0][0]
