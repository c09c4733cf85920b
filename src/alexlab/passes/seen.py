"""One pass with all its values: what every layer made of an image, and what every weight was."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from alexlab.errors import UserError, unknown
from alexlab.passes.trace import Op, Step, Trace, Value
from alexlab.passes.watching import Tracer


@dataclass(frozen=True)
class Seen:
    """A pass that was watched, its tensors kept as they were when they were made.

    Attributes:
        network: whose pass it is.
        inputs_NCHW: what it was given.
        trace: what the pass showed; each Value that was made holds its tensor in `seen`.
        returned: what each layer returned, by its Value's number: some write into a tensor after it was made.
    """

    network: nn.Module
    inputs_NCHW: torch.Tensor
    trace: Trace
    returned: dict[int, torch.Tensor]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers in the order in which they were executed, those that made something for every image."""
        count = len(self.inputs_NCHW)
        return tuple(
            step
            for step in self.trace.steps
            if step.outputs and step.outputs[0].shape[:1] == (count,) and step.outputs[0].seen is not None
        )

    @property
    def logits_NK(self) -> torch.Tensor:  # noqa: N802  as tensors are named
        """What the network answered."""
        answer = self.trace.answer
        if not isinstance(answer, torch.Tensor):
            raise UserError("the network returns no tensor of logits.")
        return answer.detach()

    def step(self, name: str) -> Step:
        """Return the layer called `name`. Raises UserError where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise unknown("layer", name, [step.name for step in self.steps])

    def made(self, step: Step) -> torch.Tensor:
        """Return what a layer made, with the batch."""
        return self.tensor(step.outputs[0])

    def tensor(self, value: Value) -> torch.Tensor:
        """Return the tensor that a Value of this pass was. Raises KeyError where nobody kept it."""
        if value.number in self.returned:
            return self.returned[value.number]
        if isinstance(value.seen, torch.Tensor):
            return value.seen
        for given, tensor in zip(self.trace.inputs, (self.inputs_NCHW,), strict=True):
            if given.number == value.number:
                return tensor
        return self._stored(self.trace.stored[value.number])

    def _stored(self, name: str) -> torch.Tensor:
        owner, _, last = name.rpartition(".")
        found: torch.Tensor = getattr(self.network.get_submodule(owner), last)
        return found.detach()


def watch(network: nn.Module, inputs_NCHW: torch.Tensor) -> Seen:
    """Watch one pass of `network` in evaluation mode; it stays as it was.

    Raises:
        UserError: the pass fails.
    """
    was_training = network.training
    kept: dict[nn.Module, list[torch.Tensor]] = {}

    def keep(module: nn.Module, given: object, made: object) -> None:
        if isinstance(made, torch.Tensor):
            with torch._C.DisableTorchFunction():
                kept.setdefault(module, []).append(_kept(made))

    hooks = [module.register_forward_hook(keep) for module in network.modules()]
    try:
        trace = Tracer(network, counting=False, look=_kept).run((inputs_NCHW,), training=False)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    if trace.failed is not None:
        error = trace.failed.error
        raise UserError(f"the forward pass fails with {type(error).__name__}: {str(error).splitlines()[0][:200]}.")
    times: dict[nn.Module, int] = {}
    returned = {}
    for step in trace.steps:
        if step.module is None or not step.outputs or step.module not in kept:
            continue
        number = times[step.module] = times.get(step.module, -1) + 1
        returned[step.outputs[0].number] = kept[step.module][number]
    return Seen(network, inputs_NCHW, trace, returned)


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()  # before a ReLU works in place on it


def main_op(step: Step, wanted: Callable[[str], bool]) -> Op | None:
    """Return the layer's first call of a function that is `wanted`; None where it makes none."""
    return next((op for op in step.ops if wanted(op.function)), None)
