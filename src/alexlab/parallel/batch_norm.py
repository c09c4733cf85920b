"""Batch normalisation over the images of all processes.

PyTorch's SyncBatchNorm does it on GPUs and refuses CPUs; there the layer below does.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronised(network: nn.Module, device: torch.device) -> None:
    """Let every batch normalisation in `network` take its statistics over all processes. Names and tensors stay."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, _BatchNorm) and not isinstance(layer, nn.SyncBatchNorm | SynchronisedBatchNorm):
                parent.add_module(name, _counterpart(layer, device))


def _counterpart(layer: _BatchNorm, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(layer)
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
