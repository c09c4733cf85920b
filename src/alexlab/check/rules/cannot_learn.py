"""A network that cannot learn one small batch by heart."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION


def _find(evidence: Evidence) -> Iterator[Finding]:
    fit = evidence.trial.fit if evidence.trial is not None else None
    if fit is None or fit.fitted:
        return
    message = Text(
        f"the network does not learn one batch of 8 images by heart: after 120 steps of Adam at each of three rates its "
        f"loss was never below {fit.loss:.3g}. An input of zeros in place of the images does as well: {fit.least:.3g}.",
        f"网络连 8 幅图像的一个批次都记不住：三种学习率下各 120 步 Adam 之后，损失从未低于 {fit.loss:.3g}，"
        f"而把图像换成全零也能达到 {fit.least:.3g}。",
    )
    yield measured(RULE.name, "warning", message, RULE.mend)


RULE = Rule(
    name="cannot-learn-a-batch",
    title=Text(
        "one small batch cannot be learnt: an input of zeros does as well", "连一个小批次都学不会：输入全零也一样好"
    ),
    why=Text(
        "Any classifier worth training can learn eight images by heart within a few steps. One that cannot has no path "
        "for the gradient, a signal too small to work with, or an answer that cannot say what the labels ask; more data "
        "and more epochs do not change that.",
        "任何值得训练的分类器都能在几步之内记住八幅图像。做不到的网络，或是梯度没有通路，或是信号太小，"
        "或是答案表达不了标签的要求；更多的数据和 epoch 都无济于事。",
    ),
    mend=Text(
        "look for activations that saturate, and for layers whose gradient is tiny; add batch norm, or use ReLU and "
        "PyTorch's own initial weights.",
        "检查饱和的激活函数和梯度极小的层；加上 batch norm，或改用 ReLU 和 PyTorch 默认的初始权重。",
    ),
    find=_find,
    bad=CONVOLUTION.format(more="", forward="1e-6 * torch.tanh(self.last(maps.flatten(1)))"),
    good=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1))"),
    symptom=True,
)
