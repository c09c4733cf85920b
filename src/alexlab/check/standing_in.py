"""Stand-ins for libraries that only draw or log, where they are not installed: a script that is run gets past them.

Only in the process of `alexlab.check.isolated`: what is imported stays so for the rest of the process.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ONLY_SHOW = frozenset(
    ["matplotlib", "seaborn", "tensorboardX", "torchsummary", "torchinfo", "wandb", "visdom", "tqdm", "prettytable"]
)
"""Libraries without which a network trains the same."""


class _Nothing:
    """Takes every call and attribute, and does nothing."""

    def __call__(self, *given: Any, **more: Any) -> "_Nothing":
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> "_Nothing":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *given: object) -> None:
        pass


class _Progress(_Nothing):
    """A bar of progress over what it is given, without the bar."""

    def __init__(self, over: Any = (), *given: Any, iterable: Any = None, **more: Any) -> None:
        self.over = over if iterable is None else iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.over)

    def __len__(self) -> int:
        return len(self.over)


def _subplots(*given: Any, **more: Any) -> tuple[_Nothing, _Nothing]:
    return _Nothing(), _Nothing()


def _trange(*given: int, **more: Any) -> _Progress:
    return _Progress(range(*given))


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return {"tqdm": _Progress, "trange": _trange, "subplots": _subplots}.get(name, _Nothing())


class _Finder(MetaPathFinder, Loader):
    """The last finder to be asked, so that what is installed, or lies beside the script, goes first."""

    def __init__(self) -> None:
        self.made: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        library = name.partition(".")[0]
        if library not in ONLY_SHOW or (library != name and library not in self.made):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.made.add(spec.name)
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a stand-in is complete as it is made."""


@contextmanager
def stand_ins() -> Iterator[set[str]]:
    """Let imports of what only draws or logs succeed; give the names of the modules that were stood in for."""
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield finder.made
    finally:
        sys.meta_path.remove(finder)
