"""Activations or gradients that vanish or explode from layer to layer."""

import math
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured

TOO_LARGE = 1e4
VANISHED_GRADIENT = 1e-6
VANISHED_SIGNAL = 1e-7
"""The networks of the catalogue go down to 2e-3 (gradients) and 3e-4 (signals), AlexNet from N(0, 0.01) among them."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    layers = evidence.trial.layers if evidence.trial is not None else ()
    if len(layers) < 2:
        return
    for layer in layers:
        if not math.isfinite(layer.spread) or layer.spread > TOO_LARGE * max(layers[0].spread, 1.0):
            message = Text(
                f"{layer.path}: the signal explodes: its answers differ between images by {layer.spread:.1e}, those of "
                f"{layers[0].path} by {layers[0].spread:.1e}.",
                f"{layer.path}：信号爆炸：不同图像在这一层的差异为 {layer.spread:.1e}，在 {layers[0].path} 为 "
                f"{layers[0].spread:.1e}。",
            )
            yield measured(RULE.name, "error", message, RULE.mend, layer.path)
            return
    last = layers[-1].gradient
    first = next((layer for layer in layers if layer.gradient is not None), layers[-1])
    if first.gradient is not None and last and 0 < first.gradient < VANISHED_GRADIENT * last:
        message = Text(
            f"{first.path}: its gradient is {first.gradient:.1e}, that of {layers[-1].path} {last:.1e}: on the way back "
            f"through {len(layers)} layers it vanishes, and the first layers do not learn.",
            f"{first.path}：梯度为 {first.gradient:.1e}，而 {layers[-1].path} 为 {last:.1e}：经过 {len(layers)} "
            f"层反向传播后梯度消失，前面的层学不到东西。",
        )
        yield measured(RULE.name, "warning", message, RULE.mend, first.path)
        return
    if 0 < layers[-1].spread < VANISHED_SIGNAL * layers[0].spread:
        message = Text(
            f"{layers[-1].path}: the signal vanishes: its answers differ between images by {layers[-1].spread:.1e}, "
            f"those of {layers[0].path} by {layers[0].spread:.1e}.",
            f"{layers[-1].path}：信号消失：不同图像在这一层的差异为 {layers[-1].spread:.1e}，在 {layers[0].path} 为 "
            f"{layers[0].spread:.1e}。",
        )
        yield measured(RULE.name, "warning", message, RULE.mend, layers[-1].path)


_NETWORK = """\
from torch import nn


class Network(nn.Sequential):
    def __init__(self):
        layers = [nn.Flatten(), nn.Linear(784, 100, bias=False), nn.ReLU()]
        for _ in range(7):
            layers += [nn.Linear(100, 100, bias=False), nn.ReLU()]
        super().__init__(*layers, nn.Linear(100, 10, bias=False))
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.{start}
"""

RULE = Rule(
    name="signal-lost",
    title=Text("activations or gradients that explode or vanish", "爆炸或消失的激活值或梯度"),
    why=Text(
        "Each layer multiplies what it is given by the size of its weights. A factor of 0.1 a layer is 1e-8 after eight: "
        "the images no longer make a difference at the end, and the gradient none at the start. A factor of 10 is 1e8, "
        "and the first step throws the weights away.",
        "每一层都把输入乘以其权重的大小。每层 0.1 的因子，八层之后就是 1e-8：到了末端图像不再有差别，回到前端梯度也没有了。"
        "每层 10 的因子则是 1e8，第一步更新就毁掉了权重。",
    ),
    mend=Text(
        "draw the weights by the width of their layer (`nn.init.kaiming_normal_` for ReLU, `xavier_uniform_` for tanh), "
        "or add batch norm.",
        "按层的宽度选取初始权重（ReLU 用 `nn.init.kaiming_normal_`，tanh 用 `xavier_uniform_`），或加上 batch norm。",
    ),
    find=_find,
    bad=_NETWORK.format(start="normal_(layer.weight, 0.0, 0.01)"),
    good=_NETWORK.format(start='kaiming_normal_(layer.weight, nonlinearity="relu")'),
)
