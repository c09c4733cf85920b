"""Which process holds which part of a network's tensors, and how they are put together again for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor


@dataclass(frozen=True)
class Share:
    """The part of a tensor that a process holds: entries `start` to `stop` of dimension `dim`, or all of it where that is None."""

    dim: int | None = None
    start: int = 0
    stop: int = 0

    def of(self, whole: torch.Tensor) -> torch.Tensor:
        """Return the part of `whole`, as a view."""
        return whole if self.dim is None else whole.narrow(self.dim, self.start, self.stop - self.start)


ALL = Share()


def even_share(dim: int, size: int, rank: int, count: int) -> Share:
    """Part `rank` of `count` equal parts of a dimension of `size` entries."""
    return Share(dim, rank * size // count, (rank + 1) * size // count)


@dataclass(frozen=True)
class Division:
    """How a network's tensors lie over the processes.

    Attributes:
        shares: for each process, by the name of each tensor of the whole network that it holds some of, its share.
        names: of all tensors of the whole network, in its order.
    """

    shares: tuple[Mapping[str, Share], ...]
    names: tuple[str, ...]

    def counts_in(self, rank: int, name: str) -> bool:
        """Whether process `rank` answers for its share of a tensor: of those that hold the same values, the first does."""
        holders = [other for other, shares in enumerate(self.shares) if name in shares]
        return rank in holders and (self.shares[rank][name].dim is not None or rank == holders[0])

    def put_together(self, own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the tensors of the whole network, in its order, in process 0; nothing elsewhere. Every process calls it.

        Args:
            own: this process's shares, by name. Where names end in a space and a word (the state of an optimiser), they are
                divided as the name before it, but for single numbers, which are the same everywhere.
        """
        rank = dist.get_rank()
        mine = {key: local(tensor).detach().cpu() for key, tensor in own.items() if self._sends(rank, key, tensor)}
        parts = _collected(mine)
        return {key: self._joined(key, parts) for key in self._order(parts)}

    def hand_out(self, whole: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return this process's shares of the tensors that process 0 has: the way back from `put_together`. Every process calls it.

        Args:
            whole: in process 0 the tensors of the whole network, on the CPU; it is not looked at elsewhere.
        """
        if dist.get_rank() > 0:
            return _received()
        for other in range(1, len(self.shares)):
            _send({key: self._share(other, key, whole[key]) for key in whole if self._holds(other, key)}, other)
        return {key: self._share(0, key, tensor) for key, tensor in whole.items() if self._holds(0, key)}

    def _holds(self, rank: int, key: str) -> bool:
        return key.partition(" ")[0] in self.shares[rank]

    def _share(self, rank: int, key: str, whole: torch.Tensor) -> torch.Tensor:
        return whole if whole.dim() == 0 else self.shares[rank][key.partition(" ")[0]].of(whole)

    def _sends(self, rank: int, key: str, tensor: torch.Tensor) -> bool:
        name = key.partition(" ")[0]
        first_holder = next(other for other, shares in enumerate(self.shares) if name in shares)
        return rank == first_holder if tensor.dim() == 0 else self.counts_in(rank, name)

    def _joined(self, key: str, parts: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        name = key.partition(" ")[0]
        found = [(self.shares[rank][name], part[key]) for rank, part in enumerate(parts) if key in part]
        dim = found[0][0].dim
        return found[0][1] if dim is None or len(found) == 1 else torch.cat([part for _, part in found], dim=dim)

    def _order(self, parts: Sequence[Mapping[str, torch.Tensor]]) -> list[str]:
        place = {name: i for i, name in enumerate(self.names)}
        keys = dict.fromkeys(key for part in parts for key in part)
        return sorted(keys, key=lambda key: place[key.partition(" ")[0]])


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return what this process holds of a tensor: itself, or the local part of a distributed one."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _collected(mine: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """In process 0 the tensors (on the CPU) of every process, in the order of their ranks; nothing elsewhere."""
    if dist.get_rank() > 0:
        _send(mine, 0)
        return []
    return [mine, *(_received(other) for other in range(1, dist.get_world_size()))]


def _send(tensors: Mapping[str, torch.Tensor], to: int) -> None:
    facts = [(key, tuple(tensor.shape), tensor.dtype) for key, tensor in tensors.items()]
    dist.send_object_list([facts], dst=to)
    for tensor in tensors.values():
        dist.send(tensor.contiguous(), dst=to)


def _received(sender: int = 0) -> dict[str, torch.Tensor]:
    announced: list[list[tuple[str, tuple[int, ...], torch.dtype]]] = [[]]
    dist.recv_object_list(announced, src=sender)
    tensors = {}
    for key, shape, dtype in announced[0]:
        tensors[key] = torch.empty(shape, dtype=dtype)
        dist.recv(tensors[key], src=sender)
    return tensors
