"""Training images in the same order every epoch."""

from collections.abc import Iterator

from alexlab.check.datasets import source_of
from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.reading.signatures import LOSSES
from alexlab.check.reading.values import UNKNOWN, Batches, Made, Object, Value
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import learning
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None or not any(end.loss in LOSSES for end in evidence.graph.ends):
        return
    seen: set[int] = set()
    for event in learning(program):
        if not event.rounds:
            continue
        loader = _loader(event.rounds[-1].over)
        if loader is None or id(loader) in seen or not _in_order(loader):
            continue
        seen.add(id(loader))
        source = source_of(loader)
        sorted_ = isinstance(source, Made) and source.name.endswith(".ImageFolder")
        message = Text(
            "the network is trained from this loader, which does not shuffle: every epoch has the same batches"
            + (", and an image folder is sorted by class, so that a batch has one class." if sorted_ else "."),
            "网络用这个加载器训练，而它不打乱顺序：每个 epoch 的批次都一样"
            + ("，而且图像文件夹按类别排序，一个批次只有一个类别。" if sorted_ else "。"),
        )
        yield found(
            RULE.name,
            "error" if sorted_ else "warning",
            evidence,
            None,
            message,
            RULE.mend,
            loader.place,
            edit=Edit("argument", ("DataLoader",), "shuffle", 2, "True"),
        )


def _loader(over: Value) -> Made | None:
    while isinstance(over, Batches):
        over = over.source
    return over if isinstance(over, Made) and over.name == "torch.utils.data.DataLoader" else None


def _in_order(loader: Made) -> bool:
    """Whether it certainly draws in the order of a dataset that has one."""
    given = loader.arguments
    if given.get("shuffle", False) not in (False, None) or "**" in given:
        return False
    if given.get("sampler") is not None or given.get("batch_sampler") is not None:
        return False
    source = source_of(loader)
    if isinstance(source, Object):
        return source.cls.derives_from("torch.utils.data.Dataset") and not source.cls.derives_from(
            "torch.utils.data.IterableDataset"
        )
    known = ("torchvision.datasets.", "torch.utils.data.TensorDataset", "torch.utils.data.ConcatDataset")
    return source is not UNKNOWN and isinstance(source, Made) and source.name.startswith(known)


RULE = Rule(
    name="no-shuffling",
    title=Text("training without shuffling", "训练时不打乱顺序"),
    why=Text(
        "The steps of an epoch should each see a fair sample. In a fixed order the same images "
        "always meet in a batch and the "
        "last ones always have the last word; where the order is by class, the network learns one "
        "class after the other.",
        "一个 epoch 中的每一步都应看到有代表性的样本。顺序固定时，总是同样的图像在一个批次里相遇，"
        "最后的图像总是最后说了算；如果按类别排序，网络就一个接一个地学类别。",
    ),
    mend=Text("give the training loader `shuffle=True`.", "给训练加载器加上 `shuffle=True`。"),
    find=_find,
    bad=TRAINING.replace(", shuffle=True", ""),
    good=TRAINING,
)
