"""A loss at the start that is far from that of an even guess."""

import math
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION

TOO_LARGE = 3.0
"""Times ln(K). Networks of the catalogue start between 0.98 and 1.07 times it."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    trial = evidence.trial
    if trial is None or trial.loss is None or not trial.fresh or trial.classes < 2:
        return
    even = math.log(trial.classes)
    if trial.loss <= TOO_LARGE * even:
        return
    message = Text(
        f"the untrained network's cross-entropy is {trial.loss:.3g} on random images; an even guess among {trial.classes} "
        f"classes has {even:.3g}. It is sure of answers that it cannot know, and the first steps only take that back.",
        f"未训练网络在随机图像上的交叉熵是 {trial.loss:.3g}；在 {trial.classes} 个类别中均匀猜测是 {even:.3g}。"
        f"网络对无从知道的答案过于确信，最初的训练只是在把它收回来。",
    )
    yield measured(RULE.name, "warning", message, RULE.mend)


RULE = Rule(
    name="start-loss",
    title=Text("a loss at the start far from ln(classes)", "初始损失远离 ln(类别数)"),
    why=Text(
        "An untrained classifier knows nothing, and should say so: all K classes about even, which is a cross-entropy of "
        "ln(K). A much larger loss comes from weights or images that are too large; training begins by undoing it, and "
        "may never recover where ReLUs die on the way.",
        "未训练的分类器什么都不知道，也应当如此回答：K 个类别大致均匀，即交叉熵为 ln(K)。损失大得多说明权重或图像的数值太大；"
        "训练先要把它改回来，途中 ReLU 死掉的话可能再也恢复不了。",
    ),
    mend=Text(
        "start from smaller weights (PyTorch's own, or `nn.init.kaiming_normal_`), and look at the scale of the images.",
        "使用更小的初始权重（PyTorch 的默认值或 `nn.init.kaiming_normal_`），并检查图像的数值范围。",
    ),
    find=_find,
    bad=CONVOLUTION.format(
        more="\n        nn.init.normal_(self.last.weight, 0.0, 10.0)", forward="self.last(maps.flatten(1))"
    ),
    good=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1))"),
    symptom=True,
)
