"""A resize that changes the proportions."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import transforms_of
from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    seen: set[int] = set()
    for made in evidence.program.made:
        facts, transforms = facts_of(made), transforms_of(made)
        if facts is None or facts.shape is None or not transforms:
            continue
        height, width = facts.shape[1:]
        first = transforms[0]
        size = first.arguments.get("size")
        if (
            not first.name.endswith(".Resize")
            or id(first) in seen
            or not isinstance(size, list | tuple)
            or len(size) != 2
        ):
            continue
        if not all(isinstance(each, int) for each in (*size, height, width)) or size[0] * width == size[1] * height:
            continue
        seen.add(id(first))
        message = Text(
            f"{facts.name} has images of {height}x{width}, and this makes {size[0]}x{size[1]} of them: they are stretched.",
            f"{facts.name} 的图像是 {height}x{width}，这里却变成 {size[0]}x{size[1]}：图像被拉伸。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, first.place)


_SIZED = TRAINING.replace(
    "transforms.ToTensor()", "transforms.Compose([transforms.Resize({size}), transforms.ToTensor()])"
)

RULE = Rule(
    name="distorting-resize",
    title=Text("a resize that distorts", "使图像变形的缩放"),
    why=Text(
        "`Resize((h, w))` makes every image exactly h by w, and stretches those of other proportions. Digits become wide "
        "or narrow, and the network has to learn from, and is tested on, shapes that nobody drew. Photographs of unknown "
        "proportions are not judged.",
        "`Resize((h, w))` 把每幅图像都变成 h 乘 w，比例不同的就被拉伸。数字变宽或变窄，网络要从没人画过的形状中学习并接受测试。"
        "比例未知的照片不作判断。",
    ),
    mend=Text("keep the proportions: `Resize(n)` and `CenterCrop(n)`, or the same number twice for square images.",
              "保持比例：用 `Resize(n)` 和 `CenterCrop(n)`，正方形图像则两个数相同。"),
    find=_find,
    bad=_SIZED.format(size="(28, 56)").replace("784", "1568"),
    good=_SIZED.format(size="(56, 56)").replace("784", "3136"),
)  # fmt: skip
