"""Weights that others have published: what they are, fetched by name, and how they were shown images."""

from pathlib import Path
from typing import Any

from alexlab.data.catalogue import File
from alexlab.data.fetching.fetch import fetch, is_right
from alexlab.data.opening import cache_folder
from alexlab.data.progress import Progress
from alexlab.recipes.reading import read_recipe

PUBLISHED = {
    "torchvision": File("alexnet-owt-7be5be79.pth", None, "sha256:7be5be79", "https://download.pytorch.org/models/")
}
"""What can be fetched by name. The digest is the one that torchvision puts into the file's name."""

RECIPES = {"alexnet-torchvision": "torchvision-alexnet", "alexnet-caffe": "caffe-alexnet"}
"""The recipe by which each network's published weights were trained: it holds the path from an image to the input."""

CAFFE_MEAN_COLOUR = (122.67891434, 116.66876762, 104.00698793)
"""Red, green and blue of Caffe's mean image of ILSVRC-2012, averaged over the image, at 0 to 255. Source: Caffe's
classification example, which prints them blue first."""


def published(name: str, progress: Progress | None = None) -> Path:
    """Return the published weight file `name` ("torchvision"), fetched into the cache if it is not there.

    Raises:
        UserError: there is none of that name, or it is not to be had.
    """
    file = PUBLISHED[name]
    kept = cache_folder().parent / "weights"
    if (kept / file.name).is_file():
        if is_right(file, kept / file.name):
            return kept / file.name
        (kept / file.name).unlink()  # damaged since: fetched again
    return fetch(file, kept, progress)


def path_to_input(network: str) -> dict[str, Any]:
    """Return the values of a recipe that say how the published weights of `network` were shown images; empty where none are published.

    Caffe's mean image is that of ILSVRC-2012: in its place its mean colour is subtracted.
    """
    if network not in RECIPES:
        return {}
    recipe = read_recipe(RECIPES[network])
    values = recipe.model_dump(include={"store", "fit", "view", "pixels", "mean", "std"})
    return {
        **values,
        "mean": tuple(value / 255 for value in CAFFE_MEAN_COLOUR) if recipe.mean == "image" else recipe.mean,
    }
