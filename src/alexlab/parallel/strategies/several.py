"""What every strategy of several processes has: figures are summed, and all stop together."""

from collections.abc import Callable

from alexlab.parallel.strategies.alone import Alone
from alexlab.parallel.strategies.strategy import Seen


class Several(Alone):
    """One of several processes."""

    _agreed = False  # whether a process was asked to stop, as of the last `totals`

    def totals(self, seen: list[Seen], asked: bool) -> list[Seen]:
        """Sum the figures over the processes."""
        mine = [figure for loss, right, images in self._counted(seen) for figure in (loss * images, right, images)]
        *sums, stop = self.processes.sums(*mine, asked)
        self._agreed = stop > 0
        figures = zip(sums[::3], sums[1::3], sums[2::3], strict=True)
        return [(loss / images, int(right), int(images)) for loss, right, images in figures]

    def _counted(self, seen: list[Seen]) -> list[Seen]:
        """Return what this process adds to the figures of all."""
        return seen

    def stops(self, asked: bool) -> bool:
        """Stop once all know that one was asked: none goes on alone."""
        return self._agreed

    def any_asked(self, asked: bool) -> bool:
        """Ask them all."""
        return self.processes.sums(asked) != [0]

    def save_due(self, due: Callable[[], bool], all_seen: bool) -> bool:
        """Save by the first process's clock, once it has seen the figures of all."""
        return self.first and all_seen and due()
