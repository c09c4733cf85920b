"""What check looks at: a script, a network of the catalogue, one's own network, or a run."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexlab.check.checking import LONG, SHORT, Checked, check_network, check_script, lines_at
from alexlab.check.finding import Finding, Place, Text
from alexlab.check.looked import Part
from alexlab.errors import UserError
from alexlab.networks.catalogue import find
from alexlab.networks.naming import is_own
from alexlab.passes.target import Target, find_target
from alexlab.shape import Shape

if TYPE_CHECKING:
    from torch import nn

ANSWER = "answer.json"
"""The file, in the scratch folder, in which the other process leaves its answer."""
LONGEST = 60
"""Seconds of wall-clock that importing, building and looking at one's own network may take, and a script that is run."""


def check_target(
    target: str,
    input: Shape | None = None,
    classes: int | None = None,
    dataset: str | None = None,
    run: bool = False,
) -> Checked:
    """Look for mistakes in what `target` names.

    Args:
        target: a script or notebook (read, and run only where `run` says so), `module.py:Class` or
            `package.module:function` (imported, in a process with limits), a folder of a run, or a name of the
            catalogue of networks.
        input: channels, height and width of an image.
        classes: how many classes there are.
        dataset: a name of the catalogue of datasets that says both, where they are not given. Its files are not needed.
        run: run a script too, in a process with limits, up to its first step; take half a minute over one batch of a
            network, not a second.

    Raises:
        UserError: there is no such target, or it cannot be read, imported or built.
    """
    path = Path(target)
    shape = None
    if dataset is not None:
        from alexlab.data.catalogue import find as find_dataset

        facts = find_dataset(dataset)
        classes, shape = classes or len(facts.classes), facts.shape
    if ":" in target and not path.exists():
        return check_own(target, input or shape, classes, run=run)
    if path.suffix in (".py", ".ipynb"):
        read = check_script(path, classes)
        return _with_run(path, read, input or shape, classes) if run else read
    if path.is_file():
        raise UserError(f"{target}: expected a script (.py), a notebook (.ipynb), a run's folder or a network's name.")
    return _check_named(find_target(target), input, classes, run)


def _check_named(target: Target, input: Shape | None, classes: int | None, run: bool) -> Checked:
    """Check a network of the catalogue or of a run: all of them are trained with cross-entropy."""
    channels, height, width = target.inputs[0]
    shape = input or (channels, height, width)
    if is_own(target.network):
        return check_own(target.network, shape, classes or target.classes, "cross_entropy", run)
    from alexlab.networks.building import build  # imports torch, which a script's reader does without

    count = classes or target.classes or find(target.network).classes

    def anew() -> "nn.Module":
        return build(target.network, classes=count, input=shape)

    seconds = LONG if run else SHORT
    return _named(check_network(anew(), shape, count, "cross_entropy", seconds, fresh=True, again=anew), target.name)


def _with_run(path: Path, read: Checked, input: Shape | None, classes: int | None) -> Checked:
    """Add what running a script shows to what reading it showed; raise why it cannot be run only where that is all."""
    try:
        ran = _isolated(str(path), script=True, input=input, classes=classes)
    except UserError as error:
        if not read.findings:
            raise
        return replace(read, unseen=(*read.unseen, str(error)))
    known = {(finding.rule, place) for finding in read.findings for place in (finding.place, None)}
    new = [finding for finding in ran.findings if (finding.rule, finding.place) not in known]
    networks = [part for part in ran.parts if part.name.split(" ")[0] not in {each.name for each in read.parts}]
    return replace(
        read,
        findings=(*read.findings, *new),
        unseen=(*read.unseen, *ran.unseen),
        parts=(*networks, *read.parts),
    )


def check_own(
    target: str, input: Shape | None, classes: int | None, loss: str | None = None, run: bool = False
) -> Checked:
    """Import and build one's own network in a process with limits on time, memory and writing, and check it there."""
    return _named(_isolated(target, input=input, classes=classes, loss=loss, run=run), target)


def _named(checked: Checked, target: str) -> Checked:
    """Return what was found of a network under the name that it was asked for by."""
    parts = tuple(replace(part, name=f"{target} {part.name.rpartition(' ')[2]}") for part in checked.parts)
    return replace(checked, parts=parts)


def _isolated(target: str, **more: Any) -> Checked:
    """Have another process look at `target`, with limits on time, memory and writing (`alexlab.check.isolated`).

    It leaves its answer in a file: of a pipe that is only read at the end, 64 KiB would hold it up.
    """
    asked = json.dumps({"target": target, **more})
    with tempfile.TemporaryDirectory(prefix="alexlab-check-") as scratch:
        environment = {**os.environ, "TMPDIR": scratch, "MPLCONFIGDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1",
                       "MPLBACKEND": "Agg", "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(Path(__file__).parents[2]), environment.get("PYTHONPATH")])
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "alexlab.check.isolated", scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        try:
            _, errors = process.communicate(asked, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            _end(process)
            if more.get("script"):
                raise UserError(
                    f"{target}: it ran longer than {LONGEST} s without a training step and was stopped. Without --run "
                    "it is only read."
                ) from None
            raise UserError(
                f"{target}: importing and building it took longer than {LONGEST} s and was stopped. Keep training and "
                "downloads out of the module's top level (under `if __name__ == '__main__':`)."
            ) from None
        answer = Path(scratch, ANSWER)
        if not answer.is_file():
            raise UserError(f"{target}: {_death(process.returncode, errors)}")
        return _checked(target, json.loads(answer.read_text(encoding="utf-8")))


def _end(process: "subprocess.Popen[str]") -> None:
    """End the process and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (OSError, AttributeError):  # it is gone, or macOS refuses for a dead one; Windows has no groups of processes
        process.kill()
    process.communicate()


def _death(code: int, errors: str) -> str:
    last = errors.strip().splitlines()[-1] if errors.strip() else ""
    if code < 0 and signal.Signals(-code).name in ("SIGXCPU", "SIGKILL"):
        return "it used more time or memory than the limits of the check, and was stopped."
    if "MemoryError" in last or "can't allocate memory" in last or "bad_alloc" in errors:
        return "it asked for more memory than the limit of the check, and was stopped."
    return f"its process ended with {'signal ' + str(-code) if code < 0 else 'exit code ' + str(code)}" + (
        f": {last}" if last else "."
    )


def _checked(target: str, answer: dict[str, Any]) -> Checked:
    if "error" in answer:
        raise UserError(answer["error"])
    findings = tuple(
        Finding(
            **{
                **finding,
                "message": Text(**finding["message"]),
                "fix": Text(**finding["fix"]),
                "evidence": Text(**finding["evidence"]),
                "edit": None,
                "place": Place(**finding["place"]) if finding["place"] else None,
            }
        )
        for finding in answer["findings"]
    )
    parts = tuple(Part(**{**part, "place": None}) for part in answer["parts"])
    return Checked(findings, tuple(answer["unseen"]), parts, lines=lines_at(findings))


def as_answer(checked: Checked) -> dict[str, Any]:
    """Return what the other process leaves as its answer."""
    found, parts = ([asdict(each) for each in every] for every in (checked.findings, checked.parts))
    return {"findings": found, "unseen": list(checked.unseen), "parts": parts}
