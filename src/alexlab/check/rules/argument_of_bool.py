"""An option of the command line that is always true."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import External
from alexlab.check.rule import Evidence, Rule, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    for event in evidence.events:
        if event.kind != "call" or event.subject != "argparse.add_argument":
            continue
        kind = event.detail.get("type")
        if isinstance(kind, External) and kind.name == "bool":
            message = Text(
                "`type=bool` takes every word for true: `--option False` is True, as is every text that is not empty.",
                "`type=bool` 把任何文字都当作真：`--option False` 也是 True，因为非空字符串都为真。",
            )
            yield found(RULE.name, "warning", evidence, None, message, RULE.mend, event.place)


_PROGRAM = """\
import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--wide", {how})
args = parser.parse_args()
network = nn.Sequential(nn.Flatten(), nn.Linear(784, 256 if args.wide else 64), nn.ReLU(), nn.Linear(64, 10))
print(network(torch.zeros(1, 1, 28, 28)))
"""

RULE = Rule(
    name="argument-of-bool",
    title=Text("`type=bool` for an option of the command line", "命令行选项用 `type=bool`"),
    why=Text(
        "argparse calls bool() on the text that was given, and bool('False') is True. The option cannot be switched off, "
        "and nothing says so.",
        "argparse 对给出的文字调用 bool()，而 bool('False') 为 True。这个选项无法关闭，也没有任何提示。",
    ),
    mend=Text(
        "write `action='store_true'`, or `action=argparse.BooleanOptionalAction`, which adds `--no-option`.",
        "写成 `action='store_true'`，或 `action=argparse.BooleanOptionalAction`（会另加 `--no-option`）。",
    ),
    find=_find,
    bad=_PROGRAM.format(how="type=bool, default=False"),
    good=_PROGRAM.format(how='action="store_true"'),
)
