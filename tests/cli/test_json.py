"""What a command prints as JSON is one document that says what its text says."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import alexlab
from alexlab.cli.datasets import datasets
from alexlab.cli.diagram import diagram
from alexlab.cli.look import look
from alexlab.cli.networks import networks
from alexlab.cli.recipes import recipes
from alexlab.networks.catalogue import find
from alexlab.recipes import read_recipe
from tests.conftest import write_photographs


def told(command: Any, *arguments: str, code: int = 0) -> Any:
    found = CliRunner().invoke(command, [*arguments, "--json"])
    assert found.exit_code == code, found.output
    return json.loads(found.stdout)


def test_a_recipe_and_a_network(own_folder: None) -> None:
    recipe = told(recipes, "show", "tutorial-alexnet8")
    assert recipe["name"] == "tutorial-alexnet8" and recipe["about"].startswith("AlexNet8 on CIFAR-10")
    assert recipe["epsilon"] == read_recipe("tutorial-alexnet8").epsilon
    assert recipe in told(recipes)
    network = told(networks, "show", "alexnet-2012")
    assert (network["parameters"], network["source"]) == (60_965_224, find("alexnet-2012").source)
    assert network in told(networks)


def test_files_that_are_written_are_named(own_folder: None) -> None:
    assert told(diagram, "lenet5", "-o", "lenet.svg") == {"file": "lenet.svg"} and Path("lenet.svg").exists()
    assert told(datasets, "show", "digits", "-o", "digits.png") == {"file": "digits.png"}
    assert Path("digits.png").exists()
    run = alexlab.train("mlp", "digits", epochs=0.1, out="run", device="cpu")
    found = told(look, str(run.folder))
    assert Path(found["page"]).name == "look.html" and found["pictures"]
    assert all(Path(file).exists() for file in (found["page"], *found["pictures"]))


def test_what_a_look_at_every_image_shows(own_folder: None) -> None:
    photos = write_photographs(Path("photos"), each=6)
    found = told(datasets, "check", f"folder:{photos}")
    assert [each["class"] for each in found["classes"]] == ["blue", "red"]
    images = {split: each["images"] for split, each in found["splits"].items()}
    assert sum(images.values()) == 12
    assert {split: sum(each[split] for each in found["classes"]) for split in images} == images
    assert all(each["colour"] == each["images"] and not each["unreadable"] for each in found["splits"].values())
    said = CliRunner().invoke(datasets, ["check", f"folder:{photos}"]).stdout
    assert found["title"] in said and all(note in said for note in found["notes"])


@pytest.mark.parametrize("images", [(), ("--images",)])
def test_missing_parts_are_in_the_list_and_in_the_exit_code(own_folder: None, images: tuple[str, ...]) -> None:
    Path("imagenet/train").mkdir(parents=True)
    found = told(datasets, "check", "ilsvrc:imagenet", *images, code=2)
    assert any(part["problem"] for part in found["parts"]) and "splits" not in found
