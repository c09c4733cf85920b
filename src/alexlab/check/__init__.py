"""Finding mistakes in somebody's network or training script, one rule per file.

From Python, `alexlab.check(network, input)` looks at a network that exists; nothing of it is changed. The module is
callable, because its name is the verb.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alexlab.check.checking import LONG, SHORT, Checked, check_network, check_script
from alexlab.check.finding import Finding, Place, Severity, Text
from alexlab.check.targets import check_target

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Checked", "Finding", "Place", "Severity", "Text", "check_network", "check_script", "check_target"]


class CallableModule(ModuleType):
    """A module that can be called."""

    def __call__(
        self,
        network: "nn.Module",
        input: Any = None,
        classes: int | None = None,
        loss: str | None = None,
        run: bool = False,
    ) -> list[Finding]:
        """Return the mistakes in a network: `check_network`'s findings. With `run` a batch may take half a minute.

        `input` is the shape of an image, or images whose shape is meant.
        """
        if input is not None and hasattr(input, "shape"):
            input = tuple(input.shape[-3:])
        return list(check_network(network, input, classes, loss, LONG if run else SHORT).findings)


sys.modules[__name__].__class__ = CallableModule
