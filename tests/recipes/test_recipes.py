"""Recipes: every preset reads, says what its source says, and mistakes are named with the nearest right word."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexlab.data.images import Dataset
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.recipes import PRESETS, Recipe, overridden, preset_text, read_recipe
from alexlab.recipes.reading import parse_setting
from alexlab.recipes.resolving import preparation, resolved
from tests.conftest import write_photographs

SOURCES = {
    "textbook-lenet": ("lenet5", "fashion-mnist", "xavier", "sgd", 0.9, 0.0, 256, 10),
    "textbook-alexnet": ("alexnet-textbook", "fashion-mnist", "xavier", "sgd", 0.01, 0.0, 128, 10),
    "tutorial-lenet-mnist": ("lenet-relu", "mnist", "pytorch", "sgd", 0.001, 0.9, 64, 10),
    "tutorial-lenet-fashion": ("lenet-sigmoid-max", "fashion-mnist", "keras", "sgd", 0.9, 0.0, 256, 10),
    "tutorial-alexnet8": ("alexnet8", "cifar10", "keras", "adam", 0.001, 0.0, 32, 5),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_recipe_from_a_source_does_as_its_source(name: str) -> None:
    r = read_recipe(name)
    assert SOURCES[name] == (r.network, r.dataset, r.initialisation, r.optimiser, r.rate, r.momentum, r.batch, r.epochs)
    assert (r.watch, r.select, r.patience, r.augment, r.schedule, r.weight_decay) == (
        "test",
        "last",
        0,
        (),
        "constant",
        0,
    )


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_opens_with_source_command_and_result(name: str) -> None:
    head = preset_text(name).split("\n\n")[0]
    assert head.startswith(f"# {name}: ")
    for part in ("# Source:", "# Command: alexlab train", "# Measured here:"):
        assert part in head


def test_quick_explains_every_key() -> None:
    """The recipe to start from lists all keys, each with a remark."""
    lines = [line.lstrip("# ") for line in preset_text("quick").splitlines() if "=" in line]
    listed = {line.split("=")[0].strip(): "#" in line for line in lines}
    for key in Recipe.model_fields:
        assert key in listed, key


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rte": 1}, "unknown key 'rte': did you mean 'rate'"),
        ({"rate": "fast"}, "rate = 'fast' does not fit; expected: number"),
        ({"rate": -1}, "greater than 0"),
        ({"rate": float("nan")}, "finite"),
        ({"optimiser": "sgdm"}, "expected: 'sgd', 'adam', 'adamw'"),
        ({"epochs": 0}, "greater than 0"),
        ({"epochs": "long"}, "epochs = 'long' does not fit"),
        ({"input": "big"}, "input = 'big' does not fit"),
        ({"input": [1, 2]}, "does not fit"),
        ({"hold_out": 1}, "less than 1"),
        ({"momentum": 1.0}, "less than 1"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        overridden(read_recipe("quick"), values)


def test_files_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('network = "lenet5"\nrate = 0.5\n')
    assert read_recipe(str(tmp_path / "mine.toml")).rate == 0.5
    (tmp_path / "bad.toml").write_text("rate = = 1")
    (tmp_path / "key.toml").write_text("lr = 1")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name, says in (
        ("bad", "not TOML"),
        ("key", "unknown key 'lr'"),
        ("binary", "cannot be read"),
        ("no", "cannot be"),
    ):
        with pytest.raises(UserError, match=says):
            read_recipe(str(tmp_path / f"{name}.toml"))
    with pytest.raises(UserError, match="unknown recipe 'textbook-lenett': did you mean 'textbook-lenet'"):
        read_recipe("textbook-lenett")


@given(st.text(max_size=30))
def test_any_setting_is_read_or_refused(text: str) -> None:
    try:
        key, _ = parse_setting(text)
        assert key and "=" in text
    except UserError:
        pass


def test_settings_are_toml_or_words() -> None:
    assert parse_setting("rate=0.5") == ("rate", 0.5)
    assert parse_setting("augment=['mirror']") == ("augment", ["mirror"])
    assert parse_setting("optimiser=adam") == ("optimiser", "adam")


@pytest.fixture
def photos(tmp_path: Path) -> Dataset:
    return open_dataset(f"folder:{write_photographs(tmp_path / 'photos')}")


def test_resolving_leaves_nothing_open(photos: Dataset) -> None:
    digits = open_dataset("digits")
    lenet = resolved(overridden(read_recipe("quick"), {"network": "lenet5"}), digits)
    assert (lenet.classes, lenet.input, lenet.store, lenet.fit) == (10, (1, 28, 28), (1, 8, 8), "stretch")
    assert (lenet.mean, lenet.std, lenet.augment) == (digits.mean, digits.std, ("shift",))
    alexnet = resolved(overridden(read_recipe("quick"), {"network": "alexnet-torchvision", "input": 96}), photos)
    assert (alexnet.classes, alexnet.input, alexnet.store, alexnet.fit) == (2, (3, 96, 96), (3, 96, 96), "crop")
    assert alexnet.mean == "dataset"  # to be measured on the stored images
    grey = resolved(overridden(read_recipe("textbook-lenet"), {"dataset": "folder:x"}), photos)
    assert preparation(grey).store == (1, 28, 28)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"classes": 3}, "says 3 classes, but photos has 2"),
        ({"augment": ["mirorr"]}, "did you mean 'mirror'"),
        ({"augment": ["crop", "random-resized-crop"]}, "choose one"),
        ({"augment": ["crop"], "store": 20}, "does not fit into stored images of 20x20"),
        ({"mean": [0.1, 0.2]}, "mean has 2 values; expected one, or one for each of 1 channels"),
        ({"network": "mine.py:Net"}, "which input does it take"),
        ({"network": "lenet"}, "did you mean"),
    ],
)
def test_contradictions(photos: Dataset, values: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        resolved(overridden(read_recipe("quick"), {"network": "lenet5", **values}), photos)
