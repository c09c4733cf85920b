"""Recipes from TOML: the presets, the user's own files, and values given on the command line."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alexlab.errors import UserError, unknown
from alexlab.recipes.schema import ALSO, OTHER_WORDS, Recipe, renamed
from alexlab.regular import check_regular
from alexlab.showing import brief

_FOLDER = files("alexlab.recipes") / "presets"
PRESETS = tuple(sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml")))
"""Names of the recipes that come with alexlab: of the files in presets/."""

EXAMPLES = {"rate": "0.05", "batch": "64", "epochs": "20", "seed": "1", "augment": "mirror", "optimiser": "adamw"}
"""Values of keys, for a message that shows how one is set."""

LONGEST = 100_000  # characters of a recipe


def preset_text(name: str) -> str:
    """Return the TOML text of a preset. Raises UserError with the nearest name where there is none."""
    if name not in PRESETS:
        raise unknown("recipe", name, [*PRESETS, "FILE.toml"], "alexlab recipes")
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(name: str) -> Recipe:
    """Return the preset `name`, or the recipe in the file `name` where it ends in .toml.

    Raises:
        UserError: no such recipe, no TOML, an unknown key (with the nearest known one) or a value that does not fit.
    """
    if not name.endswith(".toml"):
        return _parsed(preset_text(name), name)
    check_regular(Path(name))
    try:
        with Path(name).open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(LONGEST + 1)
    except OSError as error:
        raise UserError(f"recipe {name}: cannot be read ({error.strerror or error}).") from error
    if len(text) > LONGEST:
        raise UserError(f"recipe {name}: longer than {LONGEST:,} characters; that is no recipe.")
    return _parsed(text, name)


def _parsed(text: str, where: str) -> Recipe:
    try:
        return _validated(tomllib.loads(text), f"recipe {where}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"recipe {where}: not TOML ({error}).") from error


def overridden(recipe: Recipe, values: Mapping[str, Any], where: str = "--set") -> Recipe:
    """Return the recipe with some values replaced. Raises UserError as `read_recipe` does."""
    return _validated({**recipe.model_dump(), **_renamed(values, where)}, where)


def parse_setting(setting: str) -> tuple[str, Any]:
    """Key and value of a `key=value`, the value in TOML; a bare word is a string."""
    key, equals, value = setting.partition("=")
    if not equals or not key.strip():
        word = key.strip()
        known = {**{each: each for each in Recipe.model_fields}, **ALSO, **OTHER_WORDS}.get(word)
        example = (
            f"--set {word if word in ALSO else known}={EXAMPLES.get(known, '...')}" if known else "--set rate=0.05"
        )
        raise UserError(f"--set {setting}: expected key=value, such as {example}.")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        parsed = value.strip()
    return key.strip(), parsed


def _renamed(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    try:
        return renamed(values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _validated(values: Mapping[str, Any], where: str) -> Recipe:
    values = _renamed(values, where)
    for key in values:
        if key in OTHER_WORDS:
            raise UserError(
                f"{where}: unknown key {key!r}: did you mean {OTHER_WORDS[key]!r}? `alexlab recipes show quick` lists them."
            )
        if key not in Recipe.model_fields:
            raise UserError(
                f"{where}: {unknown('key', str(key)[:100], Recipe.model_fields, 'alexlab recipes show quick')}"
            )
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        expected = "; or ".join(
            dict.fromkeys(_expected(each["msg"]) for each in error.errors() if each["loc"][0] == key)
        )
        raise UserError(f"{where}: {key} = {brief(values[key])} does not fit; expected: {expected}.") from None


def _expected(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("a valid ")
