"""A layer that does not take what it is given."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import Batch, Node, shown, values_per_image
from alexlab.check.rule import Evidence, Rule, called, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    nodes = list(evidence.graph.nodes)
    if evidence.graph.failure is not None:
        nodes.append(evidence.graph.failure)
    seen: set[int] = set()
    for node in nodes:
        if node.op != "linear" or not node.inputs or id(node.owner) in seen:
            continue
        wanted, shape = node.attributes.get("in_features"), node.inputs[0].shape
        if not isinstance(wanted, int) or not shape:
            continue
        given = shape[-1]
        if isinstance(given, Batch) or given is None or given == wanted or _made_for_another(node):
            continue
        seen.add(id(node.owner))
        yield _finding(evidence, node, wanted, given)


def _made_for_another(node: Node) -> bool:
    """Whether something before this layer has gone wrong already: another rule says what."""
    flat = node.inputs[0]
    return (
        flat.op in ("view", "reshape", "flatten")
        and bool(flat.shape)
        and flat.shape is not None
        and (len(flat.shape) < 2 or (isinstance(flat.shape[0], Batch) and flat.shape[0].times != 1))
    )


def _finding(evidence: Evidence, node: Node, wanted: int, given: int) -> Finding:
    shape = node.inputs[0].shape
    flat = values_per_image(shape)
    edit = None
    if shape is not None and (len(shape) == 4 or (len(shape) == 3 and flat == wanted)):
        message = Text(
            f"{called(node)} takes {wanted} values and is given images of shape {shown(shape)}: they "
            f"are not flattened.",
            f"{called(node)} 需要 {wanted} 个值，得到的却是形状为 {shown(shape)} 的图像：没有展平。",
        )
        fix = Text("flatten before it: `x = torch.flatten(x, 1)`.", "在它之前展平：`x = torch.flatten(x, 1)`。")
        if flat is not None and flat != wanted:
            fix = Text(
                f"flatten before it, `x = torch.flatten(x, 1)`, and make its in_features {flat}.",
                f"在它之前展平，`x = torch.flatten(x, 1)`，并把它的 in_features 改为 {flat}。",
            )
        in_list = node.layer.rpartition(".")[2].isdigit()
        edit = (
            Edit("flatten", ("Linear",))
            if in_list
            else Edit("flatten", (node.layer.rpartition(".")[2],), place=node.place)
        )
    else:
        message = Text(
            f"{called(node)} takes {wanted} values of each image and is given {given}: PyTorch stops "
            f"here with a shape error.",
            f"{called(node)} 需要每幅图像的 {wanted} 个值，实际得到 {given} 个：PyTorch 会在这里因形状不符而报错。",
        )
        fix = Text(f"make its in_features {given}.", f"把它的 in_features 改为 {given}。")
        if (
            shape is not None and len(shape) == 2
        ):  # of more dimensions, the number would be changed to fit a wrong shape
            edit = Edit("argument", ("Linear",), "in_features", 0, str(given))
    return found(
        RULE.name,
        "error",
        evidence,
        node,
        message,
        fix,
        edit=edit,
    )


_PROGRAM = """\
import torch
from torch import nn

network = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear({features}, 120), nn.ReLU(), nn.Linear(120, 10),
)
logits = network(torch.randn(8, 1, 28, 28))
"""

RULE = Rule(
    name="in-features",
    title=Text("`in_features` that do not fit", "不匹配的 `in_features`"),
    why=Text(
        "The first linear layer is as wide as the flattened feature maps, which depend on the image "
        "size and on every layer "
        "before. A number from another input size (400 for 32x32, 256 for 28x28 in LeNet) does not fit.",
        "第一个全连接层的宽度等于展平后的特征图，取决于图像尺寸和之前的每一层。"
        "来自另一种输入尺寸的数字（LeNet 中 32x32 是 400，28x28 是 256）并不匹配。",
    ),
    mend=Text("use the number that the layers before give.", "使用前面各层实际给出的数字。"),
    find=_find,
    bad=_PROGRAM.format(features=400),
    good=_PROGRAM.format(features=256),
)
