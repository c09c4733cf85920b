"""The programs of the comparison: each with its mistake, and mended.

A file of `corpus/` is one program with both: a line that ends in `#-` is only in the program with the mistake, a line that
starts with `#+` only in the mended one. Its first lines name the rule and the public thread that describes the mistake;
neither they nor the marks are in what the tools get to see. The programs were written from the threads, before the rules
were tried on them, and are in nobody's words but ours.
"""

import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Program:
    name: str
    rule: str
    also: tuple[str, ...]
    link: str
    mistaken: str
    mended: str


def programs() -> list[Program]:
    """All programs, by name."""
    found = []
    for path in sorted(CORPUS.glob("*.txt")):
        lines = path.read_text(encoding="utf-8").splitlines()
        rules, link = (re.sub(r"^# \w+: ", "", line) for line in lines[:2])
        rule, *also = rules.split()
        mistaken, mended = [], []
        for line in lines[2:]:
            if re.match(r"\s*#\+ ", line):
                mended.append(re.sub(r"#\+ ", "", line, count=1))
            elif line.endswith("  #-"):
                mistaken.append(line.removesuffix("  #-"))
            else:
                mistaken.append(line)
                mended.append(line)
        found.append(Program(path.stem, rule, tuple(also), link, "\n".join(mistaken) + "\n", "\n".join(mended) + "\n"))
    return found
