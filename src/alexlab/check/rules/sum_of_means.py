"""A sum of batch means that is divided by the number of images."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import is_training
from alexlab.check.finding import Finding, Text
from alexlab.check.graph import SHAPE_ONLY, Node
from alexlab.check.reading.program import Event
from alexlab.check.reading.values import UNKNOWN, Batches, Images, Made, Value
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import trained
from alexlab.check.rules.programs import TRAINING

_LOSSES = ("cross_entropy", "nll_loss", "bce", "bce_with_logits", "mse_loss")
_SAME = SHAPE_ONLY | {"detach"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    seen: set[object] = set()
    reached = trained(evidence.program)
    for event in evidence.events:
        if event.kind != "average" or event.name != "images" or event.node is None or event.place in seen:
            continue
        if event.node.op == "div" and id(event.node) in reached:  # a loss that is scaled, and trained with
            continue
        summed = event.node.inputs[0] if event.node.op == "div" else event.node
        means = _means(summed)
        sizes = [_batch_size(mean, event) for mean in means]
        if not means or any(size in (None, 1) for size in sizes) or not _counts_images(event.subject, means[0]):
            continue
        seen.add(event.place)
        size = sizes[0]
        times = f"{size}" if isinstance(size, int) else "batch-size"
        message = Text(
            f"each batch's figure is its mean already, and their sum is divided by the number of images: what comes out is {times} "
            "times too small.",
            f"每个批次的数值已是该批次的均值，它们的和却除以图像总数：结果小了 {size if isinstance(size, int) else '批次大小那么多'} 倍。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, event.place)


def _means(node: Node) -> list[Node]:
    """Return the means that a node is the sum of; nothing where it is, or may be, anything else."""
    means, waiting, seen = [], [node], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.op in ("add", "either") and each.inputs:
            waiting += each.inputs
        elif each.op in _SAME and each.inputs:
            waiting.append(each.inputs[0])
        elif _is_mean(each):
            means.append(each)
        else:
            return []
    return means


def _is_mean(node: Node) -> bool:
    if node.op == "mean":
        return node.attributes.get("dim") is None
    given = node.attributes
    return (
        node.op in _LOSSES
        and given.get("reduction", "mean") == "mean"
        and given.get("size_average") in (None, True)
        and given.get("reduce") in (None, True)
    )


def _batch_size(mean: Node, event: Event) -> Value:
    """Return how many images the batches have of which a mean was taken: UNKNOWN where only that they are batches is known."""
    if not mean.rounds or (event.detail is False and mean.rounds != event.rounds):
        return None  # the figure of one batch
    over = mean.rounds[-1].over
    while isinstance(over, Batches):
        over = over.source
    if isinstance(over, Made):
        return over.arguments.get("batch_size", 1) if over.name == "torch.utils.data.DataLoader" else None
    counted = (
        isinstance(event.subject, Images) and event.subject.source is UNKNOWN
    )  # not the images one after the other
    return UNKNOWN if over is UNKNOWN and counted else None


def _counts_images(divisor: Value, mean: Node) -> bool:
    """Whether what is divided by is a number of images: a number that is written out is where the dataset has as many."""
    if isinstance(divisor, Images):
        return True
    over = mean.rounds[-1].over
    dataset = over.arguments.get("dataset") if isinstance(over, Made) else None
    facts, training = facts_of(dataset), is_training(dataset)
    if facts is None or facts.images is None or training is None:
        return False
    return bool(divisor == facts.images[0 if training else 1])


RULE = Rule(
    name="sum-of-means",
    title=Text("a sum of batch means, divided by the number of images", "批次均值之和除以图像总数"),
    why=Text(
        "PyTorch's losses are means over the batch (reduction='mean'). Their sum over the batches divided by the number of "
        "images is too small by the size of a batch: a loss of 0.6 is shown as 0.01. It changes with the batch size, and "
        "cannot be held against anybody else's figure.",
        "PyTorch 的损失默认是批次均值（reduction='mean'）。把各批次的均值相加再除以图像总数，结果小了批次大小那么多倍："
        "0.6 的损失显示为 0.01。它随批次大小而变，也无法与别人的数字比较。",
    ),
    mend=Text(
        "add `loss.item() * images.size(0)` for each batch, or divide by the number of batches, `len(loader)`.",
        "每个批次累加 `loss.item() * images.size(0)`，或者除以批次数 `len(loader)`。",
    ),
    find=_find,
    bad=TRAINING.replace("total / len(training)", "total / len(training.dataset)"),
    good=TRAINING.replace("loss.item()", "loss.item() * images.size(0)").replace(
        "total / len(training)", "total / len(training.dataset)"
    ),
)
