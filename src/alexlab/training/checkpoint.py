"""Where a training stands, kept in one file, so that it can go on as if it had never stopped."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.training.weights import check_tensors, load_tensors, save_tensors

FORMAT = 1


@dataclass
class Sums:
    """Loss and right answers over the training images since some moment."""

    loss: float = 0.0
    right: int = 0
    images: int = 0

    def add(self, loss: float, right: int, images: int) -> None:
        """`loss` is the mean over these images."""
        self.loss += loss * images
        self.right += right
        self.images += images

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy."""
        return self.loss / self.images, self.right / self.images


@dataclass
class Standing:
    """Where a training stands: `batch` batches of epoch `epoch` (both from 0) are done."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None  # watched accuracy; among equals the lower loss is the better
    best_loss: float = 0.0
    best_epoch: int = 0
    stale: int = 0
    plateaus: int = 0
    since_epoch: Sums = field(default_factory=Sums)
    since_point: Sums = field(default_factory=Sums)
    seconds: float = 0.0  # spent in updates, over all sittings
    images: int = 0  # trained in that time


def save_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, standing: Standing) -> None:
    """Write network, optimiser and standing to one safetensors file."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    save_tensors(path, tensors, {"format": FORMAT, "standing": asdict(standing)})


def load_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> Standing:
    """Bring network and optimiser to where the checkpoint left them.

    Raises:
        UserError: the file is damaged, of another format, or of another network.
    """
    tensors, facts = load_tensors(path)
    if facts.get("format") != FORMAT:
        raise UserError(f"{path}: a checkpoint of format {facts.get('format')}; this alexlab reads format {FORMAT}.")
    weights = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
    check_tensors(network.state_dict(), weights, str(path))
    network.load_state_dict(weights)
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            # Laid out as its parameter: the fused updates go through both from front to back.
            parameter = parameters[int(index)]
            laid_out = (
                torch.empty_like(parameter, device="cpu").copy_(tensor) if tensor.shape == parameter.shape else tensor
            )
            state.setdefault(int(index), {})[key] = laid_out
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return _standing(facts["standing"])


def _standing(facts: dict[str, Any]) -> Standing:
    since_epoch, since_point = Sums(**facts.pop("since_epoch")), Sums(**facts.pop("since_point"))
    return Standing(**facts, since_epoch=since_epoch, since_point=since_point)
