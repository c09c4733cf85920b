"""What one small batch shows of a network: a copy of it is evaluated, saved and loaded, and trained for a few steps.

Nothing of the caller's is changed: the copy has weights and buffers of its own, and the random state is put back.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from alexlab.check.tracing import noise, type_of
from alexlab.check.trial import Fit, Layer, Trial
from alexlab.passes.copying import copied, without_hooks
from alexlab.passes.trace import tensors
from alexlab.shape import Shape

IMAGES = 8
CHEAP = 0.1
"""Seconds of a pass that is made once more although nothing looks odd."""
STEPS = 120
RATES = (1e-2, 1e-3, 1e-4)
"""Learning rates of Adam that are tried in turn: that none of them fits the batch is a finding, that one does not is none."""
LEARNT = 0.97
"""At this part of the loss of a network that sees nothing of the images, something of them has been learnt."""

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Batch:
    """Images (N, C, H, W), float, and labels (N,), integers."""

    images: torch.Tensor
    labels: torch.Tensor


def try_out(
    network: nn.Module,
    input: Shape,
    answer: Any,
    seconds: float,
    fresh: bool = False,
    again: Callable[[], nn.Module] | None = None,
    batch: Batch | None = None,
) -> Trial:
    """Return what one batch shows of `network`, whose traced `answer` to two images of noise is given.

    Args:
        seconds: how long training may take; what would take longer is not looked at.
        fresh: whether the weights are known to be untrained.
        again: builds the network anew, to see whether what is saved and loaded answers the same.
        batch: what to train on; by default smooth random images, each of its own class as far as there are classes.
    """
    first = _logits(answer)
    on_cpu = all(each.device.type == "cpu" for each in (*network.parameters(), *network.buffers()))
    if first is None or not on_cpu or first.device.type != "cpu":
        return Trial(unseen="the answer is not one row of logits for each image, or the network is not on the CPU.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        started = time.monotonic()
        trial = _evaluated(network, input, first)
        one_pass = time.monotonic() - started
        if 6 * one_pass * IMAGES / 2 > seconds:  # two steps of a forward and a backward pass each
            return replace(trial, unseen="training on one batch takes longer than a second; --run does it.")
        if again is not None and not trial.random:
            trial = replace(trial, reloaded=_reloaded(network, again, input, first))
        batch = batch or _smooth(input, first.shape[1], type_of(network))
        with _one_thread():
            return _trained(network, batch, seconds, replace(trial, fresh=fresh))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other make small networks many times slower on a busy machine (docs/decisions/threads.md)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _logits(answer: Any) -> torch.Tensor | None:
    """Return the first answer with a row for each image."""
    return next((each for each in tensors(answer) if each.dim() == 2 and each.shape[1] > 1), None)


def _smooth(input: Shape, classes: int, dtype: torch.dtype) -> Batch:
    """Random images of large patches: fine noise would be averaged away by a network that pools over whole maps."""
    channels, height, width = input
    patches = torch.randn(IMAGES, channels, min(6, height), min(6, width))
    images = F.interpolate(patches, (height, width), mode="nearest") + 0.1 * torch.randn(IMAGES, *input)
    return Batch(images.to(dtype), torch.arange(IMAGES) % classes)


def _evaluated(network: nn.Module, input: Shape, first: torch.Tensor) -> Trial:
    """Whether evaluation repeats itself, and whether an image's answer depends on the other images."""
    made = without_hooks(copied(network, "shared")).eval()
    images = noise(input, network)
    others = torch.cat([images[:1], torch.randn_like(images[1:])])
    with torch.no_grad():
        started = time.monotonic()
        changed = _logits(made(others))
        same = changed is None or changed.shape != first.shape or _same(changed[0], first[0])
        if same and time.monotonic() - started > CHEAP:
            return Trial()
        repeated = _logits(made(images))
    if same and repeated is not None and _same(repeated, first):
        return Trial()
    random = repeated is None or not _same(repeated, first)
    return Trial(random=random, mixed=not random)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max().nan_to_num()), equal_nan=True)


def _reloaded(network: nn.Module, again: Callable[[], nn.Module], input: Shape, first: torch.Tensor) -> str:
    """How the network's weights, loaded into a new one, fare: "" where the answer is the same."""
    fresh = again().eval()
    try:
        fresh.load_state_dict(network.state_dict())
    except RuntimeError as error:
        return str(error).splitlines()[0]
    with torch.no_grad():
        answer = _logits(fresh(noise(input, network)))
    return "" if answer is not None and _same(answer, first) else "another answer"


def _trained(network: nn.Module, batch: Batch, seconds: float, trial: Trial) -> Trial:
    """Train copies on the batch until one has learnt some of it, all rates are tried or the time is up."""
    end = time.monotonic() + seconds
    shares = (batch.labels.bincount() / len(batch.labels)).tolist()
    least = -sum(share * math.log(share) for share in shares if share > 0)
    best = math.inf if least > 0 else -math.inf
    for rate in RATES:
        made = _ready(network)
        update = _Adam([each for each in made.parameters() if each.requires_grad], rate)
        if not update.parameters:
            return trial
        for step in range(STEPS):
            first = step == 0 and rate == RATES[0]
            with _watched(made) if first else nullcontext() as sizes:
                answer = _logits(made(batch.images))
            if answer is None or len(answer) != len(batch.labels) or not answer.requires_grad:
                return trial
            loss = F.cross_entropy(answer, batch.labels)
            gradients = torch.autograd.grad(loss, update.parameters, allow_unused=True)
            if sizes is not None:
                layers = _layers(made, sizes, dict(zip(map(id, update.parameters), gradients, strict=True)))
                trial = replace(trial, loss=loss.item(), classes=answer.shape[1], layers=layers)
            update.step(gradients)
            best = min(best, loss.item())
            if step == 2 and rate == RATES[0]:
                trial = replace(trial, still=_still(network, made), parameters=len(update.parameters))
            if step >= 2 and best < LEARNT * least:
                return replace(trial, fit=Fit(True, best, least) if least > 0 else None)
            if time.monotonic() > end:
                return replace(
                    trial, unseen="whether one batch can be learnt was not seen in time; --run takes longer."
                )
    return replace(trial, fit=Fit(False, best, least))


class _Adam:
    """Adam (Kingma and Ba 2014, algorithm 1). PyTorch's own imports its compiler at the first step, which takes longer."""

    def __init__(self, parameters: list[nn.Parameter], rate: float) -> None:
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.means = [torch.zeros_like(each) for each in parameters]
        self.squares = [torch.zeros_like(each) for each in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[torch.Tensor | None]) -> None:
        self.steps += 1
        scale = self.rate / (1 - 0.9**self.steps)
        for parameter, gradient, mean, square in zip(self.parameters, gradients, self.means, self.squares, strict=True):
            if gradient is not None:
                mean.lerp_(gradient, 0.1)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                deviation = (square / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
                parameter.addcdiv_(mean, deviation, value=-scale)


def _still(network: nn.Module, made: nn.Module) -> tuple[str, ...]:
    """Return the parameters to be trained that are as they were."""
    now = dict(made.named_parameters())
    return tuple(n for n, value in network.named_parameters() if value.requires_grad and torch.equal(now[n], value))


def _ready(network: nn.Module) -> nn.Module:
    """Return a copy with weights of its own, in training mode but for dropout, which would hide whether the batch is fitted."""
    made = without_hooks(copied(network, "own")).train()
    for module in made.modules():
        if isinstance(module, _DROPOUTS):
            module.eval()
    return made


@contextmanager
def _watched(network: nn.Module) -> Iterator[dict[str, float]]:
    """Fill, while the block runs, the root mean square of what each layer with weights gives, in the order of the calls."""
    sizes: dict[str, float] = {}
    handles = []
    for path, module in network.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, torch.Tensor) and weight.dim() > 1 and not list(module.children()):

            def see(_module: nn.Module, _inputs: Any, answer: Any, path: str = path) -> None:
                if isinstance(answer, torch.Tensor):
                    sizes.setdefault(path, _spread(answer.detach()))

            handles.append(module.register_forward_hook(see))
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()


def _spread(values: torch.Tensor) -> float:
    """Root mean square of how images differ from their mean: what of the images gets so far."""
    return float((values - values.mean(0, keepdim=True)).square().mean().sqrt())


def _layers(
    network: nn.Module, sizes: dict[str, float], gradients: dict[int, torch.Tensor | None]
) -> tuple[Layer, ...]:
    found = []
    for path, size in sizes.items():
        gradient = gradients.get(id(network.get_submodule(path).weight))
        found.append(Layer(path, size, None if gradient is None else float(gradient.square().mean().sqrt())))
    return tuple(found)
