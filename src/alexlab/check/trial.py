"""What a trial on one small batch showed of a network: facts for the rules, without PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A layer with weights: root mean squares of how its answers differ between images, and of its weights' gradient."""

    path: str
    spread: float
    gradient: float | None


@dataclass(frozen=True)
class Fit:
    """The end of the attempt to learn one batch by heart.

    Attributes:
        loss: the lowest that was reached.
        least: what is reached with an input of zeros in place of the images: the entropy of the labels.
    """

    fitted: bool
    loss: float
    least: float


@dataclass(frozen=True)
class Ran:
    """A script's own first step.

    Attributes:
        optimised: whether its optimiser holds any parameter of the network.
        stepped: whether it changed anything.
    """

    optimised: bool
    stepped: bool


@dataclass(frozen=True)
class Trial:
    """What was seen; None or empty where it was not looked at.

    Attributes:
        random: evaluation differs from itself.
        mixed: in evaluation, an image's answer depends on the other images.
        reloaded: what is wrong with a new network that the weights are loaded into; "" where nothing is.
        fresh: whether the weights are known to be untrained.
        loss: cross-entropy at the start, of `classes` logits.
        layers: in the order in which they are called.
        still: the parameters that three steps did not change, of `parameters` that are to be trained.
        ran: of a script that ran, what its first step did.
        fit: whether the batch could be learnt.
        unseen: what was not looked at, for the reader; "" where all was.
    """

    random: bool = False
    mixed: bool = False
    reloaded: str = ""
    fresh: bool = False
    loss: float | None = None
    classes: int = 0
    layers: tuple[Layer, ...] = ()
    still: tuple[str, ...] = ()
    parameters: int = 0
    ran: Ran | None = None
    fit: Fit | None = None
    unseen: str = ""
