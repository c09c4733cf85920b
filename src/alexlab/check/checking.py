"""From a network or a script to its findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexlab.check.finding import SEVERITIES, Finding
from alexlab.check.reading.script import read_script
from alexlab.check.reading.source import Source, read_source
from alexlab.check.rule import Evidence
from alexlab.check.rules import RULES
from alexlab.errors import UserError

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Checked:
    """What a check found, and what it could not look at."""

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def check_script(path: Path, classes: int | None = None) -> Checked:
    """Read a Python script or notebook, which is not run, and look for mistakes.

    Raises:
        UserError: no such file, or Python cannot read it.
    """
    source = read_source(path)
    program, sources = read_script(source)
    findings = _sorted(Evidence(program.graph, program, classes))
    unseen = () if program.complete else (f"{path}: longer than what is followed; the rest was not looked at.",)
    bare = tuple(
        f"{source.place(line)}: `ignore` without a reason is not followed; write one after the bracket."
        for source in sources.values()
        for line in source.unreasoned
    )
    return Checked(_kept(findings, {source.path: source for source in sources.values()}), (*unseen, *bare))


def check_network(
    network: "nn.Module", input: Shape | None = None, classes: int | None = None, loss: str | None = None
) -> Checked:
    """Run a copy of a network once on two images of noise, and look for mistakes. Nothing of the network is changed.

    Args:
        input: channels, height and width of an image; by default the first common shape that the network takes.
        classes: how many classes there are, where it is known.
        loss: "cross_entropy" where it is known that the network is trained with it.
    """
    from alexlab.check.tracing import likely_input, trace

    shape = input or likely_input(network)
    if shape is None:
        return Checked(
            (), ("no common image shape fits this network: say which it takes with --input, e.g. 3x224x224.",)
        )
    graph = trace(network, shape, loss)
    findings = _sorted(Evidence(graph, classes=classes))
    unseen: tuple[str, ...] = ()
    if graph.reason and not any(finding.severity == "error" for finding in findings):
        unseen = (f"the network could not be run on {'x'.join(map(str, shape))} images: {graph.reason}",)
    files = {finding.place.file for finding in findings if finding.place is not None}
    return Checked(_kept(findings, dict(_readable(files))), unseen)


def _readable(files: set[str]) -> Iterator[tuple[str, Source]]:
    for file in files:
        try:
            yield file, read_source(Path(file))
        except (UserError, OSError):
            continue


def _sorted(evidence: Evidence) -> list[Finding]:
    """What the rules find, each finding once, by file and line."""
    unique: dict[tuple[object, ...], Finding] = {}
    for rule in RULES:
        for finding in rule.find(evidence):
            where: object = finding.place if finding.place is not None else finding.layer
            unique.setdefault((finding.rule, where), finding)
    return sorted(
        unique.values(),
        key=lambda f: (f.place is None, f.place.file if f.place else "", (f.place.cell or 0, f.place.line) if f.place else (0, 0),
                       SEVERITIES.index(f.severity)),
    )  # fmt: skip


def _kept(findings: list[Finding], sources: dict[str, Source]) -> tuple[Finding, ...]:
    """The findings that no comment in the source silences."""
    return tuple(
        finding
        for finding in findings
        if finding.place is None
        or finding.place.file not in sources
        or not sources[finding.place.file].ignores(finding.rule, finding.place)
    )
