"""Weight decay on biases and norms."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.signatures import LAYERS
from alexlab.check.reading.values import Made, Parameters, layers
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

STRONG = 1e-3
"""Decay below this hardly moves a norm within a training."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    stepped = {id(event.subject) for event in evidence.events if event.kind == "step"}
    for made in evidence.program.made:
        if not isinstance(made, Made) or id(made) not in stepped or not made.name.startswith("torch.optim."):
            continue
        decay, given = made.arguments.get("weight_decay"), made.arguments.get("params")
        if not isinstance(decay, float) or decay < STRONG or not isinstance(given, Parameters):
            continue
        norms = [path for path, layer in layers(given.network) if _operation(layer) in ("batch_norm", "layer_norm")]
        if not norms:
            continue
        message = Text(
            f"a weight decay of {decay:g} for all parameters pulls the scales of {norms[0]} and the other norms, and all "
            "biases, towards zero: they are not what makes a network overfit.",
            f"对所有参数使用 {decay:g} 的 weight decay，也会把 {norms[0]} 等归一化层的缩放和所有偏置拉向零：它们并不是过拟合的原因。",
        )
        yield found(RULE.name, "note", evidence, None, message, RULE.mend, made.place)


def _operation(layer: Made) -> str:
    return LAYERS.get(layer.name.removeprefix("torch.nn."), ("", ()))[0]


_NORMED = TRAINING.replace(
    "nn.Linear(784, 128), nn.ReLU()", "nn.Linear(784, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()"
)
_ALL = "torch.optim.SGD(network.parameters(), lr=0.1)"
_GROUPS = """\
torch.optim.SGD([
    {"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": 0.005},
    {"params": [p for p in network.parameters() if p.dim() <= 1]},
], lr=0.1)"""

RULE = Rule(
    name="decay-on-norms",
    title=Text("weight decay on biases and norms", "对偏置和归一化层使用 weight decay"),
    why=Text(
        "Weight decay keeps the weights of linear and convolution layers small. Given `network.parameters()` it does the "
        "same to the scale of each norm, whose natural value is 1, and to each bias. A small decay does little harm; a "
        "strong one holds the network back.",
        "weight decay 使全连接层和卷积层的权重保持较小。给它 `network.parameters()` 时，它也同样作用于每个归一化层的缩放"
        "（自然值为 1）和每个偏置。衰减小时影响不大，衰减大时会拖累网络。",
    ),
    mend=Text("give the optimiser two groups, and decay only parameters of two dimensions or more.",
              "给优化器两组参数，只对二维及以上的参数做 weight decay。"),
    find=_find,
    bad=_NORMED.replace(_ALL, "torch.optim.SGD(network.parameters(), lr=0.1, weight_decay=0.005)"),
    good=_NORMED.replace(_ALL, _GROUPS),
)  # fmt: skip
