"""Evaluation that records gradients."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.program import Event, Program
from alexlab.check.rule import Evidence, Rule, found, name_of
from alexlab.check.rules.passes import evaluations
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    seen: set[object] = set()
    for event in evaluations(program):
        if (
            event.grad is not True
            or event.node is None
            or not event.node.grad
            or not event.rounds
            or event.place in seen
        ):
            continue
        if _goes_back(program, event):
            continue
        if not any(other.kind == "backward" and other.unit == event.unit for other in program.events):
            continue
        seen.add(event.place)
        message = Text(
            f"{name_of(event.subject)} is evaluated with gradients recorded: every activation is kept "
            f"for a backward pass that "
            "never comes, which costs memory and time.",
            f"评估 {name_of(event.subject)} 时仍在记录梯度："
            f"每个激活值都为一次不会发生的反向传播而保留，浪费内存和时间。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, event.place)


def _goes_back(program: Program, event: Event) -> bool:
    """Whether a backward pass stands in the innermost loop of `event`: gradients are wanted there, of the images if of nothing else."""
    return any(
        other.kind == "backward" and other.rounds and other.rounds[-1].loop == event.rounds[-1].loop
        for other in program.events
    )


RULE = Rule(
    name="no-no-grad",
    title=Text("evaluation without `no_grad`", "评估时没有 `no_grad`"),
    why=Text(
        "Outside `torch.no_grad()` PyTorch keeps every intermediate result of a pass, so that "
        "gradients can be computed. In "
        "evaluation none are: the memory is wasted, and a batch that fits in training may not fit here.",
        "在 `torch.no_grad()` 之外，PyTorch 会保留一次前向的所有中间结果以便求梯度。"
        "评估时并不求梯度：内存被浪费，训练时放得下的批次这里可能放不下。",
    ),
    mend=Text("put the evaluation under `with torch.no_grad():`.", "把评估放在 `with torch.no_grad():` 之下。"),
    find=_find,
    bad=TRAINING.replace("with torch.no_grad():", "if epoch % 2 == 1:"),
    good=TRAINING,
)
