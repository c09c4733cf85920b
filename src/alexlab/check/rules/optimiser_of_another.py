"""An optimiser that never saw the parameters that are trained."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import ancestors
from alexlab.check.reading.signatures import WEIGHTED
from alexlab.check.reading.values import Made, Parameters, layers
from alexlab.check.rule import Evidence, Rule, found, measured, name_of
from alexlab.check.rules.passes import holds
from alexlab.check.rules.programs import TRAINING

_ANOTHER = Text(
    "the optimiser that made the first step holds no parameter of the network that was trained: its steps change "
    "nothing that the loss depends on.",
    "做第一步更新的优化器不持有被训练网络的任何参数：它的更新不会改变损失所依赖的任何东西。",
)


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        ran = evidence.trial.ran if evidence.trial is not None else None
        if ran is not None and not ran.optimised:
            yield measured(RULE.name, "error", _ANOTHER, RULE.mend)
        return
    steps = {id(e.subject): e.subject for e in program.events if e.kind == "step"}
    if len(steps) != 1:
        return
    optimiser = next(iter(steps.values()))
    parameters = optimiser.arguments.get("params") if isinstance(optimiser, Made) else None
    if not isinstance(parameters, Parameters):
        return
    nodes = [e.node for e in program.events if e.kind == "backward"]
    if not nodes or any(node is None for node in nodes):
        return
    networks = {
        id(each.network): each.network for node in nodes if node is not None for each in ancestors(node) if each.network
    }
    if not networks or any(e.kind == "escape" for e in program.events):
        return
    if any(holds(n, parameters.network) or holds(parameters.network, n) for n in networks.values()):
        yield from _later_layers(evidence, optimiser, parameters)
        return
    trained = next(iter(networks.values()))
    message = Text(
        f"this optimiser has the parameters of another network than the {name_of(trained)} that is "
        f"trained: its steps change "
        "nothing that the loss depends on.",
        f"这个优化器拿到的是另一个网络的参数，而不是正在训练的 {name_of(trained)}："
        f"它的更新不会改变损失所依赖的任何东西。",
    )
    yield found(RULE.name, "error", evidence, None, message, RULE.mend, optimiser.place)


def _later_layers(evidence: Evidence, optimiser: Made, parameters: Parameters) -> Iterator[Finding]:
    """Layers that were put into the network after its optimiser was made."""
    known = optimiser.attributes.get("layers")
    if not isinstance(known, list) or not known:
        return
    before = {id(layer) for layer in known}
    now = {id(layer): path for path, layer in layers(parameters.network)}
    for event in evidence.events:
        for node in ancestors(event.node) if event.kind == "backward" and event.node is not None else ():
            if node.op in WEIGHTED and id(node.owner) in now and id(node.owner) not in before:
                path = now[id(node.owner)]
                message = Text(
                    f"{path} was put into the network after this optimiser was made from its parameters: the optimiser "
                    "still steps the layer that was there before, and the new one stays as it started.",
                    f"{path} 是在优化器由网络参数创建之后才放进网络的：优化器更新的仍是原来的那一层，新的层停在初值上。",
                )
                yield found(RULE.name, "error", evidence, node, message, RULE.mend, optimiser.place)
                return


_NETWORK = (
    "network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))\n"
)

RULE = Rule(
    name="optimiser-of-another",
    title=Text("parameters that the optimiser never saw", "优化器从未见过的参数"),
    why=Text(
        "An optimiser steps the parameters that it was made with. A network that is built anew "
        "afterwards is not among them.",
        "优化器只更新创建它时得到的参数。之后重新构建的网络不在其中。",
    ),
    mend=Text("make the optimiser after the network that is trained.", "在要训练的网络之后再创建优化器。"),
    find=_find,
    bad=TRAINING.replace("criterion = nn", _NETWORK + "criterion = nn", 1),
    good=TRAINING,
)
