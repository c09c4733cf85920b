"""Parameters that training does not change."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION

_NO_STEP = Text(
    "the script's own first step changed no parameter, although one batch gives all of them a gradient: the gradients "
    "were gone when it came, or were never computed.",
    "脚本自己的第一步没有改变任何参数，而一个批次本可以给它们都带来梯度：更新时梯度已被清掉，或根本没有计算。",
)


def _find(evidence: Evidence) -> Iterator[Finding]:
    trial = evidence.trial
    if trial is None:
        return
    if trial.ran is not None and trial.ran.optimised and not trial.ran.stepped and not trial.still:
        yield measured(RULE.name, "error", _NO_STEP, RULE.mend)
    if not trial.still:
        return
    used = {node.layer for node in evidence.graph.nodes if node.layer}
    still = [name for name in trial.still if name.rpartition(".")[0] in used or "." not in name]
    if not still:
        return  # layers that are never called: another rule says so
    every = len(trial.still) == trial.parameters
    named = ", ".join(still[:4]) + (", ..." if len(still) > 4 else "")
    message = Text(
        f"three steps of training change nothing in {named} ({len(still)} of {trial.parameters} parameters): no gradient "
        f"reaches {'them' if len(still) > 1 else 'it'}.",
        f"三步训练没有改变 {named}（{trial.parameters} 个参数中的 {len(still)} 个）：梯度到不了那里。",
    )
    yield measured(RULE.name, "error" if every else "warning", message, RULE.mend, still[0].rpartition(".")[0])


RULE = Rule(
    name="never-changed",
    title=Text("parameters that a step does not change", "训练不会改变的参数"),
    why=Text(
        "A parameter learns by its gradient. A `detach`, `.data`, `no_grad`, `argmax` or rounding in `forward`, or a branch "
        "that is never taken, cuts the path back to it, and it keeps its random start for ever without a word.",
        "参数靠梯度学习。`forward` 中的 `detach`、`.data`、`no_grad`、`argmax` 或取整，或从未走到的分支，"
        "都会切断通路，参数就不声不响地永远停在随机初值上。",
    ),
    mend=Text(
        "find what cuts the gradient after this layer, or set `requires_grad_(False)` where it is meant to stay.",
        "找出这一层之后切断梯度的操作；如果本来就不想训练它，请设置 `requires_grad_(False)`。",
    ),
    find=_find,
    bad=CONVOLUTION.format(more="", forward="self.last(maps.detach().flatten(1))"),
    good=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1))"),
    symptom=True,
)
