"""Evaluation that differs from itself."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.trial is None or not evidence.trial.random:
        return
    message = Text(
        "in evaluation mode the same images have another answer the second time: something in `forward` is random or "
        "counts its calls.",
        "评估模式下，同样的图像第二次得到不同的答案：`forward` 中有随机的成分，或它记录了调用次数。",
    )
    yield measured(RULE.name, "error", message, RULE.mend)


RULE = Rule(
    name="random-evaluation",
    title=Text("evaluation that differs from itself", "每次结果都不同的评估"),
    why=Text(
        "A trained network is a function: one image, one answer. Where noise or dropout stays on in evaluation, or a "
        "buffer changes with each call, figures cannot be repeated and are worse than the network is.",
        "训练好的网络是一个函数：一幅图像对应一个答案。如果评估时噪声或 dropout 仍起作用，或某个缓冲区随每次调用而变，"
        "数字就无法重复，也比网络的真实水平差。",
    ),
    mend=Text(
        "make what is random depend on `self.training`, and change no buffers in evaluation.",
        "让随机的部分取决于 `self.training`，并且评估时不改变缓冲区。",
    ),
    find=_find,
    bad=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1) + torch.randn(maps[0].numel()))"),
    good=CONVOLUTION.format(
        more="", forward="self.last(maps.flatten(1) + (torch.randn(maps[0].numel()) if self.training else 0))"
    ),
    symptom=True,
)
