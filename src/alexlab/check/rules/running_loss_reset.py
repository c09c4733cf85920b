"""A running loss that is set back to zero, and then divided by all batches."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for event in evidence.events:
        if event.kind == "average" and event.name == "reset" and event.place not in seen:
            seen.add(event.place)
            message = Text(
                "this sum is set back to zero within the loop, so that only what came after the last time is in it; divided by all of "
                "the loop it is too small.",
                "这个和在循环中被清零，里面只有最后一次清零之后的部分；除以整个循环的数目，结果太小。",
            )
            yield found(RULE.name, "warning", evidence, None, message, RULE.mend, event.place)


_RUNNING = TRAINING.replace("for images, labels in training:", "for number, (images, labels) in enumerate(training):")
_SHOWN = "        total += loss.item()\n        {more}if number % 100 == 99:\n            print({shown} / 100)\n            {shown} = 0.0\n"

RULE = Rule(
    name="running-loss-reset",
    title=Text("a running loss, set back and then divided by all batches", "清零之后又除以全部批次的累计损失"),
    why=Text(
        "A sum that is shown and set back every hundred batches holds the rest of the epoch only. Divided by the number of all batches, "
        "it looks like a loss that falls, and is none.",
        "每一百个批次显示并清零的和，在 epoch 结束时只剩最后一段。除以全部批次数，看上去像在下降的损失，其实不是。",
    ),
    mend=Text(
        "keep two sums: one for the hundred batches, one for the epoch.",
        "用两个和：一个给这一百个批次，一个给整个 epoch。",
    ),
    find=_find,
    bad=_RUNNING.replace("        total += loss.item()\n", _SHOWN.format(more="", shown="total")),
    good=_RUNNING.replace(
        "        total += loss.item()\n", _SHOWN.format(more="running += loss.item()\n        ", shown="running")
    ).replace("    total = 0.0\n", "    total = running = 0.0\n"),
)
