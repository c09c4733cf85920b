"""What is drawn at random for a batch, where a process may hold a part of it alone."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Part:
    """These rows of a batch of `images`. Rows are consecutive."""

    rows: slice
    images: int


@dataclass(frozen=True)
class Draws:
    """Random numbers for each image. They are drawn for the whole batch, so that an image gets the same in whatever part it is.

    `images` is how many there are here; without a `part` they are the whole batch.
    """

    generator: torch.Generator
    images: int
    part: Part | None = None

    def uniform(self, each: int) -> torch.Tensor:
        """Numbers from 0 to 1, of shape (each, N)."""
        return self._here(torch.rand(each, self._all, generator=self.generator), 1)

    def normal(self, each: int) -> torch.Tensor:
        """Return normal numbers, of shape (N, each)."""
        return self._here(torch.randn(self._all, each, generator=self.generator), 0)

    def below(self, end: int) -> torch.Tensor:
        """Whole numbers from 0 to `end` - 1, of shape (N,)."""
        return self._here(torch.randint(end, (self._all,), generator=self.generator), 0)

    @property
    def _all(self) -> int:
        return self.images if self.part is None else self.part.images

    def _here(self, drawn: torch.Tensor, dimension: int) -> torch.Tensor:
        if self.part is None:
            return drawn
        return drawn.narrow(dimension, self.part.rows.start, self.images)
