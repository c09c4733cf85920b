"""One look whether a network can be trained, before anything is made for its training: its logits, and of a user's own a whole update."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from alexlab.errors import UserError
from alexlab.networks.naming import is_own
from alexlab.networks.own import contained, put_back, settings
from alexlab.shape import Shape

Making = Callable[[nn.Module], torch.optim.Optimizer]


def try_network(network: nn.Module, name: str, classes: int, input: Shape, make_optimiser: Making) -> None:
    """Show `network`, on the CPU, two images of zeros, and leave it in evaluation mode with its weights as they were.

    A user's own is updated once too: forward, loss, backward and optimiser step, on a copy, so that whatever stops a training is said
    now. The catalogue's are known to train. What is drawn does not move PyTorch's random numbers.

    Args:
        name: as the recipe has it: the catalogue's, or `module.py:Class`.
        make_optimiser: makes the training's optimiser for a network.

    Raises:
        UserError: the logits are not (2, classes), or the network cannot be updated.
    """
    images_NCHW = torch.zeros(2, *input)
    network.eval()
    with torch.random.fork_rng(devices=[]):
        if is_own(name):
            _try_own(network, images_NCHW, name, classes, make_optimiser)
            return
        try:
            with torch.inference_mode():
                logits_NK = network(images_NCHW)
        except Exception as error:
            raise UserError(
                f"{name}: does not take {_shown(images_NCHW)} ({type(error).__name__}: {error})."
            ) from error
        _check_logits(logits_NK, name, classes)


def trains_on_one(network: nn.Module, name: str, *inputs: Shape) -> bool:
    """Return whether `network` can be trained on a batch of one image: batch norm takes two values a channel or more.

    Only where it has batch norm is it tried, on a copy with an image of zeros of each of the shapes `inputs`.
    """
    if not any(isinstance(layer, _BatchNorm) for layer in network.modules()):
        return True
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    try:
        copied = copy.deepcopy(network).train()
    except Exception:  # it holds what cannot be copied
        return True
    try:
        with torch.random.fork_rng(devices=[]), contained(name, "a batch of one image"), torch.no_grad():
            for input in inputs:
                copied(torch.zeros(1, *input, device=device))
    except UserError as error:
        return "more than 1 value per channel" not in str(error)
    return True


def _try_own(network: nn.Module, images_NCHW: torch.Tensor, name: str, classes: int, make_optimiser: Making) -> None:
    _check_parameters(network, name)
    before = settings()
    with _told(network, name, f"a forward pass with {_shown(images_NCHW)}"):
        with (
            torch.no_grad()
        ):  # what a layer makes at its first images is to be trained, as inference mode's tensors cannot be
            logits_NK = network(images_NCHW)
        changed = put_back(before)
    _check_logits(logits_NK, name, classes)
    if changed:
        raise UserError(f"{name}: its forward pass changes {' and '.join(changed)}; take that out of it.")
    try:
        copied = copy.deepcopy(network)
    except Exception:  # it holds what cannot be copied, and its own weights are not to be changed
        return
    copied.train()
    with _told(copied, name, "a trial update"), torch.enable_grad():
        optimiser = make_optimiser(copied)
        F.cross_entropy(copied(images_NCHW).float(), torch.arange(2) % classes).backward()
        optimiser.step()


@contextmanager
def _told(network: nn.Module, name: str, doing: str) -> Iterator[None]:
    """Run the block `contained`; an error says too where the network's weights are not float32."""
    try:
        with contained(name, doing):
            yield
    except UserError as error:
        raise UserError(f"{error}{_about_type(network)}") from error


def _shown(images_NCHW: torch.Tensor) -> str:
    return f"an input of {'x'.join(map(str, images_NCHW.shape[1:]))}"


def _check_logits(logits: object, name: str, classes: int) -> None:
    if isinstance(logits, torch.Tensor) and logits.shape == (2, classes) and logits.is_floating_point():
        return
    got = (
        f"{logits.dtype} of shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
    )
    got = got.removeprefix("torch.float32 of shape ")
    raise UserError(f"{name}: makes {got} of two images; expected logits of shape (2, {classes}), one a class.")


def _check_parameters(network: nn.Module, name: str) -> None:
    parameters = list(network.parameters())
    if not parameters:
        raise UserError(f"{name}: has no parameters, so there is nothing to train.")
    if not any(each.requires_grad for each in parameters):
        raise UserError(
            f"{name}: all of its {len(parameters)} parameters are frozen (requires_grad is False), so there is nothing to train."
        )


def _about_type(network: nn.Module) -> str:
    """Return what the user should know of weights that are not float32; "" where all are."""
    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            found = str(parameter.dtype).removeprefix("torch.")
            return f" Its weights {name} are {found}; images come as float32: make the network with `.float()`."
    return ""
