"""A figure averaged over batches of different sizes."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import is_training
from alexlab.check.finding import Finding, Text
from alexlab.check.graph import ancestors
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import trained
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    seen: set[object] = set()
    reached = trained(evidence.program)
    for event in evidence.events:
        if (
            event.kind != "average"
            or event.name in ("images", "reset")
            or event.node is None
            or event.place in seen
            or id(event.node) in reached
        ):
            continue
        if not any(node.op in ("mean", "cross_entropy", "nll_loss") for node in ancestors(event.node)):
            continue
        rest = _last_batch(event.subject)
        if rest is None:
            continue
        seen.add(event.place)
        full, last = rest
        message = Text(
            f"a sum of means over batches, divided by how many there are: the last batch has {last} images, the others "
            f"{full}, so that each of its images counts {full / last:.3g} times.",
            f"各批次均值之和除以批次数：最后一个批次有 {last} 幅图像，其他有 {full} 幅，它的每幅图像算了 {full / last:.3g} 次。",
        )
        yield found(RULE.name, "note", evidence, None, message, RULE.mend, event.place)


def _last_batch(loader: Made) -> tuple[int, int] | None:
    """Sizes of a full batch and of the last, where they are known to differ."""
    size, dataset = loader.arguments.get("batch_size", 1), loader.arguments.get("dataset")
    facts, training = facts_of(dataset), is_training(dataset)
    if not isinstance(size, int) or facts is None or facts.images is None or training is None:
        return None
    if loader.arguments.get("drop_last", False) is not False or size < 1:
        return None
    last = facts.images[0 if training else 1] % size
    return (size, last) if last else None


_MEAN = TRAINING.replace("== labels).sum().item()", "== labels).float().mean().item()").replace(
    "right / len(test.dataset)", "right / len(test)"
)

RULE = Rule(
    name="mean-of-means",
    title=Text("a figure averaged over unequal batches", "对大小不等的批次取平均"),
    why=Text(
        "The mean of the batches' means is the mean over all images only where all batches are equally large. The last "
        "one seldom is; the fewer images it has, the more each of them counts.",
        "只有所有批次一样大时，各批次均值的均值才等于全部图像的均值。最后一个批次很少一样大；图像越少，每幅算得越重。",
    ),
    mend=Text(
        "add up sums over images, and divide by how many images there are.", "累加每幅图像的和，再除以图像总数。"
    ),
    find=_find,
    bad=_MEAN,
    good=TRAINING,
)
