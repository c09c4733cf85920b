"""One network in several processes: each computes a part of the batch, and all make the update of the whole.

PyTorch's DistributedDataParallel sums the gradients while the backward pass goes on. Batch normalisation takes its statistics over
the whole batch: by PyTorch's SyncBatchNorm on GPUs, which refuses CPUs; there by the layer below.
"""

import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.errors import UserError
from alexlab.inference.evaluation import BATCH, Evaluation, Progress, from_logits, log_probabilities
from alexlab.parallel.processes import Processes
from alexlab.speed.door import faster

BUCKET_MB = 25  # the choice of PyTorch


def in_parallel(network: nn.Module, device: torch.device) -> nn.Module:
    """Return what gives the logits of `network` for this process's part of a batch, and leaves in it the gradient of the whole.

    Its batch normalisation is synchronised from now on, in evaluation it is what it was. The loss to start from is this process's part of
    the sum over the batch, divided by the batch and multiplied by the number of processes: DistributedDataParallel takes the mean.
    """
    synchronised(network, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers is about to get another name
        return DistributedDataParallel(
            faster(network, device, training=True, shared=True),
            broadcast_buffers=False,  # the statistics of batch norm are the same everywhere already
            gradient_as_bucket_view=True,
            bucket_cap_mb=BUCKET_MB,
            static_graph=True,
        )


def check_parts(network: nn.Module, input: tuple[int, ...], images: int, batch: int, processes: Processes) -> None:
    """Raise UserError unless the batches of `images` training images can be shared out among the processes."""
    count = processes.count
    if count > images:
        raise UserError(f"{count} processes, and only {images} training images: start at most {images}.")
    if batch % count:
        near = max(count, batch // count * count)
        raise UserError(
            f"a batch of {batch} cannot be divided evenly by {count} processes; take --set batch={near} or batch={near + count}."
        )
    if 0 < (last := images % batch) < count:  # then a process has no image of an epoch's last batch
        device = next(network.parameters()).device
        try:
            with torch.no_grad():
                network(torch.zeros(0, *input, device=device))
        except Exception as error:
            raise UserError(
                f"an epoch's last batch has {last} of {images} images for {count} processes, and the network does not take an empty batch "
                f"({type(error).__name__}: {error}). Choose another --set batch, or flatten with x.flatten(1)."
            ) from error


def synchronised(network: nn.Module, device: torch.device) -> None:
    """Let every batch normalisation in `network` take its statistics over all processes. Names and tensors stay."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, _BatchNorm) and not isinstance(layer, nn.SyncBatchNorm | SynchronisedBatchNorm):
                parent.add_module(name, _counterpart(layer, device))


def _counterpart(layer: _BatchNorm, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(layer)  # type: ignore[no-untyped-call]
        return converted
    made = SynchronisedBatchNorm(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    made._parameters, made._buffers, made.training = layer._parameters, layer._buffers, layer.training
    return made


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation over the images of all processes, on any device that the process group reaches. An empty part is a part."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        pass  # 1, 2 and 3 dimensions beside images and channels

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise `input` (N, C, ...) by the statistics of all processes' images."""
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        over = [dimension for dimension in range(input.dim()) if dimension != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        count = input.new_tensor([input.numel() / self.num_features])
        sums = _summed(torch.cat([input.sum(over), count]))
        total = sums[-1]
        mean = sums[:-1] / total
        centred = input - mean.view(shape)
        variance = (
            _summed(centred.square().sum(over)) / total
        )  # in a second exchange: a difference of squares loses digits
        if self.training and self.running_mean is not None and self.running_var is not None:
            self._keep(mean.detach(), variance.detach(), float(total.detach()))
        normalised: torch.Tensor = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised

    @torch.no_grad()
    def _keep(self, mean: torch.Tensor, variance: torch.Tensor, total: float) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(
            variance * (total / max(1.0, total - 1)), share
        )  # as PyTorch: unbiased there, biased in use


class _Summed(torch.autograd.Function):
    """The sum over all processes. What each makes of it comes back to all, so the gradient is a sum too."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def _summed(tensor: torch.Tensor) -> torch.Tensor:
    summed: torch.Tensor = _Summed.apply(tensor)  # type: ignore[no-untyped-call]
    return summed


def share_of_loss(images: int, whole: int, processes: Processes) -> float:
    """Return what the mean loss over this process's `images` of a batch of `whole` is multiplied by, as `in_parallel` wants it."""
    return processes.count * images / whole


def spread(network: nn.Module, optimiser: torch.optim.Optimizer, processes: Processes) -> None:
    """Give every process the weights and the optimiser's state of the first."""
    for tensor in network.state_dict().values():
        _from_first(tensor, processes)
    mine = optimiser.state_dict()
    kinds = processes.from_first(
        {
            index: {name: (tuple(value.shape), value.dtype) for name, value in state.items() if torch.is_tensor(value)}
            for index, state in mine["state"].items()
        }
    )
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for index, state in kinds.items():
        for name, (shape, dtype) in state.items():
            like = parameters[index]
            own = mine["state"][index][name] if processes.is_first else torch.empty(shape, dtype=dtype)
            if not processes.is_first and like.shape == own.shape:
                own = torch.empty_like(like, dtype=dtype)  # laid out as its parameter
            states.setdefault(index, {})[name] = _from_first(own, processes)
    if not processes.is_first:
        optimiser.load_state_dict({"state": states, "param_groups": mine["param_groups"]})


def _from_first(tensor: torch.Tensor, processes: Processes) -> torch.Tensor:
    sent = tensor.detach().contiguous()  # a copy where the channels lie last, which Gloo does not take
    dist.broadcast(sent, src=0)
    if not processes.is_first:
        tensor.detach().copy_(sent)
    return tensor


def over_all(
    seen: list[tuple[float, int, int]], asked: bool, processes: Processes
) -> tuple[list[tuple[float, int, int]], bool]:
    """Mean loss, right answers and images of some updates over all processes, and whether one of them was asked to stop."""
    mine = [figure for loss, right, images in seen for figure in (loss * images, right, images)]
    *sums, stop = processes.sums(*mine, asked)
    figures = zip(sums[::3], sums[1::3], sums[2::3], strict=True)
    return [(loss / images, int(right), int(images)) for loss, right, images in figures], stop > 0


def evaluated_in_parts(
    network: nn.Module,
    store: Store,
    transform: Transform,
    device: torch.device,
    on: str,
    classes: tuple[str, ...],
    progress: Progress,
    processes: Processes,
    together: bool = False,
) -> Evaluation | None:
    """As `evaluate`, every batch shared out among the processes; the figures are the first's, the others get None.

    `together` is whether they have to call the network together, for a batch of which one has no image too.
    """
    mine = log_probabilities(network, store, transform, device, None, progress, processes.part, together)
    batches = [min(BATCH, len(store) - at) for at in range(0, len(store), BATCH)]
    logits_NK = _gathered(mine, len(classes), batches, processes)
    return None if logits_NK is None else from_logits(logits_NK, store.labels, on, classes, store.names)


def _gathered(rows: torch.Tensor, columns: int, of: list[int], processes: Processes) -> torch.Tensor | None:
    """Return the rows of all processes in the order of the whole, in the first process; None in the others.

    Args:
        rows: this process's part of each of several batches, one after another, of shape (n, columns) on the CPU, perhaps of none.
        of: how many rows each whole batch has.
    """
    parts = [[processes.part(whole, rank) for whole in of] for rank in range(processes.count)]
    lengths = [sum(part.stop - part.start for part in mine) for mine in parts]
    padded = F.pad(rows.reshape(-1, columns), (0, 0, 0, max(lengths) - len(rows)))
    found = [torch.empty_like(padded) for _ in lengths] if processes.is_first else None
    dist.gather(padded, found, dst=0)
    if found is None:
        return None
    starts = [0] * processes.count
    pieces = []
    for batch in zip(*parts, strict=True):
        for rank, part in enumerate(batch):
            pieces.append(found[rank].narrow(0, starts[rank], part.stop - part.start))
            starts[rank] += part.stop - part.start
    return torch.cat(pieces)
