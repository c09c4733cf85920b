"""Images of a split with their labels, as their source holds them: an array, or files not yet decoded."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.input.decode import Levels, Pixels, decode
from alexlab.data.sources.files import Files
from alexlab.data.sources.names import LeftOut
from alexlab.shape import Shape


class Images(Protocol):
    """Images in a fixed order."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each, unique within the split: for files the path, else the number."""

    @property
    def shape(self) -> Shape | None:
        """Channels, height and width, where all are alike without looking; else None."""

    def picture(self, index: int) -> Image.Image:
        """One image in mode "L" or "RGB". Raises UserError where it cannot be decoded."""

    def select(self, indices: NDArray[np.int64]) -> "Images":
        """Return these of the images, in this order."""


@dataclass(frozen=True)
class ArrayImages:
    """Images held as one uint8 array of shape (N, C, H, W)."""

    pixels_NCHW: Pixels
    names: Sequence[str]

    @property
    def shape(self) -> Shape:
        """Return channels, height and width, which are those of all."""
        _, channels, height, width = self.pixels_NCHW.shape
        return channels, height, width

    def picture(self, index: int) -> Image.Image:
        """Return one image in mode "L" or "RGB"."""
        pixels = self.pixels_NCHW[index]
        return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))

    def select(self, indices: NDArray[np.int64]) -> "ArrayImages":
        """Return these of the images, in this order."""
        return ArrayImages(self.pixels_NCHW[indices], [self.names[i] for i in indices])


@dataclass(frozen=True)
class FileImages:
    """Images in files, decoded when asked for.

    Attributes:
        shape: told by the catalogue where a dataset's files are all alike.
        levels: those of `data.input.decode`, where a picture has more than 8 bits.
        top: the folders above those of classes or parts, as "" or with a slash at its end: what all names begin with.
    """

    files: Files
    names: Sequence[str]
    shape: Shape | None = None
    levels: Levels | None = None
    top: str = ""

    @property
    def below(self) -> Sequence[str]:
        """The names below `top`: the same wherever a path to the images begins."""
        return [name[len(self.top) :] for name in self.names] if self.top else self.names

    def picture(self, index: int) -> Image.Image:
        """Return one image in mode "L" or "RGB"."""
        return decode(self.read(index), self.path(index), self.levels)

    def read(self, index: int) -> bytes:
        """Return the file's content."""
        return self.files.read(self.names[index])

    def path(self, index: int) -> str:
        """Return what an error calls the image."""
        return f"{self.files.root}/{self.names[index]}"

    def ahead(self, order: NDArray[np.int64]) -> AbstractContextManager[None]:
        """While the block runs, what is remote is fetched ahead for somebody who reads these images in this order."""
        remote = self.files.remote
        return remote.ahead(self.names[i] for i in order) if remote else nullcontext()

    def select(self, indices: NDArray[np.int64]) -> "FileImages":
        """Return these of the images, in this order."""
        return replace(self, names=[self.names[i] for i in indices])


@dataclass(frozen=True)
class Split:
    """Images and their labels (int64, of shape (N,), values 0 to classes - 1)."""

    images: Images
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: NDArray[np.int64]) -> "Split":
        """Return these of the images with their labels, in this order."""
        return Split(self.images.select(indices), self.labels[indices])

    def at(self, levels: Levels | None) -> "Split":
        """Return the same, with these `levels` of pictures of more than 8 bits."""
        images = self.images
        return Split(replace(images, levels=levels), self.labels) if isinstance(images, FileImages) else self


@dataclass(frozen=True)
class Dataset:
    """A dataset that has been found.

    Attributes:
        name: as the command line takes it.
        title: as a table should call it; says so where the pixels are not the published ones.
        classes: their names, in the order of the labels.
        train, validation, test: `validation` and `test` are None where the dataset has none.
        shape: channels, height, width of every image where they are alike, else None.
        mean, std: of the training pixels at 0 to 1, by channel, where the catalogue knows them.
        augment: what may be done to an image without changing its label (words of data.input.transform).
        found: the folder, file or address it was read from.
        division: what decided which images are the test and the validation images.
        left_out: how many files of the source are no images of the dataset, by the reason.
        notes: a sentence each for what is doubtful, with the way to change it.
        divided: False where `train` holds all images because nobody has said which of them are the test.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split | None
    shape: Shape | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    augment: tuple[str, ...]
    found: str
    divided: bool = True
    division: str = "as published"
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def at(self, levels: Levels | None) -> "Dataset":
        """Return the same, with these `levels` of pictures of more than 8 bits."""
        validation, test = (split.at(levels) if split else None for split in (self.validation, self.test))
        return replace(self, train=self.train.at(levels), validation=validation, test=test)
