"""A device that is compared with a text."""

import ast
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING
from alexlab.check.rules.written import bindings, given, last_name, sources


def _find(evidence: Evidence) -> Iterator[Finding]:
    for source in sources(evidence):
        for node in ast.walk(source.tree):
            if (
                not isinstance(node, ast.Compare)
                or len(node.ops) != 1
                or not isinstance(node.ops[0], ast.Eq | ast.NotEq)
            ):
                continue
            left, right = node.left, node.comparators[0]
            text, device = (right, left) if isinstance(right, ast.Constant) else (left, right)
            if (
                not isinstance(text, ast.Constant)
                or not isinstance(text.value, str)
                or not isinstance(device, ast.Name)
            ):
                continue
            values = given(source.tree, device.id)
            if not values or len(values) != bindings(source.tree, device.id) or not all(map(_is_device, values)):
                continue
            never = isinstance(node.ops[0], ast.Eq)
            message = Text(
                f"a torch.device is never equal to a text: this is always {'False' if never else 'True'}, with a GPU too.",
                f"torch.device 永远不等于字符串：这里总是 {'False' if never else 'True'}，有 GPU 时也一样。",
            )
            yield found(RULE.name, "warning", evidence, None, message, RULE.mend, source.place(node.lineno))


def _is_device(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and last_name(value.func) == "device" and bool(value.args)


_DEVICE = 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\nif {test}:\n    torch.backends.cudnn.benchmark = True\n'

RULE = Rule(
    name="device-as-text",
    title=Text("a device compared with a text", "把设备与字符串比较"),
    why=Text(
        '`torch.device("cuda") == "cuda"` is False: a device is no text, and PyTorch does not make one of it. What the branch '
        "should do on a GPU is never done.",
        '`torch.device("cuda") == "cuda"` 为 False：设备不是字符串，PyTorch 也不会转换。本该在 GPU 上执行的分支永远不会执行。',
    ),
    mend=Text('compare its kind: `device.type == "cuda"`.', '比较它的类型：`device.type == "cuda"`。'),
    find=_find,
    bad=TRAINING.replace("criterion =", _DEVICE.format(test='device == "cuda"') + "criterion ="),
    good=TRAINING.replace("criterion =", _DEVICE.format(test='device.type == "cuda"') + "criterion ="),
)
