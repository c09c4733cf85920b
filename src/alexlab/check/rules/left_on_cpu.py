"""Labels, or a network, that stay on the CPU while the images go to another device."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import SHAPE_ONLY, Node, ancestors, behind
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.values import Made, Value
from alexlab.check.rule import Evidence, Rule, found, name_of
from alexlab.check.rules.passes import holds, learning
from alexlab.check.rules.programs import TRAINING

_SAME = SHAPE_ONLY | {"detach", "long", "getitem"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None or any(event.kind == "move" and event.subject is None for event in program.events):
        return
    seen: set[object] = set()
    for event in learning(program):
        for loss in (
            [node for node in ancestors(event.node) if node.op in ("cross_entropy", "nll_loss")] if event.node else []
        ):
            if len(loss.inputs) < 2 or loss.place in seen:
                continue
            images = [node for node in ancestors(loss.inputs[0]) if node.op == "input" and "source" in node.attributes]
            moved = [node for node in images if node.attributes.get("device") == "other"]
            labels = behind(loss.inputs[1], _SAME)
            if not moved or len(moved) < len(images) or loss.place is None:
                continue
            network = _left(program, loss)
            if labels.op == "labels" and not _is_moved(loss.inputs[1], labels):
                seen.add(loss.place)
                message = Text(
                    "the images go to the device and the labels do not: with a GPU the loss stops, as it finds both on different devices.",
                    "图像移到了设备上，标签没有：有 GPU 时损失函数会因两者不在同一设备上而报错。",
                )
                yield found(RULE.name, "error", evidence, None, message, RULE.mend, loss.place)
            elif network is not None:
                seen.add(loss.place)
                message = Text(
                    f"the images go to the device and {name_of(network.subject)} does not: with a GPU its first layer stops, as its "
                    "weights are on the CPU.",
                    f"图像移到了设备上，{name_of(network.subject)} 没有：有 GPU 时第一层会报错，因为它的权重在 CPU 上。",
                )
                yield found(RULE.name, "error", evidence, None, message, RULE.mend, network.place)


def _is_moved(target: Node, labels: Node) -> bool:
    """Return whether labels, or what is made of them on the way, go to a device."""
    while target is not labels:
        if target.op in ("to", "cuda", "type") or "device" in target.attributes:
            return True
        target = target.inputs[0]
    return labels.attributes.get("device") is not None


def _left(program: Program, loss: Node) -> Event | None:
    """Return the pass through a network that goes to no device, where there is one."""
    above = {id(node) for node in ancestors(loss.inputs[0])}
    passes = [
        each for each in program.events if each.kind == "forward" and each.node is not None and id(each.node) in above
    ]
    for each in passes:
        if not any(_touches(event, each.subject) for event in program.events if event.kind in ("move", "escape")):
            return each if not (isinstance(each.subject, Made) and "Parallel" in each.subject.name) else None
    return None


def _touches(event: Event, network: Value) -> bool:
    return holds(event.subject, network) or holds(network, event.subject)


_MOVED = TRAINING.replace(
    "criterion =",
    'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\nnetwork.to(device)\ncriterion =',
).replace("in test:\n", "in test:\n            images, labels = images.to(device), labels.to(device)\n")

RULE = Rule(
    name="left-on-cpu",
    title=Text("labels or a network left on the CPU", "留在 CPU 上的标签或网络"),
    why=Text(
        "What is computed together has to be on one device. On a machine without a GPU the mistake does not show; on one with a GPU the "
        "training stops at its first batch.",
        "一起计算的东西必须在同一设备上。没有 GPU 的机器上看不出这个错误；有 GPU 时训练在第一个批次就会停止。",
    ),
    mend=Text(
        "`network.to(device)` once, and `images, labels = images.to(device), labels.to(device)` in each batch.",
        "调用一次 `network.to(device)`，并在每个批次中写 `images, labels = images.to(device), labels.to(device)`。",
    ),
    find=_find,
    bad=_MOVED.replace("in training:\n", "in training:\n        images = images.to(device)\n"),
    good=_MOVED.replace(
        "in training:\n", "in training:\n        images, labels = images.to(device), labels.to(device)\n"
    ),
)
