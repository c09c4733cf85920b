"""Training that goes on in evaluation mode."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import ancestors
from alexlab.check.rule import Evidence, Rule, found, name_of
from alexlab.check.rules.passes import evaluations, learning, mode_layer
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    reached = {id(node) for event in learning(program) if event.node is not None for node in ancestors(event.node)}
    passes = [e for e in program.events if e.kind == "forward" and e.node is not None and id(e.node) in reached]
    judged = list(evaluations(program))
    seen: set[object] = set()
    for index, event in enumerate(passes):
        if event.training not in (False, "mixed") or event.place in seen:
            continue
        if event.training == "mixed":
            if not any(e.subject is event.subject and e.training is False and e.conditional for e in judged):
                continue  # a condition that is no evaluation decides the mode
        elif not any(
            e.subject is event.subject and e.place == event.place and e.training is True for e in passes[:index]
        ):
            continue
        layer = mode_layer(program, event.subject)
        if layer is None:
            continue
        seen.add(event.place)
        message = Text(
            f"{name_of(event.subject)} is trained in evaluation mode from its second round on: "
            f"`eval()` was called for the "
            f"evaluation and `train()` never again, so that {layer} does nothing in training.",
            f"{name_of(event.subject)} 从第二轮起就在评估模式下训练：评估时调用了 `eval()`，"
            f"之后再没有调用 `train()`，{layer} 在训练中不起作用。",
        )
        yield found(RULE.name, "error", evidence, None, message, RULE.mend, event.place)


RULE = Rule(
    name="train-not-resumed",
    title=Text("`train()` is never called again", "再没有调用 `train()`"),
    why=Text(
        "`eval()` lasts until `train()`. After the first evaluation dropout is off and batch norm is "
        "frozen for the rest of "
        "the training, which overfits, or stops following the data.",
        "`eval()` 一直有效，直到调用 `train()`。第一次评估之后，剩下的训练中 dropout 关闭、batch "
        "norm 冻结，会过拟合，或不再跟随数据。",
    ),
    mend=Text("call `network.train()` at the start of each epoch.", "在每个 epoch 开始时调用 `network.train()`。"),
    find=_find,
    bad=TRAINING.replace("    network.train()\n", ""),
    good=TRAINING,
)
