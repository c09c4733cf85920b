"""Transforms in a set, which has no order."""

import ast
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING
from alexlab.check.rules.written import calls, sources


def _find(evidence: Evidence) -> Iterator[Finding]:
    for source in sources(evidence):
        for call in calls(source.tree, "Compose", "Sequential"):
            if call.args and isinstance(call.args[0], ast.Set):
                message = Text(
                    "braces make a set, and a set has no order: these are done in another order each time the program starts, or stop.",
                    "花括号是集合，集合没有顺序：每次启动程序时执行的顺序都可能不同，或者报错。",
                )
                yield found(RULE.name, "error", evidence, None, message, RULE.mend, source.place(call.lineno))


_LISTED = "transforms.Compose([transforms.Resize(28), transforms.ToTensor()])"

RULE = Rule(
    name="unordered-transforms",
    title=Text("transforms in a set", "放在集合里的变换"),
    why=Text(
        "`Compose` does what it is given one after the other. A set gives its elements in any order: ToTensor may come before or after "
        "Resize, from one start of the program to the next.",
        "`Compose` 依次执行给它的变换。集合给出元素的顺序是任意的：每次启动程序，ToTensor 可能在 Resize 之前，也可能在之后。",
    ),
    mend=Text("write a list: `transforms.Compose([...])`.", "写成列表：`transforms.Compose([...])`。"),
    find=_find,
    bad=TRAINING.replace(
        "train=True, transform=transforms.ToTensor()",
        "train=True, transform=" + _LISTED.replace("[", "{").replace("]", "}"),
    ),
    good=TRAINING.replace("train=True, transform=transforms.ToTensor()", f"train=True, transform={_LISTED}"),
)
