"""A learning rate that is out of range for its optimiser."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

RANGES = {
    "Adam": (1e-7, 0.03), "AdamW": (1e-7, 0.03), "NAdam": (1e-7, 0.05), "RAdam": (1e-7, 0.05), "Adamax": (1e-7, 0.1),
    "RMSprop": (1e-7, 0.03), "SGD": (1e-6, 10.0),
}  # fmt: skip
WITH_MOMENTUM = 1.5
"""The largest rate of SGD with a momentum of 0.9 or more, which makes ten steps of each."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    stepped = {id(event.subject) for event in evidence.events if event.kind == "step"}
    for made in evidence.program.made:
        if not isinstance(made, Made) or id(made) not in stepped or not made.name.startswith("torch.optim."):
            continue
        name, rate = made.name.rsplit(".", 1)[-1], made.arguments.get("lr")
        if name not in RANGES or not isinstance(rate, int | float) or isinstance(rate, bool):
            continue
        if name == "SGD" and rate > 1 and not any(e.kind == "loss" for e in evidence.events):
            continue
        least, most = RANGES[name]
        momentum = made.arguments.get("momentum", 0)
        if name == "SGD" and isinstance(momentum, int | float) and momentum >= 0.9:
            most = WITH_MOMENTUM
        if least <= rate <= most or rate == 0 or _scheduled(evidence, made):
            continue
        large = rate > most
        message = Text(
            f"a learning rate of {rate:g} is {'too large' if large else 'too small'} for {name}, whose rates lie between "
            f"{least:g} and {most:g}: " + ("each step throws away what was learnt." if large else "it hardly moves."),
            f"学习率 {rate:g} 对 {name} 来说太{'大' if large else '小'}，合理范围是 {least:g} 到 {most:g}："
            + ("每一步都会毁掉学到的东西。" if large else "几乎不动。"),
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, made.place)


def _scheduled(evidence: Evidence, optimiser: Made) -> bool:
    """Whether a scheduler has a hand in the rate: what is written is then a factor, or a start, or is overwritten."""
    made = evidence.program.made if evidence.program else ()
    return any(
        isinstance(each, Made)
        and ".lr_scheduler." in each.name
        and any(v is optimiser for v in each.arguments.values())
        for each in made
    )


RULE = Rule(
    name="learning-rate",
    title=Text("a learning rate out of range for its optimiser", "超出优化器合理范围的学习率"),
    why=Text(
        "SGD multiplies the gradient by the rate; Adam divides the gradient by its own size first, so that the rate is "
        "how far each weight moves. 0.1 is usual for SGD, and for Adam moves every weight by 0.1 each step, more than "
        "most weights are.",
        "SGD 用学习率乘以梯度；Adam 先把梯度除以自身的大小，学习率就是每个权重移动的距离。0.1 对 SGD 很常见，"
        "对 Adam 则是每一步把每个权重移动 0.1，比大多数权重本身还大。",
    ),
    mend=Text(
        "start from 0.001 for Adam and its kin, from 0.1 to 0.01 for SGD.",
        "Adam 类从 0.001 开始，SGD 从 0.1 到 0.01 开始。",
    ),
    find=_find,
    bad=TRAINING.replace(
        "torch.optim.SGD(network.parameters(), lr=0.1)", "torch.optim.Adam(network.parameters(), lr=0.1)"
    ),
    good=TRAINING.replace(
        "torch.optim.SGD(network.parameters(), lr=0.1)", "torch.optim.Adam(network.parameters(), lr=0.001)"
    ),
)
