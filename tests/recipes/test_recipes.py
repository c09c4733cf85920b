"""Recipes: every preset reads, says what its source says, and mistakes are named with the nearest right word."""

import math
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexlab.data.images import Dataset
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.recipes import PRESETS, Recipe, overridden, preset_text, read_recipe, resolving
from alexlab.recipes.reading import parse_setting
from alexlab.recipes.resolving import resolved, transform
from alexlab.recipes.schema import LARGEST
from tests.conftest import write_photographs

SOURCES = {
    "textbook-lenet": ("lenet5", "fashion-mnist", "xavier", "sgd", 0.9, 0.0, 256, 10),
    "textbook-alexnet": ("alexnet-textbook", "fashion-mnist", "xavier", "sgd", 0.01, 0.0, 128, 10),
    "tutorial-lenet-mnist": ("lenet-relu", "mnist", "pytorch", "sgd", 0.001, 0.9, 64, 10),
    "tutorial-lenet-fashion": ("lenet-sigmoid-max", "fashion-mnist", "keras", "sgd", 0.9, 0.0, 256, 10),
    "tutorial-alexnet8": ("alexnet8", "cifar10", "keras", "keras-adam", 0.001, 0.0, 32, 5),
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


def test_only_mxnets_trainer_divides_by_the_batch() -> None:
    assert [name for name in PRESETS if read_recipe(name).divide_by == "batch"] == ["tutorial-lenet-fashion"]


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_opens_with_source_command_and_result(name: str) -> None:
    head = preset_text(name).split("\n\n")[0]
    assert head.startswith(f"# {name}: ")
    for part in ("# Source:", "# Command: alexlab train", "# Measured here:"):
        assert part in head
    assert ("# Departs from its source: " in head) == ("# Source: none" not in head)


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
        ({"optimiser": "sgdm"}, "expected: 'adam', 'adamw', 'diagonal-lm', 'keras-adam', 'muon', 'sgd'"),
        ({"epochs": 0}, "greater than 0"),
        ({"epochs": "long"}, "epochs = 'long' does not fit"),
        ({"input": "big"}, "input = 'big' does not fit"),
        ({"input": [1, 2]}, "does not fit"),
        ({"hold_out": 1}, "less than 1"),
        ({"momentum": 1.0}, "less than 1"),
        ({"batch": 10**58}, "batch = 1000.* does not fit; expected: less than or equal to 10000000"),
        ({"batch": 10**5000}, "batch = a int too large to be shown does not fit"),
        ({"epochs": 10**58}, "less than or equal to 1000000"),
        ({"epochs": 1e308}, "less than or equal to 1000000"),
        ({"rate": 1e308}, "less than or equal to"),
        ({"std": [1e-320]}, "greater than or equal to"),
        ({"seed": 2**63}, "less than"),
        ({"pretrained": "\0"}, r"pretrained = '\\x00' does not fit; expected: text without the character NUL"),
        ({"network": "a" * 5000}, "at most 4096 characters"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        overridden(read_recipe("quick"), values)


def test_files_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('network = "lenet5"\nrate = 0.5\n')
    assert read_recipe(str(tmp_path / "mine.toml")).rate == 0.5
    (tmp_path / "bad.toml").write_text("rate = = 1")
    (tmp_path / "key.toml").write_text("rat = 1")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name, says in (
        ("bad", "not TOML"),
        ("key", "unknown key 'rat'"),
        ("binary", "not TOML"),
        ("no", "cannot be"),
    ):
        with pytest.raises(UserError, match=says):
            read_recipe(str(tmp_path / f"{name}.toml"))
    with pytest.raises(UserError, match="unknown recipe 'textbook-lenett': did you mean 'textbook-lenet'"):
        read_recipe("textbook-lenett")


def test_the_rate_is_called_lr_too(tmp_path: Path) -> None:
    """As PyTorch's optimisers call it: in a file, beside --set, and in Python; a run keeps it as `rate`."""
    (tmp_path / "mine.toml").write_text("lr = 0.5")
    assert read_recipe(str(tmp_path / "mine.toml")).rate == 0.5
    assert overridden(read_recipe("quick"), dict([parse_setting("lr=0.25")])).rate == 0.25
    assert Recipe(lr=0.125).rate == 0.125  # type: ignore[call-arg]
    assert "lr" not in overridden(read_recipe("quick"), {"lr": 1}).model_dump()
    (tmp_path / "both.toml").write_text("lr = 0.5\nrate = 0.5")
    with pytest.raises(UserError, match=r"both.toml: both lr and rate are given"):
        read_recipe(str(tmp_path / "both.toml"))
    with pytest.raises(UserError, match="--set: both lr and rate are given"):
        overridden(read_recipe("quick"), {"lr": 1, "rate": 1})
    with pytest.raises(UserError, match="both lr and rate are given"):
        Recipe(lr=1, rate=1)  # type: ignore[call-arg]
    with pytest.raises(UserError, match="lr = 'fast'|rate = 'fast' does not fit"):
        overridden(read_recipe("quick"), {"lr": "fast"})


def test_the_presets_are_the_files_of_their_folder() -> None:
    folder = Path(str(files("alexlab.recipes"))) / "presets"
    assert list(PRESETS) == sorted(path.stem for path in folder.glob("*.toml"))


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**58, -(10**58), 10**4000, 2**63, 2**31, 1e308, 5e-324, float("nan"), float("inf"), -0.0, True]),
)
TEXTS = st.one_of(st.text(), st.sampled_from(["\0", "\x1b[2J", "\ud800", "../../x", "a" * 100_000, "1" * 5000]))
ANYTHING = st.recursive(
    NUMBERS | TEXTS | st.none() | st.dates() | st.sampled_from(["network", "dataset", "auto", "image"]),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=3), each, max_size=2),
    max_leaves=5,
)
DIGITS = open_dataset("digits")


@pytest.mark.timeout(120)
@settings(deadline=2000, max_examples=300)
@given(st.dictionaries(st.sampled_from([*Recipe.model_fields, "lr"]), ANYTHING, min_size=1, max_size=3))
def test_any_value_of_any_key_is_read_or_refused(values: dict[str, object]) -> None:
    with suppress(UserError):
        recipe = overridden(read_recipe("quick"), {"network": "lenet5", **values})
        transform(overridden(resolved(recipe, DIGITS), {"mean": (), "std": ()}))


@settings(deadline=2000)
@given(st.sampled_from(list(Recipe.model_fields)), NUMBERS)
def test_a_number_that_is_read_is_one_that_this_machine_has(key: str, number: float) -> None:
    try:
        read = getattr(overridden(read_recipe("quick"), {key: number}), key)
    except UserError:
        return
    largest = LARGEST if isinstance(read, float) else 2**63 - 1
    assert isinstance(read, tuple) or (math.isfinite(read) and abs(read) <= largest), read


def test_what_does_not_fit_into_memory_is_said_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "memory_budget", lambda: 10_000_000_000)  # half of the machine's
    recipe = overridden(read_recipe("quick"), {"network": "lenet5"})
    with pytest.raises(UserError, match="store = 3 x 4096 x 4096 is more than 32 times as wide or high as the input"):
        resolved(overridden(recipe, {"store": [3, 4096, 4096]}), DIGITS)
    large = {"store": [3, 4096, 4096], "input": [3, 4096, 4096], "batch": 10_000}
    with pytest.raises(UserError, match=r"batches of 1,500 images, .* take 1,509.9 GB.* this machine has 20.0 GB"):
        resolved(overridden(recipe, large), DIGITS)
    assert resolved(overridden(recipe, {**large, "batch": 1}), DIGITS).store == (3, 4096, 4096)


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
    assert transform(grey).store == (1, 28, 28)


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
