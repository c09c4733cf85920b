"""A quick answer leaves out a part of PyTorch's import, and only where it is known to be safe."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import alexlab as package
from alexlab.data.opening import open_dataset
from alexlab.speed.process import TRIED_WITHOUT

ASKED = """
import sys
from pathlib import Path
from alexlab.speed import process
process.TRIED_WITHOUT = {tried!r}
process.import_without_registrations(Path("run"))
print("torch._meta_registrations" in sys.modules, "torch" in sys.modules)
"""


def leaves_out(tried: tuple[str, ...] = ("",)) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", ASKED.format(tried=tried)], capture_output=True, text=True, check=True
    ).stdout
    assert done.endswith(" False\n")  # nothing of PyTorch is imported yet
    return done.startswith("True")


def a_run_of(network: str) -> None:
    Path("run").mkdir(exist_ok=True)
    Path("run/recipe.toml").write_text(f'network = "{network}"\n')


def test_networks_of_the_catalogue_in_releases_that_were_tried() -> None:
    a_run_of("lenet5")
    assert leaves_out()
    assert not leaves_out(("0.1.",))


def test_other_runs_import_all_of_pytorch() -> None:
    assert not leaves_out()  # there is none
    a_run_of("mynet.py:Net")  # may compile itself
    assert not leaves_out()
    Path("run/recipe.toml").write_text("network = [")
    assert not leaves_out()


@pytest.mark.parametrize("network", ["lenet-relu", "alexnet8"])
def test_the_command_answers_as_a_process_with_all_of_pytorch(
    network: str, alexlab: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    side = 28 if network == "lenet-relu" else 32
    run = package.train(network, "digits", out="made", epochs=0.01, batch=8, device="cpu", input=[1, side, side])
    open_dataset("digits").test.images.picture(3).save("digit.png")  # type: ignore[union-attr]
    done = alexlab("predict", str(run.folder), "digit.png", "--json", "--top", "3")
    assert done.returncode == 0, done.stderr
    found = {each["class"]: each["probability"] for each in json.loads(done.stdout)["top"]}
    expected = dict(run.predict("digit.png", top=3, device="cpu").top)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.skipif(
    not version("torch").startswith(TRIED_WITHOUT), reason="not tried with this PyTorch: all of it is imported"
)
def test_the_command_leaves_it_out() -> None:
    run = package.train("lenet-relu", "digits", out="made", epochs=0.01, batch=8, device="cpu")
    open_dataset("digits").test.images.picture(3).save("digit.png")  # type: ignore[union-attr]
    command = [sys.executable, "-X", "importtime", "-m", "alexlab", "predict", str(run.folder), "digit.png"]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "torch.nn.modules.conv" in imported and "torch._meta_registrations" not in imported
