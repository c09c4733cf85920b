"""Units that say nothing: ReLUs that are 0 for every image, sigmoids and tanhs that lie at an end of their range for every image."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from alexlab.passes.functions import operation
from alexlab.passes.seen import watch

ENDS = {"sigmoid": (0.01, 0.99), "tanh": (-0.98, 0.98)}
"""Beyond these a unit is called saturated: its derivative is below a twenty-fifth of its largest."""


@dataclass(frozen=True)
class Activity:
    """The units of one activation over some images.

    Attributes:
        layer: its name; `function` is relu, sigmoid or tanh.
        units: how many.
        silent: how many of them are 0 (relu), or saturated (the others), for every image.
        share: of all units and images together, how many are so.
    """

    layer: str
    function: str
    units: int
    silent: int
    share: float


def activity(network: nn.Module, batches: Iterable[torch.Tensor]) -> list[Activity]:
    """Return what the activations of `network` show on the inputs, (N, C, H, W) each."""
    always: dict[str, torch.Tensor] = {}
    counts: dict[str, tuple[int, int]] = {}
    functions: dict[str, str] = {}
    for inputs_NCHW in batches:
        seen = watch(network, inputs_NCHW)
        for step in seen.steps:
            names = [
                name for name in map(operation, (op.function for op in step.ops)) if name == "relu" or name in ENDS
            ]
            if not names or len(step.ops) > 2:
                continue
            made = seen.made(step)
            functions[step.name] = names[0]
            quiet = made == 0 if names[0] == "relu" else (made < ENDS[names[0]][0]) | (made > ENDS[names[0]][1])
            found = quiet.all(dim=0)
            always[step.name] = always[step.name] & found if step.name in always else found
            before = counts.get(step.name, (0, 0))
            counts[step.name] = before[0] + int(quiet.sum()), before[1] + quiet.numel()
    return [
        Activity(name, functions[name], found.numel(), int(found.sum()), counts[name][0] / counts[name][1])
        for name, found in always.items()
    ]
