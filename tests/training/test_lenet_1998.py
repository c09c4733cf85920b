"""LeNet of 1998 through the ordinary loop: it learns, goes on bit for bit, answers by equation 9, and refuses what it cannot do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import alexlab
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.lenet_1998 import LeNet1998
from alexlab.recipes.schema import Recipe
from alexlab.runs.run import Run
from alexlab.training.optimisers import make_optimiser
from alexlab.training.schedule import set_rates
from alexlab.training.train import resume
from alexlab.weights.tensors import load_tensors
from tests.typed import as_a

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
AS_WRITTEN: dict[str, Any] = {
    "input": 32, "store": 32, "fit": "frame", "mean": [0.0784], "std": [0.7843], "augment": [],
    "optimiser": "diagonal-lm", "rate": 0.0005, "epsilon": 1.0, "schedule": "lenet-1998", "clip": 0.0, "label_smoothing": 0.0,
    "weight_decay": 0.0, "warmup": 0.0, "batch": 300, "initialisation": "network", "device": "cpu", "select": "last",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("lenet") / "run"
    return alexlab.train("lenet-1998", "digits", out=folder, epochs=5, **AS_WRITTEN)


def test_it_learns(run: Run) -> None:
    epochs = run.metrics("epoch")
    assert epochs[-1]["loss"] < 0.2 * epochs[0]["loss"]
    assert run.evaluate().top1 > 0.85


def test_what_was_stopped_within_a_pass_goes_on_to_the_same_weights(run: Run, tmp_path: Path) -> None:
    stopped = alexlab.train("lenet-1998", "digits", out=tmp_path / "run", epochs=5, steps=7, **AS_WRITTEN)
    assert 7 % 5 and stopped.result["state"] == "stopped"
    resumed = resume(tmp_path / "run", device="cpu")
    first, second = load_tensors(run.weights)[0], load_tensors(resumed.weights)[0]
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_probabilities_leave_some_to_none_of_the_classes_wherever_they_are_told(run: Run) -> None:
    network, image = as_a(LeNet1998, run.network()), str(DIGITS / "a-3.png")
    (stored,) = [run.transform.stored(Path(image).read_bytes(), image)]
    inputs = run.transform(torch.from_numpy(stored[None]).permute(0, 3, 1, 2))
    y = -network(inputs)[0].double().detach().numpy()
    wanted = np.exp(-y) / (np.exp(-network.rubbish) + np.exp(-y).sum())
    told = dict(run.predict(image, top=10).top)
    assert [told[name] for name in run.classes] == pytest.approx(wanted.tolist(), rel=1e-4)
    assert next(iter(told)) == run.classes[int(y.argmin())] and sum(told.values()) < 1
    evaluation = run.evaluate()
    assert evaluation.loss > -np.log(evaluation.confidence_N.max()) > 0  # of the best answer some is left, too


@pytest.mark.parametrize("begins", ["pixels", "input"])
def test_an_exported_file_says_the_same(run: Run, tmp_path: Path, begins: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from alexlab.export.exporting import export

    made = export(run, tmp_path / "digits.onnx", begins=begins, on=DIGITS)
    assert made.agreement.holds and made.agreement.largest < 1e-4
    assert made.facts["rubbish"] == 1.0


def test_rates_are_the_papers_pass_by_pass() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    recipe = Recipe(rate=0.0005, schedule="lenet-1998")
    found = []
    for epoch in range(20):
        set_rates(optimiser, recipe, epoch, 20, epoch, 0)
        found.append(optimiser.param_groups[0]["lr"])
    assert found == pytest.approx([5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"clip": 1.0}, "has no clip; set it to 0"),
        ({"weight_decay": 0.1, "label_smoothing": 0.1}, "has no label_smoothing and no weight_decay; set them to 0"),
        ({"precision": "bfloat16"}, "computes in float32"),
    ],
)
def test_what_the_optimiser_does_not_do_is_refused(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        alexlab.train("lenet-1998", "digits", out=tmp_path / "run", epochs=1, **{**AS_WRITTEN, **values})
    assert not (tmp_path / "run").exists()


def test_the_optimiser_is_for_its_network_alone() -> None:
    with pytest.raises(UserError, match="lenet-1998 alone; choose another for lenet5"):
        make_optimiser(build("lenet5"), Recipe(network="lenet5", optimiser="diagonal-lm"))


def test_other_optimisers_learn_by_equation_9_too(tmp_path: Path) -> None:
    other = {
        "optimiser": "adamw",
        "rate": 0.003,
        "schedule": "constant",
        "batch": 50,
        "epsilon": 1e-8,
        "initialisation": "xavier",
    }
    found = alexlab.train("lenet-1998", "digits", out=tmp_path / "run", epochs=4, **{**AS_WRITTEN, **other})
    assert found.evaluate().top1 > 0.8
