"""A flatten that takes the batch along."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import Node, behind
from alexlab.check.rule import Evidence, Rule, found, names_of
from alexlab.check.rules.view_mixes_images import _CLASS

_OF_BATCHES = frozenset(
    ["conv", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "batch_norm", "input"]
)
_POINTWISE = frozenset(
    ["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "dropout", "local_response_norm"]
)


def _find(evidence: Evidence) -> Iterator[Finding]:
    nodes = list(evidence.graph.nodes)
    if evidence.graph.failure is not None:
        nodes.append(evidence.graph.failure)
    seen: set[object] = set()
    for node in nodes:
        if node.op != "linear" or not node.inputs or node.network is None:
            continue
        flat = behind(node.inputs[0], _POINTWISE)
        if not _takes_batch(flat) or flat.place in seen:
            continue
        seen.add(flat.place)
        message = Text(
            "this flatten takes the batch along: all images become one row, which the linear layer "
            "after it does not take.",
            "这里的展平把批次维也展平了：所有图像变成一行，后面的全连接层无法接受。",
        )
        yield found(
            RULE.name,
            "error",
            evidence,
            flat,
            message,
            RULE.mend,
            edit=Edit("argument", names_of("flatten"), "start_dim", None, "1"),
        )


def _takes_batch(node: Node) -> bool:
    if not node.inputs:
        return False
    source = behind(node.inputs[0], _POINTWISE)
    if (
        source.op not in _OF_BATCHES
        or (source.shape is not None and len(source.shape) != 4)
        or (source.op == "input" and source.shape is None)
    ):
        return False
    if node.op == "flatten":
        return bool(node.attributes.get("start_dim", 0) == 0) and node.attributes.get("end_dim", -1) in (-1, 3)
    sizes = node.attributes.get("sizes")
    return node.op in ("view", "reshape") and isinstance(sizes, tuple | list) and tuple(sizes) == (-1,)


RULE = Rule(
    name="flatten-takes-batch",
    title=Text("a flatten that takes the batch along", "把批次维也展平"),
    why=Text(
        "`torch.flatten(x)` and `x.flatten()` start at dimension 0, which counts the images; "
        "`nn.Flatten()` starts at 1. "
        "Flattened from 0, a batch is one row.",
        "`torch.flatten(x)` 和 `x.flatten()` 从第 0 维（图像数）开始展平；`nn.Flatten()` 从第 1 "
        "维开始。从第 0 维展平后，一个批次只剩一行。",
    ),
    mend=Text("start at dimension 1: `torch.flatten(x, 1)`.", "从第 1 维开始：`torch.flatten(x, 1)`。"),
    find=_find,
    bad=_CLASS.format(features=16 * 14 * 14).replace(f".view(-1, {16 * 14 * 14})", ".flatten()"),
    good=_CLASS.format(features=16 * 14 * 14).replace(f".view(-1, {16 * 14 * 14})", ".flatten(1)"),
)
