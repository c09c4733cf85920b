"""The process that imports somebody's network or runs a script: limits, then the check, then one answer.

The limits keep accidents away (a loop without end, an allocation without end, a file written at import); they are no
protection from code that means harm.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexlab import system

if TYPE_CHECKING:
    from torch import nn

    from alexlab.check.checking import Checked

SECONDS = 45
MEMORY = 4 * 2**30
"""Bytes of address space beyond what PyTorch takes: 16 times AlexNet's weights."""
LARGEST_WRITE = 64 * 2**20

_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),), "os.rename": ((0, 2), (1, 3)), "os.rmdir": ((0, 1),), "os.mkdir": ((0, 2),),
    "os.truncate": ((0, None),), "os.chmod": ((0, 2),), "os.chown": ((0, 3),), "os.link": ((1, 3),),
    "os.symlink": ((1, 2),), "shutil.rmtree": ((0, 1),), "shutil.move": ((0, None), (1, None)),
    "shutil.copyfile": ((1, None),),
}  # fmt: skip
"""What changes the disk, which of its arguments name the place, and which the open folder that this is relative to."""
_THROUGH_LINKS = {"open", "os.truncate", "os.chmod", "os.chown", "shutil.copyfile"}
"""What changes the file that a link leads to; the others change the link."""
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"}


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for kind, wanted in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_AS, system.mapped() + MEMORY),
        (resource.RLIMIT_FSIZE, LARGEST_WRITE),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            continue


def _guard(scratch: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses to write outside of `scratch`, to start programs and to open connections."""
    allowed = tuple(Path(os.path.realpath(each)) for each in (scratch, os.devnull, "/dev/shm"))

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _mode, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if writes and isinstance(path, str | bytes | os.PathLike):
                _refuse(_place(path, event), allowed)
        elif event in _CHANGES:
            for index, folder in _CHANGES[event]:
                if isinstance(arguments[index], str | bytes | os.PathLike):
                    within = arguments[folder] if folder is not None and folder < len(arguments) else -1
                    _refuse(_place(arguments[index], event, within), allowed)
        elif event in _STARTS:
            raise PermissionError(f"the check does not let the code that it runs do this: {event}")

    return guard


def _place(path: str | bytes | os.PathLike[Any], event: str, folder: Any = -1) -> Path:
    """Return the real path that `event` changes, without links and `..`; `folder` is the number of an open folder, or -1."""
    given = os.fsdecode(path)
    opened = Path(f"/proc/self/fd/{folder}")
    if isinstance(folder, int) and folder >= 0 and opened.exists():
        given = str(opened.readlink() / given)
    if event in _THROUGH_LINKS:
        return Path(os.path.realpath(given))
    parent, name = os.path.split(given.rstrip("/"))
    return Path(os.path.realpath(given)) if name in ("", ".", "..") else Path(os.path.realpath(parent), name)


def _refuse(path: Path, allowed: tuple[Path, ...]) -> None:
    if not any(path.is_relative_to(each) for each in allowed):
        raise PermissionError(f"the check does not let the code that it runs write {path}")


def main() -> None:
    """Read what is asked from the standard input, and leave the answer as a file in the scratch folder that is named."""
    scratch = Path(sys.argv[1])
    asked = json.load(sys.stdin)
    import torch  # before the guard: it may probe the machine with programs of its own

    from alexlab.check.targets import ANSWER, as_answer
    from alexlab.errors import UserError

    _limit()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    target = asked["target"]
    file = target if asked.get("script") else target.rpartition(":")[0]
    sys.path.insert(0, str(Path(file).parent.absolute()))
    sys.argv = [file]
    answer: dict[str, Any]
    try:
        answer = as_answer(_checked(asked, _guard(scratch)))
    except UserError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": f"{target}: it asked for more memory than the limit of the check, and was stopped."}
    except RecursionError:
        answer = {"error": f"{target}: importing or building it recurses without end."}
    except KeyboardInterrupt:  # of its own making: this process has no terminal
        answer = {"error": f"{target}: importing or building it ended with KeyboardInterrupt."}
    part = scratch / f"{ANSWER}.part"  # whole or not there at all
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(scratch / ANSWER)
    sys.stdout.flush()
    os._exit(0)  # threads that the module left behind do not hold the answer up


def _checked(asked: dict[str, Any], guard: Callable[[str, tuple[Any, ...]], None]) -> "Checked":
    """Run the script, or import and build the network; then look at what there is."""
    from alexlab.check.checking import LONG, SHORT, check_network
    from alexlab.check.running import loads, run_script

    shape = tuple(asked["input"]) if asked["input"] else None
    if asked.get("script"):
        return run_script(Path(asked["target"]), asked["classes"], guard)
    from alexlab.networks.building import build

    def anew() -> "nn.Module":
        return build(asked["target"], classes=asked["classes"], input=shape)

    sys.addaudithook(guard)
    with loads() as loaded:
        network = anew()
    seconds = LONG if asked["run"] else SHORT
    return check_network(
        network, shape, asked["classes"], asked["loss"], seconds, fresh=not loaded, again=None if loaded else anew
    )


if __name__ == "__main__":
    main()
