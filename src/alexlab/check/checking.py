"""From a network or a script to its findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexlab.check.finding import SEVERITIES, Finding, Place, Text
from alexlab.check.graph import fits_labels
from alexlab.check.looked import Part, nothing_in, parts_of, places_lost
from alexlab.check.mending import with_diffs
from alexlab.check.reading.script import read_script
from alexlab.check.reading.source import Source, read_source
from alexlab.check.rule import Evidence
from alexlab.check.rules import RULES
from alexlab.check.trial import Ran
from alexlab.errors import UserError, unknown
from alexlab.shape import Shape

if TYPE_CHECKING:
    from torch import nn

    from alexlab.check.one_batch import Batch

SHORT, LONG = 1.0, 25.0
"""Seconds that training on one batch may take: always, and where the user asks to run it."""

NOTHING = 3
"""The exit code where there was neither a network nor a training to look at."""

MOST_LOST = 8
"""Lines that could not be followed, of which each is told."""


@dataclass(frozen=True)
class Checked:
    """What a check found, what it looked at, and what it could not look at.

    Attributes:
        unseen: what could not be looked at, a sentence each.
        parts: the networks, trainings, evaluations and loaders that were looked at.
        lost: the lines that could not be followed.
        instead: where there is no network and no training, what there is.
        lines: the code at each finding's place, where it can be read.
    """

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    lost: tuple[Place, ...] = ()
    instead: Text | None = None
    lines: "Mapping[Place, str]" = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def found_nothing(self) -> bool:
        """Whether there was neither a network nor a training to look at, so that silence says nothing."""
        return not self.findings and not any(part.kind in ("network", "training") for part in self.parts)

    @property
    def exit_code(self) -> int:
        """Return 1 where there are errors, NOTHING where there was nothing to look at, else 0."""
        return 1 if self.failed else NOTHING if self.found_nothing else 0


def check_script(path: Path, classes: int | None = None) -> Checked:
    """Read a Python script or notebook, which is not run, and look for mistakes.

    Raises:
        UserError: no such file, or Python cannot read it.
    """
    source = read_source(path)

    def read(changed: Source) -> list[Finding] | None:
        program, _ = read_script(changed)
        right = program.complete and all(fits_labels(end) for end in program.graph.ends)
        return _sorted(Evidence(program.graph, program, classes)) if right else None

    program, sources = read_script(source)
    findings = _sorted(Evidence(program.graph, program, classes))
    unseen = () if program.complete else (f"{path}: longer than what is followed; the rest was not looked at.",)
    lost = tuple(f"{place}: could not be followed here ({why})." for place, why in program.lost.items())
    if len(lost) > MOST_LOST:
        lost = (*lost[:MOST_LOST], f"{path}: {len(lost) - MOST_LOST} more lines could not be followed.")
    bare = tuple(
        f"{source.place(line)}: `ignore` without a reason is not followed; write one after the bracket."
        for source in sources.values()
        for line in source.unreasoned
    )
    known = {rule.name for rule in RULES}
    misspelt = tuple(
        f"{source.place(line)}: `ignore`: {unknown('rule', name, known)}"
        for source in sources.values()
        for line, names in source.ignored
        for name in sorted(names - known)
    )
    left = kept(findings, {source.path: source for source in sources.values()})
    parts = parts_of(program, sources)
    return Checked(
        with_diffs(left, source, read) if program.complete else left,
        (*unseen, *lost, *bare, *misspelt),
        parts,
        places_lost(program),
        nothing_in(sources, source.path) if program.complete else None,
        lines_at(left, {each.path: each for each in sources.values()}),
    )


def check_network(
    network: "nn.Module",
    input: Shape | None = None,
    classes: int | None = None,
    loss: str | None = None,
    seconds: float = SHORT,
    fresh: bool = False,
    again: "Callable[[], nn.Module] | None" = None,
    batch: "Batch | None" = None,
    ran: Ran | None = None,
) -> Checked:
    """Run a copy of a network on images of noise and train it on one batch, and look for mistakes.

    Nothing of the network is changed.

    Args:
        input: channels, height and width of an image; by default the first common shape that the network takes.
        classes: how many classes there are, where it is known.
        loss: "cross_entropy" where it is known that the network is trained with it.
        seconds: how long training on the batch may take.
        fresh: whether the weights are known to be untrained.
        again: builds the network anew, with other random weights.
        batch: images and labels to train on, by default random ones.
        ran: what the first step of the script did that trains it.
    """
    import torch

    from alexlab.check.one_batch import try_out
    from alexlab.check.tracing import likely_input, trace
    from alexlab.networks.lazy import has_lazy
    from alexlab.passes.copying import with_shapes

    shape = input or likely_input(network)
    if shape is None and has_lazy(network):
        return Checked(
            (), ("its lazy layers take images of any shape: say which it is for with --input, e.g. 3x224x224.",)
        )
    if shape is None:
        return Checked(
            (), ("no common image shape fits this network: say which it takes with --input, e.g. 3x224x224.",)
        )
    try:
        network = with_shapes(network, torch.zeros(2, *shape))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        return Checked((), (f"the network could not be run on {'x'.join(map(str, shape))} images: {why}",))
    graph = trace(network, shape, loss)
    trial = None
    if graph.ends and loss in (None, "cross_entropy", "nll_loss"):
        trial = replace(try_out(network, shape, graph.answer, seconds, fresh, again, batch), ran=ran)
    findings = _sorted(Evidence(graph, classes=classes, trial=trial))
    unseen: tuple[str, ...] = (trial.unseen,) if trial is not None and trial.unseen else ()
    if graph.reason and not any(finding.severity == "error" for finding in findings):
        unseen = (f"the network could not be run on {'x'.join(map(str, shape))} images: {graph.reason}",)
    files = {finding.place.file for finding in findings if finding.place is not None}
    ran_whole = (Part("network", f"{type(network).__name__} {'x'.join(map(str, shape))}"),) if graph.ends else ()
    sources = dict(_readable(files))
    return Checked(kept(findings, sources), unseen, ran_whole, lines=lines_at(findings, sources))


def lines_at(findings: Iterable[Finding], sources: Mapping[str, Source] | None = None) -> dict[Place, str]:
    """Return the code at the places of findings, of those of `sources`; of all files that can be read where that is None."""
    findings = list(findings)
    if sources is None:
        sources = dict(_readable({finding.place.file for finding in findings if finding.place is not None}))
    places = [finding.place for finding in findings if finding.place is not None and finding.place.file in sources]
    return {place: sources[place.file].line(place).strip() for place in places}


def _readable(files: set[str]) -> Iterator[tuple[str, Source]]:
    for file in files:
        try:
            yield file, read_source(Path(file))
        except (UserError, OSError):
            continue


def _sorted(evidence: Evidence) -> list[Finding]:
    """Return what the rules find, each finding once, by file and line."""
    unique: dict[tuple[object, ...], Finding] = {}
    for rule in RULES:
        for finding in rule.find(evidence):
            where: object = finding.place if finding.place is not None else finding.layer
            unique.setdefault((finding.rule, where), finding)
    symptoms = {rule.name for rule in RULES if rule.symptom}
    if any(finding.severity == "error" and finding.rule not in symptoms for finding in unique.values()):
        unique = {key: finding for key, finding in unique.items() if finding.rule not in symptoms}
    return sorted(
        unique.values(),
        key=lambda f: (f.place is None, f.place.file if f.place else "", (f.place.cell or 0, f.place.line) if f.place else (0, 0),
                       SEVERITIES.index(f.severity)),
    )  # fmt: skip


def kept(findings: list[Finding], sources: dict[str, Source]) -> tuple[Finding, ...]:
    """Return the findings that no comment in the source silences."""
    return tuple(
        finding
        for finding in findings
        if finding.place is None
        or finding.place.file not in sources
        or not sources[finding.place.file].ignores(finding.rule, finding.place)
    )
