"""A schedule of the learning rate that is never followed, or starts a step too early."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.values import Made, Object, Value
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    yield from _never(evidence, program)
    yield from _too_early(evidence, program)


def _never(evidence: Evidence, program: Program) -> Iterator[Finding]:
    """Find schedulers of an optimiser that steps, where nothing in the script steps a scheduler."""
    stepped = {id(event.subject) for event in program.events if event.kind == "step"}
    unknown = any(event.kind == "step" and not isinstance(event.subject, Made) for event in program.events)
    if program.lost or unknown or any(event.kind == "schedule" for event in program.events):
        return
    schedulers = [made for made in program.made if isinstance(made, Made) and _is_schedule(made)]
    for made in schedulers:
        if id(made.arguments.get("optimizer", made.arguments.get("0"))) not in stepped:
            continue
        if any(_given(event, made) for event in program.events if event.kind == "escape"):
            continue
        message = Text(
            f"{_name(made)} is made and never stepped: the learning rate stays what it was.",
            f"{_name(made)} 建好后从未调用 step：学习率一直不变。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, made.place)


def _too_early(evidence: Evidence, program: Program) -> Iterator[Finding]:
    """Find schedulers that are stepped at the head of an epoch, before the optimiser has made its first step."""
    seen: set[object] = set()
    for index, event in enumerate(program.events):
        made = event.subject
        if event.kind != "schedule" or event.conditional or not event.rounds or not isinstance(made, Made):
            continue
        optimiser = made.arguments.get("optimizer", made.arguments.get("0"))
        if event.detail is not None or made.name.endswith("ReduceLROnPlateau") or not isinstance(optimiser, Made):
            continue
        steps = [
            (place, each)
            for place, each in enumerate(program.events)
            if each.kind == "step" and (each.subject is optimiser or not isinstance(each.subject, Made))
        ]
        within = [place for place, each in steps if event.rounds[-1] in each.rounds]
        if not within or min(place for place, _ in steps) < index or event.place in seen:
            continue
        seen.add(event.place)
        message = Text(
            f"{_name(made)} is stepped before the optimiser: the first learning rate is skipped, and each later one comes an "
            "epoch too early.",
            f"{_name(made)} 在优化器之前 step：跳过了最初的学习率，之后的每个学习率都早了一个 epoch。",
        )
        fix = Text("step it after the epoch's updates.", "在该 epoch 的更新之后再调用 step。")
        yield found(RULE.name, "warning", evidence, None, message, fix, event.place)


def _is_schedule(made: Made) -> bool:
    return "lr_scheduler." in made.name and _name(made)[:1].isupper()


def _name(made: Made) -> str:
    return made.name.rsplit(".", 1)[-1]


def _given(event: Event, scheduler: Made) -> bool:
    """Whether code that cannot be followed was given the scheduler, or an object that holds it."""

    def holds(value: Value, depth: int = 0) -> bool:
        if value is scheduler:
            return True
        inner = (
            value.attributes.values() if isinstance(value, Object) else value if isinstance(value, list | tuple) else ()
        )
        return depth < 4 and any(holds(each, depth + 1) for each in inner)

    return holds(event.subject)


_SCHEDULED = TRAINING.replace(
    "criterion =", "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3)\ncriterion ="
)

RULE = Rule(
    name="schedule-unused",
    title=Text("a learning rate schedule that is not followed", "没有执行的学习率计划"),
    why=Text(
        "A scheduler changes the learning rate where its `step` is called, and nowhere else. Made and forgotten, it does "
        "nothing; stepped before the optimiser, it leaves the first rate out.",
        "调度器只在调用它的 `step` 时改变学习率。建好后忘了调用，它什么也不做；在优化器之前调用，则跳过最初的学习率。",
    ),
    mend=Text(
        "call `scheduler.step()` once at the end of each epoch.", "每个 epoch 结束时调用一次 `scheduler.step()`。"
    ),
    find=_find,
    bad=_SCHEDULED,
    good=_SCHEDULED.replace("    network.eval()\n", "    scheduler.step()\n    network.eval()\n"),
)
