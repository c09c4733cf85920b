"""The optimiser's step at the wrong place."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.program import Event
from alexlab.check.reading.values import UNKNOWN, Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None or any(
        event.kind == "escape" and (event.node is not None or not isinstance(event.subject, Made))
        for event in program.events
    ):
        return
    seen: set[object] = set()
    for index, step in enumerate(program.events):
        if step.kind != "step" or step.place in seen or step.conditional or not step.rounds:
            continue
        before = [e for e in program.events[:index] if e.unit == step.unit and _matters(e, step)]
        backward = [e for e in program.events if e.kind == "backward" and _same_loop(e, step)]
        if not backward:
            continue
        last = before[-1] if before else None
        if last is not None and last.kind == "zero_grad" and not last.conditional and _same_loop(last, step):
            message = Text(
                "the gradients are set to zero just before this step: it steps with nothing, and the "
                "network does not learn "
                "from this batch.",
                "就在这一步之前梯度被清零了：这一步没有任何梯度可用，网络从这个批次学不到东西。",
            )
        elif not any(e.kind == "backward" for e in before):
            message = Text(
                "this step stands before `backward`: it uses the gradients of the batch before, and "
                "those of the first do not "
                "exist.",
                "这一步在 `backward` 之前：它用的是上一个批次的梯度，而第一个批次还没有梯度。",
            )
        else:
            continue
        seen.add(step.place)
        yield found(RULE.name, "error", evidence, None, message, RULE.mend, step.place)


def _matters(event: Event, step: Event) -> bool:
    if event.kind == "backward":
        return True
    mine = event.subject is step.subject or event.subject is UNKNOWN or not isinstance(event.subject, Made)
    return event.kind == "zero_grad" and mine


def _same_loop(event: Event, step: Event) -> bool:
    return event.unit == step.unit and bool(event.rounds) and event.rounds[-1] is step.rounds[-1]


_LINES = "        loss.backward()\n        optimizer.step()\n"

RULE = Rule(
    name="step-order",
    title=Text("step before backward, or after `zero_grad`", "step 在 backward 之前，或紧跟在 `zero_grad` 之后"),
    why=Text(
        "A step changes the weights by the gradients that are there. Before `backward` there are "
        "none of this batch; after "
        "`zero_grad` there are none at all, and the network stays as it was.",
        "step 按现有的梯度更新权重。在 `backward` 之前没有这个批次的梯度；在 `zero_grad` "
        "之后则完全没有梯度，网络保持原样。",
    ),
    mend=Text("keep the order: `zero_grad`, `backward`, `step`.", "保持顺序：`zero_grad`、`backward`、`step`。"),
    find=_find,
    bad=TRAINING.replace(_LINES, "        optimizer.step()\n        loss.backward()\n"),
    good=TRAINING,
)
