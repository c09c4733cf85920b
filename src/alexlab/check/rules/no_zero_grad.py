"""Gradients that are never set back."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.reading.values import UNKNOWN, Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import same_step
from alexlab.check.rules.programs import TRAINING, without


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    events = program.events
    zeroed_somewhere = any(event.kind == "zero_grad" for event in events)
    seen: set[object] = set()
    steps = [index for index, event in enumerate(events) if event.kind == "step"]
    for later in steps:
        second = events[later]
        if second.place in seen:
            continue
        earlier = [
            i for i in steps if i < later and same_step(events[i], second) and events[i].subject is second.subject
        ]
        if not earlier or (second.subject is UNKNOWN and zeroed_somewhere):
            continue
        between = events[earlier[-1] + 1 : later]
        if any(event.kind == "zero_grad" for event in between) or not any(e.kind == "backward" for e in between):
            continue
        if any(
            event.kind == "escape" and (event.subject is second.subject or _is_optimiser(event.subject))
            for event in events
        ):
            continue
        seen.add(second.place)
        where = "" if not zeroed_somewhere else " (`zero_grad` stands outside this loop)"
        where_zh = "" if not zeroed_somewhere else "（`zero_grad` 在这个循环之外）"
        message = Text(
            f"the gradients are not set to zero between two steps{where}: `backward` adds to what is "
            f"there, so that each step "
            "follows the sum of all batches so far.",
            f"两次 step 之间没有把梯度清零{where_zh}：`backward` 会累加到已有的梯度上，"
            f"每一步走的都是迄今所有批次之和。",
        )
        yield found(
            RULE.name,
            "error",
            evidence,
            None,
            message,
            RULE.mend,
            second.place,
            edit=Edit("after", ("step",), value="{receiver}.zero_grad()"),
        )


def _is_optimiser(value: object) -> bool:
    return isinstance(value, Made) and value.name.startswith("torch.optim")


RULE = Rule(
    name="no-zero-grad",
    title=Text("no `zero_grad`", "没有 `zero_grad`"),
    why=Text(
        "PyTorch adds gradients up until they are set back. Without `zero_grad` the step of the "
        "hundredth batch follows the "
        "gradients of all hundred, most of which belong to weights that are long gone.",
        "PyTorch 会一直累加梯度，直到被清零。没有 `zero_grad` 时，"
        "第一百个批次的更新用的是一百个批次的梯度之和，其中大多属于早已改变的权重。",
    ),
    mend=Text(
        "call `optimizer.zero_grad()` once for each batch, before `backward`.",
        "每个批次在 `backward` 之前调用一次 `optimizer.zero_grad()`。",
    ),
    find=_find,
    bad=without("optimizer.zero_grad()"),
    good=TRAINING,
)
