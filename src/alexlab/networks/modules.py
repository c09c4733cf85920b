"""The user's modules kept apart: those of two networks never mix, and a run imports those that it kept.

A network's modules are imported below a package that is only in memory, whose path is where their files lie, and the `import`
statements in them look there first. So `layers` beside one network and `layers` beside another are two modules, and neither hides a
module of Python's. What was imported so, and the other files that were read meanwhile, is what a run keeps.
"""

import ast
import builtins
import errno
import hashlib
import importlib
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from alexlab.errors import UserError
from alexlab.networks.naming import OWN

OURS = Path(__file__).resolve().parents[1]
LIBRARIES = tuple(Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib"))
LARGEST = 16 << 20
"""Bytes of the files beside its modules that a run keeps; where they are more, it keeps none of them."""

APART: dict[str, "Modules"] = {}
"""All that were imported, by the package that they are below."""


class Modules:
    """The modules of one network of the user's.

    Attributes:
        package: the name of the package that they are below.
        folders: where they are looked for.
        entry: where the file that defines the network lies below its folder.
        content: of each module's file that was imported, by its path below its folder: what it held.
        read: the other files below the folders that were read.
    """

    def __init__(self, package: str, folders: Sequence[Path]) -> None:
        self.package = package
        self.folders = tuple(dict.fromkeys(folders))
        self.entry = Path()
        self.content: dict[Path, bytes] = {}
        self.read: set[Path] = set()
        self._before = list(sys.path)
        forget(package)  # an earlier import: the files may have changed
        above = ModuleType(package)
        above.__path__ = self._path()
        sys.modules[package] = above
        APART[package] = self
        if not any(isinstance(each, _Finder) for each in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
        importlib.invalidate_caches()

    def _path(self) -> list[str]:
        """Return where modules are looked for: the folders, and what the user's code has added to Python's path."""
        return list(dict.fromkeys([*map(str, self.folders), *(each for each in sys.path if each not in self._before)]))

    def holds(self, place: str | None) -> bool:
        """Return whether `place` is a file of the user's where the modules are looked for."""
        return place is not None and is_users(place) and any(Path(place).is_relative_to(each) for each in self._path())

    def from_file(self, path: Path) -> ModuleType:
        """Import the file that defines the network: as a part of its package where it imports relatively, else as a script."""
        name = [*(_packages(path) if _imports_relatively(path) else ()), path.stem.replace(".", "_")]
        self.entry = Path(*path.parts[-len(name) :])
        full = ".".join((self.package, *name))
        if len(name) > 1:
            above = importlib.import_module(full.rpartition(".")[0])
            if full in sys.modules or path.stem == "__init__":  # its package has imported it, or is what is named
                return sys.modules.get(full, above)
        spec = spec_from_file_location(full, path, loader=_Loader(self, full, str(path)))
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
        return module

    def from_name(self, name: str) -> ModuleType:
        """Import `package.module`."""
        module = importlib.import_module(f"{self.package}.{name}")
        if place := _place(module):
            self.entry = _below(name, module, Path(place))
        return module

    def import_(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] = (), level: int = 0
    ) -> Any:
        """Import as the statement does, from the network's own modules first."""
        top = name.partition(".")[0]
        if level or not self._has(top):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist, 0)
        return module if fromlist else sys.modules[f"{self.package}.{top}"]

    def _has(self, top: str) -> bool:
        """Return whether `top` is one of the network's own: nothing of Python's, nor of a library that is in use."""
        if f"{self.package}.{top}" in sys.modules:
            return True
        if top in sys.stdlib_module_names or (top in sys.modules and not is_users(_place(sys.modules[top]))):
            return False
        sys.modules[self.package].__path__ = self._path()
        spec = PathFinder.find_spec(top, self._path())
        if spec is None or spec.loader is not None:
            return spec is not None
        elsewhere = PathFinder.find_spec(top)  # any folder can be a package: one that is meant to be comes first
        return elsewhere is None or elsewhere.loader is None or is_users(elsewhere.origin)

    @contextmanager
    def by_name(self) -> Iterator[None]:
        """Let what asks Python for a module by its name (`importlib`, a pickle) find them in the block too, and not after it."""
        before = set(sys.modules)
        first, *others = map(str, self.folders)
        added = [first, *(each for each in others if each not in sys.path)]
        sys.path[:] = [first, *sys.path, *added[1:]]
        try:
            yield
        finally:
            for folder in added:
                with suppress(ValueError):  # the module took it away itself
                    sys.path.remove(folder)
            for name in set(sys.modules) - before:
                if name.partition(".")[0] not in APART and self.holds(place := _place(sys.modules[name])):
                    self._note(name, sys.modules.pop(name), Path(str(place)))

    def _note(self, name: str, module: ModuleType, file: Path) -> None:
        if file.is_file():
            self.content[_below(name, module, file)] = file.read_bytes()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Note the files that the block reads and that are no modules."""

        def note(path: str) -> None:
            if self.holds(path) and not path.endswith((".py", ".pyc")):
                self.read.add(Path(path))

        with opened(note):
            yield

    def files(self) -> dict[Path, bytes]:
        """Return what the network is made of, by path below one folder; of files beside its modules where they are not large."""
        for name, module in list(sys.modules.items()):
            place = _place(module)
            if name.startswith(f"{self.package}.") and place and not place.endswith(".py"):  # compiled
                self._note(name.partition(".")[2], module, Path(place))
        base = self.folders[1] if len(self.entry.parts) > 1 and len(self.folders) > 1 else self.folders[0]
        beside = [path for path in self.read if path.is_relative_to(base) and path.is_file()]
        if sum(path.stat().st_size for path in beside) > LARGEST:
            beside = []
        return {**{path.relative_to(base): path.read_bytes() for path in beside}, **self.content}


def modules_of(name: str) -> Modules | None:
    """Return the modules of the network `name` as they were last imported; None where it is a library's, or was not imported."""
    return APART.get(_package(name.rpartition(":")[0]))


def forget(package: str) -> None:
    """Take the modules below `package` out of Python's table; whoever holds them keeps them."""
    APART.pop(package, None)
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def import_apart(where: str) -> ModuleType:
    """Import `module.py` or `package.module` with the modules of its own; a library's as any program does.

    Raises:
        UserError: no such file.
    """
    if where.endswith(".py"):
        path = Path(where).resolve()
        if not path.is_file():
            raise UserError(f"{where}: no such file; expected a Python file that defines the network.")
        modules = Modules(_package(where), _folders(path))
        with modules.reading(), modules.by_name():
            return modules.from_file(path)
    top, here = where.partition(".")[0], _here()
    importlib.invalidate_caches()
    spec = PathFinder.find_spec(top, [*map(str, here), *sys.path])
    found = (spec.origin if spec.loader else next(iter(spec.submodule_search_locations or ()), None)) if spec else None
    if top == "__main__" or not is_users(found):
        return importlib.import_module(where)
    folder = Path(str(found)).absolute().parent
    if spec is not None and spec.loader and spec.submodule_search_locations:
        folder = folder.parent
    modules = Modules(_package(where), (folder, *here))
    with modules.reading(), modules.by_name():
        return modules.from_name(where)


def _package(where: str) -> str:
    place = str(Path(where).resolve()) if where.endswith(".py") else where
    return f"alexlab_own_{hashlib.sha256(os.fsencode(place)).hexdigest()[:12]}"


def _folders(path: Path) -> list[Path]:
    """Return where the modules of a file are looked for: beside it, above its package, and where the program runs if that is above.

    Those of a run are looked for where it keeps them, and nowhere else.
    """
    for folder in path.parents:
        if folder.name == OWN and (folder.parent / "recipe.toml").is_file():
            return [folder]
    return [path.parent, path.parents[len(_packages(path))], *(each for each in _here() if path.is_relative_to(each))]


def _here() -> list[Path]:
    """Return the working directory; nothing where it was removed, or is the root of the disk."""
    with suppress(FileNotFoundError):
        here = Path.cwd()
        return [here] if here.name else []
    return []


def _packages(path: Path) -> list[str]:
    """Return the names of the packages around a file, outermost first."""
    names: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and "." not in folder.name and folder.name:
        names.insert(0, folder.name)
        folder = folder.parent
    return names


def _imports_relatively(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # importing it says so
        return False
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def is_users(place: str | None) -> bool:
    """Return whether a module's file is the user's: none of Python's, of a library's, or ours."""
    if place is None:
        return False
    path = Path(place).resolve()
    if any(path.is_relative_to(each) for each in (OURS, *LIBRARIES)):
        return False
    return not {"site-packages", "dist-packages"} & set(path.parts)


def _place(module: Any) -> str | None:
    """Return where a module's file lies, of a package without a file its folder; None where it has neither."""
    try:
        return str(getattr(module, "__file__", None) or next(iter(module.__path__)))
    except (AttributeError, StopIteration, TypeError, KeyError):
        return None


def _below(name: str, module: ModuleType, file: Path) -> Path:
    """Return the part of a module's path that its name gives."""
    return Path(*file.parts[-len(name.split(".")) - hasattr(module, "__path__") :])


class _Finder(MetaPathFinder):
    """Finds modules below the packages of `APART`."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        modules = APART.get(fullname.partition(".")[0])
        if modules is None:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(modules, fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads a module whose `import` statements look among its network's own, and leaves no bytecode beside it."""

    def __init__(self, modules: Modules, name: str, path: str) -> None:
        super().__init__(name, path)
        self.modules = modules

    def get_code(self, fullname: str) -> Any:
        content = self.get_data(self.path)
        parts = len(fullname.split(".")) - 1 + self.is_package(fullname)
        self.modules.content[Path(*Path(self.path).parts[-parts:])] = content
        return self.source_to_code(content, self.path)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self.modules.import_}
        super().exec_module(module)


_LISTENING: list[Callable[[str], None]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _LISTENING:
        return
    path, _, flags = arguments
    if isinstance(path, str | bytes | os.PathLike) and not (
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_CREAT)
    ):
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  # links stay what they are
        for each in list(_LISTENING):
            each(place)


@contextmanager
def opened(told: Callable[[str], None]) -> Iterator[None]:
    """Tell of each file that Python opens to read in the block, before it is open; an error that `told` raises is the opening's."""
    if _audit not in _ADDED:
        sys.addaudithook(_audit)  # it stays for as long as the process
        _ADDED.append(_audit)
    _LISTENING.append(told)
    try:
        yield
    finally:
        _LISTENING.remove(told)


_ADDED: list[Any] = []


@contextmanager
def hidden(modules: Modules, but: Path) -> Iterator[set[str]]:
    """Let the block run as if the user's files were gone, all but those below `but`. Yields the files that it asked for."""
    missed: set[str] = set()

    def refuse(path: str) -> None:
        if modules.holds(path) and not Path(path).is_relative_to(but):
            missed.add(path)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    with opened(refuse):
        yield missed
