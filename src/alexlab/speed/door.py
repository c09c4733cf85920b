"""The door to this room: a network that computes the same, faster, on the device that there is. Nobody else imports what lies behind it.

Behind it: convolutions by Fourier transforms (`fourier`), oneDNN's layouts for few channels (`blocked`), weights packed for answers
(`packing`), channels last in memory, threads that are worth it. Each knows for itself where it is of use; elsewhere a network is as it was.
"""

from contextlib import AbstractContextManager

import torch
from torch import nn

from alexlab.networks.naming import is_own
from alexlab.speed.blocked import blocked
from alexlab.speed.fourier import by_fourier
from alexlab.speed.packing import Packed, about_precision, check_precision, packed
from alexlab.speed.process import settle
from alexlab.speed.threads import multiplications, threads_for

__all__ = [
    "about_precision",
    "answering",
    "check_precision",
    "faster",
    "is_made_of",
    "layout",
    "placed",
    "threads_worth",
]


def faster(network: nn.Module, device: torch.device, training: bool, shared: bool = False) -> nn.Module:
    """Return a network with the layers' weights of `network` itself, images (N, C, H, W) to the same logits to rounding.

    Hooks that are put on layers of `network` afterwards may not be called.

    Args:
        device: where it computes; on others than the CPU it is as it is.
        training: whether it is to be differentiated; else to evaluate, with weights that may still change.
        shared: whether several processes share the images of a batch out, and reduce each layer's gradients.
    """
    if device.type != "cpu":
        return network
    return by_fourier(blocked(network) if training and not shared else network)


def answering(network: nn.Module, device: torch.device, precision: str = "float32") -> nn.Module:
    """Return `network` made ready to answer on `device`, in evaluation mode: images to float32 logits; its weights are to stay as they are.

    Raises:
        UserError: `device` or the network does not compute in this precision.
    """
    check_precision(precision, device)
    settle()
    if device.type != "cpu" and precision == "float32":
        return network
    return packed(network, precision)


def is_made_of(answers: nn.Module | None, network: nn.Module) -> bool:
    """Return whether `answers` is what `answering` made of `network`."""
    return answers is network or (isinstance(answers, Packed) and answers.exact is network)


def layout(name: str) -> torch.memory_format:
    """Return how the tensors of the network called `name` lie in memory: channels last, but for the user's own networks.

    Many flatten with `view`, which takes no other layout than the one that they were written for.
    """
    return torch.contiguous_format if is_own(name) else torch.channels_last


def placed(network: nn.Module, name: str, device: torch.device) -> nn.Module:
    """Return `network`, which is called `name`, on `device` in its `layout`."""
    moved: nn.Module = network.to(device, memory_format=layout(name))  # type: ignore[call-overload]  # which the stubs do not know
    return moved


def threads_worth(network: nn.Module, images_NCHW: torch.Tensor, batch: int) -> AbstractContextManager[None]:
    """Return a context in which PyTorch uses as many threads as an update of `batch` images like this one is worth."""
    return threads_for(multiplications(network, images_NCHW), batch)
