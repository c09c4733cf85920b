"""The network whole in every process, the images shared out: all make the update of the whole batch.

PyTorch's DistributedDataParallel sums the gradients while the backward pass goes on.
"""

import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from alexlab.parallel.batch_norm import synchronised
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.shared_images import SharedImages
from alexlab.parallel.strategies.strategy import OptimiserState, Optimising, Weights
from alexlab.speed.door import faster

BUCKET_MB = 25  # the choice of PyTorch


class Data(SharedImages):
    """The whole network in every process."""

    def __init__(
        self, network: nn.Module, make_optimiser: Optimising, device: torch.device, processes: Processes
    ) -> None:
        super().__init__(network, make_optimiser, device, processes)
        self.draws = (processes.rank,)  # each draws for its own images

    def _forward(self) -> nn.Module:
        return in_parallel(self.network, self.device)

    def hand_out(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Give every process the network and the optimiser of the first."""
        _spread(self.network, self.optimiser, self.processes)


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


def _spread(network: nn.Module, optimiser: torch.optim.Optimizer, processes: Processes) -> None:
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
