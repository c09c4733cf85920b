"""A kernel with an even side, which has no middle."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.in_features import _PROGRAM


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if node.op != "conv" or node.owner is None or id(node.owner) in seen:
            continue
        kernel, stride, padding = (node.attributes.get(name) for name in ("kernel_size", "stride", "padding"))
        side = kernel[0] if isinstance(kernel, tuple | list) and kernel else kernel
        if not isinstance(side, int) or side % 2 or side < 2 or stride not in (None, 1, (1, 1), [1, 1]):
            continue
        if padding in (None, 0, (0, 0), "valid"):
            continue
        seen.add(id(node.owner))
        message = Text(
            f"{called(node)}: a kernel of {side}x{side} with padding has no middle: its answers lie half a pixel beside "
            "what they belong to, and the maps change their size by one pixel or are padded on one side only.",
            f"{called(node)}：{side}x{side} 的卷积核加填充没有中心：输出与输入错开半个像素，特征图的尺寸变化一个像素，"
            f"或只在一侧填充。",
        )
        yield found(RULE.name, "note", evidence, node, message, RULE.mend)


RULE = Rule(
    name="even-kernel",
    title=Text("an even kernel that loses the alignment", "失去对齐的偶数卷积核"),
    why=Text(
        "A kernel of 3 or 5 sits on a pixel; one of 4 sits between two. Padded and with stride 1, the maps are shifted by "
        "half a pixel at each such layer, and no padding keeps their size. With a stride of 2 that is another matter.",
        "3 或 5 的卷积核落在一个像素上，4 的则落在两个之间。带填充且步幅为 1 时，每层都使特征图偏移半个像素，"
        "也没有哪种对称填充能保持尺寸。步幅为 2 时另当别论。",
    ),
    mend=Text(
        "use an odd kernel, such as 3 with padding 1 or 5 with padding 2.",
        "使用奇数卷积核，如 3 配填充 1、5 配填充 2。",
    ),
    find=_find,
    bad=_PROGRAM.format(features=16 * 5 * 5).replace("nn.Conv2d(1, 6, 5)", "nn.Conv2d(1, 6, 4, padding=2)"),
    good=_PROGRAM.format(features=16 * 5 * 5).replace("nn.Conv2d(1, 6, 5)", "nn.Conv2d(1, 6, 5, padding=2)"),
)
