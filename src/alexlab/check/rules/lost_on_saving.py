"""A network that answers otherwise once it is saved and loaded."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.trial is None or not evidence.trial.reloaded:
        return
    reason = evidence.trial.reloaded
    other = reason == "another answer"
    message = Text(
        "its `state_dict` loaded into a new network "
        + (
            "gives another answer for the same images: something that matters is not in it."
            if other
            else f"fails: {reason}"
        ),
        "把它的 `state_dict` 载入新建的网络"
        + ("后，同样的图像得到不同的答案：有起作用的东西不在其中。" if other else f"会失败：{reason}"),
    )
    yield measured(RULE.name, "error", message, RULE.mend)


RULE = Rule(
    name="lost-on-saving",
    title=Text("save and load that changes the answer", "保存再载入后答案改变"),
    why=Text(
        "A `state_dict` holds parameters and registered buffers, and nothing else. A tensor that is a plain attribute, or "
        "layers in a plain list, are not saved; after loading, the network works with other ones, drawn anew.",
        "`state_dict` 只包含参数和注册过的缓冲区。作为普通属性的张量，或放在普通列表里的层，不会被保存；"
        "载入之后，网络用的是重新随机生成的值。",
    ),
    mend=Text(
        "register it: `nn.Parameter` or `self.register_buffer` for a tensor, `nn.ModuleList` for a list of layers.",
        "注册它：张量用 `nn.Parameter` 或 `self.register_buffer`，层的列表用 `nn.ModuleList`。",
    ),
    find=_find,
    bad=CONVOLUTION.format(
        more="\n        self.scale = torch.rand(8, 1, 1)", forward="self.last((maps * self.scale).flatten(1))"
    ),
    good=CONVOLUTION.format(
        more='\n        self.register_buffer("scale", torch.rand(8, 1, 1))',
        forward="self.last((maps * self.scale).flatten(1))",
    ),
    symptom=True,
)
