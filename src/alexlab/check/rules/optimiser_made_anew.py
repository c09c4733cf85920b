"""An optimiser that forgets what it has learnt at each epoch."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.values import Batches, Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    seen: set[object] = set()
    for event in program.events:
        made = event.subject
        if event.kind != "step" or not isinstance(made, Made) or made.place in seen:
            continue
        same = [each for each in program.made if isinstance(each, Made) and each.place == made.place]
        born = program.births.get(id(made), ())
        kind = made.name.rsplit(".", 1)[-1]
        if (
            not born
            or len(event.rounds) <= len(born)
            or event.rounds[: len(born)] != born
            or not _remembers(made, same)
        ):
            continue
        if not _same_network(program, made, born[-1].loop) or not _epochs(event, len(born)):
            continue
        seen.add(made.place)
        message = Text(
            f"{kind} is made anew in each pass of the loop: its moments start at zero again each time, and no schedule can "
            "be kept.",
            f"每次循环都重新建立 {kind}：它的动量每次都从零开始，也无法执行学习率计划。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, made.place)


def _remembers(optimiser: Made, others: list[Made]) -> bool:
    """Whether an optimiser keeps moments, and a rate that is the same in each pass."""
    plain = optimiser.name.rsplit(".", 1)[-1] == "SGD"
    momentum = optimiser.arguments.get("momentum", 0)
    rate = optimiser.arguments.get("lr", 0.001)
    if not isinstance(rate, int | float) or any(each.arguments.get("lr", 0.001) != rate for each in others):
        return False
    return not plain or (isinstance(momentum, int | float) and momentum > 0)


def _same_network(program: Program, optimiser: Made, loop: int) -> bool:
    """Whether the layers are older than the loop and keep their weights in it."""
    held = optimiser.attributes.get("layers")
    if not isinstance(held, list) or not held:
        return False
    if any(each.loop == loop for layer in held for each in program.births.get(id(layer), ())):
        return False
    inits = [event for event in program.events if event.kind in ("init", "escape")]
    return not any(each.loop == loop for event in inits for each in event.rounds)


def _epochs(step: Event, depth: int) -> bool:
    """Whether the loop is the one around the batches of a loader, not one around several trainings."""
    over = step.rounds[-1].over
    while isinstance(over, Batches):
        over = over.source
    loader = isinstance(over, Made) and over.name == "torch.utils.data.DataLoader"
    return loader and len(step.rounds) == depth + 1


RULE = Rule(
    name="optimiser-made-anew",
    title=Text("an optimiser made anew for each epoch", "每个 epoch 都重新建立优化器"),
    why=Text(
        "Adam and momentum keep running means of the gradients. An optimiser that is made in the loop over epochs starts "
        "each epoch without them, and a scheduler of the old one changes nothing.",
        "Adam 和动量会保存梯度的滑动平均。在 epoch 循环里建立的优化器每个 epoch 都丢掉它们，而旧优化器的调度器不起任何作用。",
    ),
    mend=Text("make the optimiser once, before the loop.", "在循环之前只建立一次优化器。"),
    find=_find,
    bad=TRAINING.replace("optimizer = torch.optim.SGD(network.parameters(), lr=0.1)\n", "").replace(
        "    network.train()\n",
        "    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)\n    network.train()\n",
    ),
    good=TRAINING.replace("SGD(network.parameters(), lr=0.1)", "Adam(network.parameters(), lr=0.001)"),
)
