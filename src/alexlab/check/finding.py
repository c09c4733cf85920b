"""What a rule says: a finding, at a place, with its evidence, in English and in Chinese."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
Language = Literal["en", "zh"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, counted from 1; of a notebook, the line within its cell.

    Attributes:
        cell: the number of the cell as its reader sees it: `executed`, the one in `In [n]`; else its place among the cells of code.
    """

    file: str
    line: int
    cell: int | None = None
    executed: bool = False

    def __str__(self) -> str:
        if self.cell is None:
            return f"{self.file}:{self.line}"
        return f"{self.file}:{f'In [{self.cell}]' if self.executed else f'cell {self.cell}'}:{self.line}"


@dataclass(frozen=True)
class Text:
    """The same sentence in both languages."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        """Return the sentence in `language`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Edit:
    """A change of a call that stands in the line of a finding.

    Attributes:
        what: "remove" the call, leaving what it is given; set an "argument" of it; add a line "after" it; take the
            "number" of what is added there; put a line before the evaluation it stands in; "flatten" what the call is
            given.
        calls: last names of the functions that may be meant. Of several calls in the line, the one that mends it is.
        keyword, position: of the argument.
        value: what it becomes; of a line, with {receiver} for what the method is called on.
        place: where the call stands, where that is not the finding's line.
    """

    what: Literal["remove", "argument", "after", "number", "evaluate", "flatten"]
    calls: tuple[str, ...] = ()
    keyword: str = ""
    position: int | None = None
    value: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes:
        rule: the name of the rule, as `# alexlab: ignore[rule]` takes it.
        severity: "error" where the result is wrong, "warning" where it is worse or dear, "note" where it may be meant.
        message: what was found and what happens because of it.
        fix: how to mend it.
        evidence: what the rule looked at.
        place: file and line, where the evidence has one.
        layer: dotted path of the layer in the network, or "".
        edit: the change that mends it, where that is mechanical.
        diff: that change as a unified diff, where the mended script was read again and found without it.
    """

    rule: str
    severity: Severity
    message: Text
    fix: Text
    evidence: Text
    place: Place | None = None
    layer: str = ""
    edit: Edit | None = None
    diff: str | None = None


READ = Text("read from the syntax tree with its data flow", "由语法树及其数据流读出")
TRACED = Text("seen while a copy of the network ran on two images", "网络的副本在两幅图像上运行时所见")
MEASURED = Text("measured in a run of a copy of the network", "在网络副本的一次运行中测得")
