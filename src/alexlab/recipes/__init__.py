"""How a network is trained: one TOML file per recipe (in presets/), and the schema that reads it."""

from alexlab.recipes.reading import PRESETS, overridden, preset_text, read_recipe
from alexlab.recipes.schema import Recipe

__all__ = ["PRESETS", "Recipe", "overridden", "preset_text", "read_recipe"]
