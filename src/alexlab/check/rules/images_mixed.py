"""An answer that depends on the other images of the batch."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, measured
from alexlab.check.rules.networks import CONVOLUTION


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.trial is None or not evidence.trial.mixed:
        return
    message = Text(
        "in evaluation mode the answer for an image changes when the other image of the batch does: images are mixed on "
        "the way.",
        "评估模式下，批次中另一幅图像改变时，这幅图像的答案也随之改变：图像在途中混在了一起。",
    )
    yield measured(RULE.name, "error", message, RULE.mend)


RULE = Rule(
    name="images-mixed",
    title=Text("an answer that depends on the other images", "答案取决于其他图像"),
    why=Text(
        "In evaluation an image is classified by itself. A `view` or `transpose` that moves values from one image to "
        "another, a mean over dimension 0, a softmax over images or batch norm without running statistics makes its "
        "answer depend on its neighbours in the batch, and on the batch size.",
        "评估时每幅图像应独立分类。把值从一幅图像移到另一幅的 `view` 或 `transpose`、沿第 0 维求平均、沿批次维做 softmax，"
        "或没有滑动统计量的 batch norm，都会使答案取决于同批的其他图像和批次大小。",
    ),
    mend=Text(
        "keep dimension 0 for the images: flatten from dimension 1, take means and softmax over other dimensions, and "
        "leave batch norm's `track_running_stats` on.",
        "第 0 维始终留给图像：从第 1 维开始展平，在其他维上求平均和 softmax，并保持 batch norm 的 `track_running_stats` 打开。",
    ),
    find=_find,
    bad=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1) - maps.flatten(1).mean(0))"),
    good=CONVOLUTION.format(more="", forward="self.last(maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True))"),
    symptom=True,
)
