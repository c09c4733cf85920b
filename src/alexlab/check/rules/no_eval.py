"""Evaluation in training mode."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.rule import Evidence, Rule, found, name_of
from alexlab.check.rules.passes import evaluations, mode_layer, unknown_hands
from alexlab.check.rules.programs import TRAINING, without


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None or not any(
        event.kind == "backward" or (event.kind == "init" and event.name == "loaded") for event in program.events
    ):
        return
    seen: set[object] = set()
    for event in evaluations(program):
        if event.training is not True or event.place in seen or unknown_hands(program, event.subject, event):
            continue
        layer = mode_layer(program, event.subject)
        if layer is None:
            continue
        seen.add(event.place)
        message = Text(
            f"{name_of(event.subject)} is evaluated in training mode, and has {layer}: dropout drops "
            f"units, batch norm uses "
            "the statistics of the test batch (and learns them), and the figures are not the network's.",
            f"{name_of(event.subject)} 在训练模式下被评估，而它含有 {layer}：dropout 会丢弃单元，"
            f"batch norm 会使用（并学习）测试批次的统计量，"
            "得到的数字不是网络的真实水平。",
        )
        yield found(
            RULE.name,
            "error",
            evidence,
            None,
            message,
            RULE.mend,
            event.place,
            edit=Edit("evaluate", value="{receiver}.eval()"),
        )


RULE = Rule(
    name="no-eval",
    title=Text("evaluation without `eval()`", "评估时没有 `eval()`"),
    why=Text(
        "A network starts in training mode and stays in it until `eval()`. Dropout then drops units "
        "of the test images too, and "
        "batch norm normalises each test batch by itself: the answer for one image depends on the others.",
        "网络一开始处于训练模式，直到调用 `eval()`。否则 dropout 也会丢弃测试图像的单元，batch norm "
        "则用每个测试批次自身做归一化："
        "一幅图像的答案会受其他图像影响。",
    ),
    mend=Text(
        "call `network.eval()` before the evaluation, and `network.train()` before training goes on.",
        "评估前调用 `network.eval()`，继续训练前调用 `network.train()`。",
    ),
    find=_find,
    bad=without("network.eval()"),
    good=TRAINING,
)
