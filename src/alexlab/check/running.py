"""Running a script up to its first training step, and looking at the network that it trains there.

Only in the process of `alexlab.check.isolated`: this changes PyTorch for the rest of the process.
"""

import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from alexlab.check.checking import Checked, check_network
from alexlab.check.finding import Finding
from alexlab.check.looked import Part
from alexlab.check.one_batch import Batch
from alexlab.check.reading.source import Source, read_source
from alexlab.check.standing_in import stand_ins
from alexlab.check.trial import Ran
from alexlab.errors import UserError
from alexlab.networks.own import put_back, settings
from alexlab.shape import Shape

SECONDS = 10.0
"""For learning one batch: the script itself takes of the same limit."""
MOST_IMAGES = 16


class _Enough(BaseException):
    """The script has made its first step."""


@contextmanager
def loads() -> Iterator[list[str]]:
    """Note whether weights are loaded inside: such a network is not fresh."""
    noted: list[str] = []
    own, file = nn.Module.load_state_dict, torch.load

    def into(*given: Any, **more: Any) -> Any:
        noted.append("load_state_dict")
        return own(*given, **more)

    def whole(*given: Any, **more: Any) -> Any:
        noted.append("load")
        return file(*given, **more)

    nn.Module.load_state_dict, torch.load = into, whole  # type: ignore[method-assign]
    try:
        yield noted
    finally:
        nn.Module.load_state_dict, torch.load = own, file  # type: ignore[method-assign]


class _Watch(TorchFunctionMode):
    """Follows which networks a script calls on which images, with which labels, up to its first step."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, tuple[nn.Module, torch.Tensor]] = {}
        self.labels: torch.Tensor | None = None
        self.loss: str | None = None
        self.optimiser: Optimizer | None = None
        self.before: dict[int, list[torch.Tensor]] = {}
        self.stepped = True
        self._inside: list[nn.Module] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (F.cross_entropy, F.nll_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
            target = kwargs.get("target", args[1] if len(args) > 1 else None)
            self.loss = {"binary_cross_entropy": "bce"}.get(func.__name__, func.__name__)
            self.labels = target if isinstance(target, torch.Tensor) else None
        return func(*args, **kwargs)

    @contextmanager
    def following(self) -> Iterator[None]:
        handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
            register_optimizer_step_pre_hook(self._stepping),
            register_optimizer_step_post_hook(self._stepped),
        ]
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, given: Any) -> None:
        if not self._inside and given and isinstance(given[0], torch.Tensor) and given[0].dim() == 4:
            self.calls[id(module)] = (module, given[0].detach())
        self._inside.append(module)

    def _leave(self, module: nn.Module, given: Any, answer: Any) -> None:
        if self._inside and self._inside[-1] is module:
            self._inside.pop()

    def _stepping(self, optimiser: Optimizer, *given: Any) -> None:
        self.optimiser = optimiser
        self.before = {
            key: [p.detach().clone() for p in module.parameters()] for key, (module, _) in self.calls.items()
        }

    def _stepped(self, optimiser: Optimizer, *given: Any) -> None:
        held = {id(each) for group in optimiser.param_groups for each in group["params"] if group.get("lr") != 0}
        changed = False
        for key, (module, _) in self.calls.items():
            for parameter, before in zip(module.parameters(), self.before[key], strict=True):
                changed = changed or not torch.equal(parameter, before)
                with torch.no_grad():
                    parameter.copy_(before)
        self.stepped = changed or not held
        raise _Enough

    def trained(self) -> tuple[list[tuple[nn.Module, torch.Tensor]], bool]:
        """Return the networks to look at, and whether the optimiser holds any of their parameters."""
        every = [(module, images) for module, images in self.calls.values() if any(True for _ in module.parameters())]
        if self.optimiser is None:
            return every, True
        held = {id(each) for group in self.optimiser.param_groups for each in group["params"]}
        mine = [each for each in every if any(id(p) in held for p in each[0].parameters())]
        return (mine, True) if mine else (every[-1:], not every)


def run_script(path: Path, classes: int | None, guard: Callable[[str, tuple[Any, ...]], None]) -> Checked:
    """Run a script or notebook up to its first step, under `guard`, and check the networks that it trains.

    Raises:
        UserError: it ended with an error before its first step, and no network shows why.
    """
    source = read_source(path)
    watch, failed, before = _Watch(), "", settings()
    _no_workers()
    sys.argv = [str(path)]
    sys.addaudithook(guard)
    with loads() as loaded, stand_ins() as absent, watch.following():
        try:
            _execute(path, source)
        except _Enough:
            pass
        except MemoryError:
            raise
        except BaseException as error:
            if not (isinstance(error, SystemExit) and error.code in (None, 0)):
                failed = _words(error, path, source)
    put_back(before)
    networks, optimised = watch.trained()
    findings: list[Finding] = []
    missing = ", ".join(sorted(name for name in absent if "." not in name))
    unseen = (
        [f"{path}: run without {missing}, not installed: stand-ins that do nothing took their place."]
        if missing
        else []
    )
    parts: list[Part] = []
    for network, images in networks:
        batch = _batch(images, watch)
        seen = check_network(
            network,
            _shape(images),
            classes,
            watch.loss,
            SECONDS,
            fresh=not loaded,
            batch=batch,
            ran=Ran(optimised, watch.stepped),
        )
        findings += seen.findings
        unseen += seen.unseen
        parts += seen.parts
    placed = tuple(
        replace(each, place=source.place(each.place.line))
        if each.place is not None and Path(each.place.file) == path
        else each
        for each in findings
    )
    if failed and not placed:
        raise UserError(failed)
    if not networks and not failed:
        unseen.append(f"{path}: it ended without a training step, and called no network on images.")
    return Checked(placed, (*unseen, *([failed] if failed else [])), tuple(parts))


def _execute(path: Path, source: Source) -> None:
    if path.suffix == ".ipynb":
        exec(compile(source.tree, str(path), "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(str(path), run_name="__main__")


def _words(error: BaseException, path: Path, source: Source) -> str:
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    where = source.place(lines[-1]) if lines and lines[-1] else path
    what = f"exit code {error.code}" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    return f"{where}: run, it ended with {what} before its first training step. Without --run it is only read."


def _no_workers() -> None:
    """Loaders work in this process: it may start no others."""
    loader = torch.utils.data.DataLoader
    own = loader.__init__

    def alone(self: Any, *given: Any, **more: Any) -> None:
        changed = {"num_workers": 0, "prefetch_factor": None, "persistent_workers": False, "pin_memory": False}
        own(self, *given, **{**more, **{key: value for key, value in changed.items() if key in more}})

    loader.__init__ = alone  # type: ignore[method-assign]


def _shape(images: torch.Tensor) -> Shape:
    channels, height, width = images.shape[1:]
    return channels, height, width


def _batch(images: torch.Tensor, watch: _Watch) -> Batch | None:
    """Return the script's own images and labels, where they are those of a classifier."""
    labels = watch.labels
    if labels is None or labels.dim() != 1 or len(labels) != len(images) or labels.is_floating_point():
        return None
    if len(images) < 2 or not images.is_floating_point():
        return None
    return Batch(images[:MOST_IMAGES], labels[:MOST_IMAGES].long())
