"""A run's network as one program of PyTorch's: from decoded pixels to probabilities, or from the network's input to logits."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.export.path import Path
from alexlab.networks.answers import probabilities
from alexlab.networks.naming import is_own, own_code
from alexlab.networks.own import line_in_own
from alexlab.runs.run import Run

BEGINS = {
    "pixels": "decoded RGB pixels, uint8 (images, height, width, 3), to probabilities (images, classes)",
    "input": "the network's input, float32 (images, channels, height, width), to logits (images, classes)",
}
NAMES = {"pixels": ("pixels", "probabilities"), "input": ("input", "logits")}
EXAMPLE = (2, 37, 53)  # images, height, width: no number twice, so that none is taken for another


class Classifier(nn.Module):
    """Decoded RGB pixels, uint8 (N, height, width, 3), to probabilities, float32 (N, classes)."""

    def __init__(self, path: Path, network: nn.Module) -> None:
        super().__init__()
        self.path, self.network = path, network

    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class."""
        logits_NK: torch.Tensor = self.network(self.path(pixels_NHWC))
        return probabilities(self.network, logits_NK.float())


def program(run: Run, begins: str = "pixels") -> torch.export.ExportedProgram:
    """Return the program of `run`'s network, which takes any number of images.

    Args:
        begins: a word of BEGINS.

    Raises:
        UserError: PyTorch cannot export the network, which is then the user's own.
    """
    network, ready = run.network(), run.transform
    images = torch.export.Dim("images")
    with torch.no_grad(), exporting(run):
        if begins == "input":
            example = torch.zeros(EXAMPLE[0], *ready.input)
            return torch.export.export(network, (example,), dynamic_shapes=({0: images},))
        sides = {1: torch.export.Dim("height"), 2: torch.export.Dim("width")}
        example = torch.zeros(*EXAMPLE, 3, dtype=torch.uint8)
        return torch.export.export(
            Classifier(Path(ready), network).eval(), (example,), dynamic_shapes=({0: images} | sides,)
        )


@contextmanager
def exporting(run: Run) -> Iterator[None]:
    """Have PyTorch export in the block, quietly.

    Raises:
        UserError: it cannot.
    """
    log = logging.getLogger("torch")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch's exporter about itself
            yield
    except (UserError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # what the exporter and the user's own code raise is of no one family
        raise UserError(
            f"{run.recipe.network}: PyTorch cannot export this network: {_cause(error, run)}. An export is one graph for all images: what "
            "it computes must not depend on their number or on values in them. The run itself, and its weights in "
            f"{run.weights}, stay usable."
        ) from error
    finally:
        log.setLevel(level)


def _cause(error: BaseException, run: Run) -> str:
    name = own_code(run.recipe.network, run.folder)
    line = line_in_own(error, name) if is_own(name) else ""
    while error.__cause__ is not None:
        error = error.__cause__
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said[:300].rstrip('.')}{line}"
