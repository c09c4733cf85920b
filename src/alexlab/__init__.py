"""alexlab: the family of the first deep convolutional networks, LeNet to AlexNet, as software that works.

    run = alexlab.train("lenet-relu", "mnist")     a training, as a run folder
    run.evaluate(); run.predict("photo.jpg")
    alexlab.Run("runs/lenet-relu-mnist-1")          a run opened again
    alexlab.network("alexnet-torchvision")          a torch.nn.Module
    alexlab.dataset("fashion-mnist")                images and labels
    alexlab.check(network, (1, 28, 28))             the mistakes in a network

Importing it imports no torch; the first use does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexlab.api import Run, dataset, network, resume, train
    from alexlab.check import CallableModule

    check: CallableModule  # the package, which can be called

__version__ = "0.1.0"
__all__ = ["Run", "check", "dataset", "network", "resume", "train"]


def __getattr__(name: str) -> Any:
    if name == "check":  # a package that can be called
        import importlib

        return importlib.import_module("alexlab.check")
    if name in __all__:
        from alexlab import api

        return getattr(api, name)
    raise AttributeError(f"module 'alexlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
