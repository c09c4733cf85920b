"""The contact sheet of a dataset."""

from pathlib import Path

from alexlab.data.images import Dataset
from alexlab.data.input.transform import Transform
from alexlab.data.levels import measured_levels
from alexlab.data.opening import native_shape
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.recipes.resolving import resolved, transform
from alexlab.report.figures import png
from alexlab.report.sheets import contact_sheet
from alexlab.writing import write_file

OWN_SIDE = 224  # of the input shown where neither network nor dataset says one


def write_contact_sheet(dataset: Dataset, network: str | None, recipe: str, out: Path) -> None:
    """Write a PNG of examples per class, before and after the path to `network` by `recipe`.

    Without a network the path is to the dataset's own size (or 224 where its images differ in size).
    """
    levels, _ = measured_levels(dataset.train)
    dataset = dataset.at(levels)
    write_file(out, png(contact_sheet(dataset, _path_to(dataset, network, recipe))))


def _path_to(dataset: Dataset, network: str | None, recipe: str) -> Transform:
    chosen = read_recipe(recipe)
    if network or chosen.network:
        chosen = overridden(chosen, {"network": network or chosen.network})
        chosen = resolved(chosen, dataset)
        return transform(overridden(chosen, {"mean": (), "std": ()}))
    shape = native_shape(dataset) or (3, OWN_SIDE, OWN_SIDE)
    return Transform(store=shape, fit="crop", input=shape, augment=dataset.augment)
