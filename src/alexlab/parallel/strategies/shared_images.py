"""The images of each batch shared out among the processes; each computes the logits of its own."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.inference.evaluation import BATCH, Evaluation, Progress, from_log_probabilities, log_probabilities
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.several import Several
from alexlab.parallel.strategies.strategy import Optimising


class SharedImages(Several):
    """A strategy in which every process has a part of each batch."""

    together = False
    """Whether the processes have to evaluate the network together, a batch of which one has no image too."""

    def __init__(
        self, network: nn.Module, make_optimiser: Optimising, device: torch.device, processes: Processes
    ) -> None:
        super().__init__(network, make_optimiser, device, processes)
        self.rows, self.readers = processes.part, processes.count

    def weighed(self, loss: torch.Tensor, images: int, whole: int) -> torch.Tensor:
        """Return this process's part of the mean over the batch, times the processes, over which the gradient's mean is taken."""
        return loss * (self.processes.count * images / whole)

    def evaluate(
        self, store: Store, transform: Transform, on: str, classes: tuple[str, ...], progress: Progress
    ) -> Evaluation | None:
        """Evaluate the network, every batch shared out too."""
        part, together = self.processes.part, self.together
        mine = log_probabilities(self.network, store, transform, self.device, None, progress, part, together)
        batches = [min(BATCH, len(store) - at) for at in range(0, len(store), BATCH)]
        logits_NK = _gathered(mine, len(classes), batches, self.processes)
        return None if logits_NK is None else from_log_probabilities(logits_NK, store.labels, on, classes, store.names)


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
