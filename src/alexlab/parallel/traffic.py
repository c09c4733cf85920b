"""Counts what this process sends to the others, at the communication calls themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

from alexlab.parallel.costs import SENT


@dataclass
class Traffic:
    """Bytes that one process sent, by the kind of exchange, and how many of each there were."""

    sent: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """In all."""
        return sum(self.sent.values())


KINDS = {
    "allreduce_": "all-reduce",
    "all_reduce": "all-reduce",
    "all_reduce_": "all-reduce",
    "allgather_": "all-gather",
    "_allgather_base_": "all-gather",
    "all_gather_into_tensor": "all-gather",
    "_reduce_scatter_base_": "reduce-scatter",
    "reduce_scatter_tensor": "reduce-scatter",
}
"""By the name of PyTorch's operator: of the process group (c10d), and of the functional collectives that distributed tensors use."""


class _Counter(TorchDispatchMode):
    def __init__(self, traffic: Traffic) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.traffic = traffic

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch imports its compiler, only to keep it away from this class

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        namespace, _, name = func._schema.name.partition("::")
        if namespace in ("c10d", "_c10d_functional", "_c10d_functional_autograd") and name in KINDS:
            kind = KINDS[name]
            given = args[1] if name in ("allgather_", "_allgather_base_", "_reduce_scatter_base_") else args[0]
            tensors = given if isinstance(given, list | tuple) else [given]
            size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            sent = self.traffic.sent
            sent[kind] = sent.get(kind, 0) + round(SENT[kind](size, dist.get_world_size()))
            self.traffic.calls[kind] = self.traffic.calls.get(kind, 0) + 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[Traffic]:
    """Count what this process sends while the block runs, backward passes and DistributedDataParallel's exchanges included."""
    traffic = Traffic()
    with _Counter(traffic):
        yield traffic
