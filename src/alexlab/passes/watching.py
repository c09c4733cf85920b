"""Watches one forward pass, whatever the network's own control flow is.

On the meta device a tensor has a shape and no memory, so that a network of any size can be read; on real images a pass shows
values too. Modules are watched by hooks, functional calls (`F.relu`, `x.view`) by a TorchFunctionMode, before PyTorch takes
them apart; multiply-adds by PyTorch's own formulas.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from alexlab.networks.lazy import is_lazy
from alexlab.networks.own import put_back, settings
from alexlab.passes.arithmetic import answer
from alexlab.passes.counting import Counter
from alexlab.passes.functions import RESHAPES, named_arguments
from alexlab.passes.trace import Failed, Op, Step, Trace, Value, keeps_input, tensors, values


def is_one_row(module: nn.Module, is_root: bool) -> bool:
    """Whether a module is one row of the table; the others are looked into.

    PyTorch's own layers are one row, and so is a layer of somebody else's that has no layers inside. The whole network
    is looked into even then, unless it is itself a layer of PyTorch.
    """
    own = type(module).__module__.startswith("torch.nn.")
    if isinstance(module, nn.MultiheadAttention):
        return True
    has_children = next(module.children(), None) is not None
    return not has_children and (own or not is_root) and not isinstance(module, nn.Sequential)


_HERE = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)


class Tracer(TorchFunctionMode):
    """A watch over one pass of `network`. Use `run` once.

    Args:
        counting: whether multiply-adds are counted.
        look: what to note of each tensor that is made, as its Value's `seen`.
    """

    def __init__(
        self, network: nn.Module, counting: bool = True, look: Callable[[torch.Tensor], Any] | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.counting = counting
        self.look = look
        self.ops: list[Op] = []
        self.called: set[nn.Module] = set()
        self.steps: list[Step] = []
        self.failed_op: Op | None = None
        self._counter = Counter()  # type: ignore[no-untyped-call]
        self._known: dict[int, Value] = {}
        self._alive: list[Any] = []  # a tensor's id means it only while it lives
        self._stored: set[int] = set()
        self._storages: set[int] = set()
        self._kept_already: set[int] = set()
        self._inside: list[tuple[str, nn.Module]] = [("", network)]
        self._unit: Step | None = None
        self._names: dict[str, int] = {}
        self._numbers = 0
        self._kept: dict[int, int] = {}

    def run(self, inputs: tuple[torch.Tensor, ...], training: bool) -> Trace:
        """One forward pass, and where `training`, the backward pass of the sum of its outputs."""
        stored: dict[int, str] = {}
        for name, tensor in [*self.network.named_parameters(), *self.network.named_buffers()]:
            if not is_lazy(tensor):
                weights = (name,) if isinstance(tensor, nn.Parameter) else ()
                stored[self._remember(tensor, from_input=False, weights=weights).number] = name
                self._kept_already.add(_storage(tensor))
                self._stored.add(id(tensor))
        entered = tuple(self._remember(tensor, from_input=True) for tensor in inputs)
        self._storages = self._kept_already | {_storage(tensor) for tensor in inputs}
        hooks = [hook for path, module in self.network.named_modules() for hook in self._watch(path, module)]
        self.network.train(training)
        device = inputs[0].device
        failed, outputs, total, before_it = None, None, None, settings()
        try:
            with torch.set_grad_enabled(training), torch.device(device):
                with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor), self:
                    outputs = self.network(*inputs)
                if training:
                    before = self._counter.flops
                    with self._counter:
                        _backward(outputs)
                    forward = sum(step.multiply_adds for step in self.steps)
                    total = forward + (self._counter.flops - before) // 2
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # the user's forward may raise anything; the caller explains it
            said = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__} {error}".strip())
            failed = Failed(said, self.failed_op)
        finally:
            put_back(before_it)  # and it may change the process
            for hook in hooks:
                hook.remove()
        given = self._structure(outputs)
        called = frozenset(self.called)
        return Trace(entered, tuple(self.steps), tuple(self.ops), given, outputs, failed, total, stored, called)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = _name(func)
        given = named_arguments(name, args, kwargs)
        arguments = self._structure(given)
        step = self._unit
        try:
            output, multiply_adds = self._call(name, given, func, args, kwargs)
        except Exception:
            if self.failed_op is None and any(value.from_input for value in values(arguments)):
                self.failed_op = Op(name, arguments, (), *self._inside[-1], _line())
                if step is None:
                    self._begin(self._called(name), None, tuple(values(arguments)))
            raise
        changed = args[0] if output is None and name == "__setitem__" else output
        sources = list(values(arguments))
        from_input = any(value.from_input for value in sources)
        outputs = [tensor for tensor in tensors(changed) if not self._is_weight(tensor, from_input)]
        if not outputs:
            return output
        weights = () if from_input else tuple(dict.fromkeys(w for value in sources for w in value.weights))
        made = tuple(self._remember(tensor, from_input, weights, look=True) for tensor in outputs)
        op = Op(name, arguments, made, *self._inside[-1], _line(), multiply_adds)
        self.ops.append(op)
        if from_input:
            if step is None:
                step = self._begin(self._called(name), None, tuple(v for v in sources if v.from_input))
                step.outputs = made
            step.ops.append(op)
            step.multiply_adds += multiply_adds
            if self._unit is None:  # what a module takes is known when it ends: its outputs, not its scratch paper
                step.allocated += self._allocate(outputs)
            step.kept += sum(self._kept.values())
            self._kept.clear()
        return output

    def _call(
        self, name: str, given: dict[str, Any], func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, int]:
        """Return what a function gives, worked out where that can be; and its multiply-adds."""
        answered = answer(name, given)
        if answered is not None:
            return answered
        if name in RESHAPES or not self.counting:
            return func(*args, **kwargs), 0
        before = self._counter.flops
        with self._counter:
            output = func(*args, **kwargs)
        sliding = name.startswith("conv") or "_pool" in name
        if sliding and isinstance(output, torch.Tensor) and 0 in output.shape and 0 not in given["input"].shape:
            raise RuntimeError(f"Calculated output size: {tuple(output.shape)}. Output size is too small")
        return output, (self._counter.flops - before) // 2

    def _watch(self, path: str, module: nn.Module) -> list[Any]:
        one_row = is_one_row(module, path == "")

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if one_row and self._unit is None:
                given = tuple(values(self._structure((args, kwargs))))
                self._unit = self._begin(path or type(module).__name__.lower(), module, given)
            self._inside.append((path, module))
            self.called.add(module)

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            self._inside.pop()
            if self._unit is not None and self._unit.module is module:
                self._unit.outputs = tuple(values(self._structure(output)))
                self._unit.allocated = self._allocate(list(tensors(output)))
                unit, self._unit = self._unit, None
                if keeps_input(module):
                    for tensor in (tensor for tensor in tensors(args) if tensor.requires_grad):
                        self._keep(tensor)
                    unit.kept += sum(self._kept.values())
                    self._kept.clear()

        return [
            module.register_forward_pre_hook(enter, with_kwargs=True),
            module.register_forward_hook(leave, always_call=True),
        ]

    def _begin(self, name: str, module: nn.Module | None, inputs: tuple[Value, ...]) -> Step:
        times = self._names[name] = self._names.get(name, 0) + 1
        repeated = name if times == 1 else f"{name} ({times})"
        self.steps.append(Step(repeated, module, tuple(value for value in inputs if value.from_input)))
        return self.steps[-1]

    def _called(self, function: str) -> str:
        path, _ = self._inside[-1]
        return f"{path}.{function}" if path else function

    def _is_weight(self, tensor: torch.Tensor, from_input: bool) -> bool:
        return isinstance(tensor, nn.Parameter) or (id(tensor) in self._stored and not from_input)

    def _remember(
        self, tensor: torch.Tensor, from_input: bool, weights: tuple[str, ...] = (), look: bool = False
    ) -> Value:
        self._numbers += 1
        with torch._C.DisableTorchFunction():
            value = Value(
                self._numbers,
                tuple(tensor.shape),
                tensor.element_size(),
                from_input,
                weights,
                _storage(tensor),
                isinstance(tensor, nn.Parameter),
                self.look(tensor) if look and self.look is not None else None,
            )
        self._known[id(tensor)] = value
        self._alive.append(tensor)
        return value

    def _structure(self, given: Any) -> Any:
        """`given` with each tensor replaced by its Value."""
        if isinstance(given, torch.Tensor):
            return self._known.get(id(given)) or self._remember(given, from_input=False)
        if isinstance(given, dict):
            return {key: self._structure(item) for key, item in given.items()}
        if isinstance(given, list | tuple):
            return tuple(self._structure(item) for item in given)
        return given

    def _allocate(self, tensors: list[torch.Tensor]) -> int:
        taken = 0
        for tensor in tensors:
            if tensor.layout != torch.strided:
                continue
            storage = tensor.untyped_storage()
            if storage._cdata not in self._storages:
                self._storages.add(storage._cdata)
                taken += storage.nbytes()
        return taken

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout != torch.strided or (self._unit is not None and keeps_input(self._unit.module)):
            return tensor
        storage = tensor.untyped_storage()
        if storage._cdata not in self._kept_already:
            self._kept_already.add(storage._cdata)
            self._kept[storage._cdata] = storage.nbytes()
            self._alive.append(tensor)
        return tensor


def _storage(tensor: torch.Tensor) -> int:
    """Return what names the memory of `tensor`; 0 where it has none of its own, as a sparse one."""
    return 0 if is_lazy(tensor) or tensor.layout != torch.strided else tensor.untyped_storage()._cdata


def _line() -> tuple[str, int] | None:
    """Return the line of the network's own code that made the call."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_HERE):
            if frame.f_code.co_name == "run":
                return None
        elif not file.startswith(_TORCH) and not file.startswith("<"):
            return file, frame.f_lineno
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def _name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", "") or type(func).__name__
    if name == "__get__":
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return name


def _backward(outputs: Any) -> None:
    sums = [tensor.sum() for tensor in tensors(outputs) if tensor.requires_grad]
    if sums:
        torch.stack(sums).sum().backward()
