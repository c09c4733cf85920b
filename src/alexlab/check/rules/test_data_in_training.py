"""Test images among the training images, or training images as the test."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import is_training
from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import evaluations, learning, loaders_of
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    learnt = loaders_of(learning(program))
    judged = loaders_of(evaluations(program))
    for loader in learnt:
        parts = _parts(loader)
        if any(is_training(part) is False for part in parts):
            alone = all(is_training(part) is False for part in parts)
            yield found(
                RULE.name, "error", evidence, None, _LEARNT_ALONE if alone else _LEARNT, RULE.mend, loader.place
            )
    trained = [part for loader in learnt for part in _parts(loader)]
    tested = [part for loader in judged for part in _parts(loader)]
    whole = all(loader.arguments.get("sampler") is None and _parts(loader) for loader in judged)
    if tested and whole and all(any(_twins(part, other) for other in trained) for part in tested):
        yield found(RULE.name, "warning", evidence, None, _JUDGED, RULE.mend, tested[0].place)


_LEARNT = Text(
    "the test images are among those that the network is trained on: its test accuracy says nothing about images that it "
    "has not seen.",
    "测试图像也在训练图像之中：测试精度说明不了网络在没见过的图像上的表现。",
)
_LEARNT_ALONE = Text("the network is trained on the test part of the dataset.", "网络用数据集的测试部分进行训练。")
_JUDGED = Text(
    "this dataset is the training part once more, and the only one that the network is tested on: the figure is its "
    "training accuracy.",
    "这个数据集又是训练部分，而且是唯一用来测试网络的：得到的是训练精度。",
)


def _parts(loader: Made) -> list[Made]:
    """Return the datasets of a loader, where they are whole and known."""
    dataset = loader.arguments.get("dataset")
    if isinstance(dataset, Made) and dataset.name == "torch.utils.data.ConcatDataset":
        parts = dataset.arguments.get("datasets")
        whole = list(parts) if isinstance(parts, list | tuple) else []
    else:
        whole = [dataset]
    known = [each for each in whole if isinstance(each, Made) and facts_of(each) is not None]
    return known if len(known) == len(whole) else []


def _twins(one: Made, other: Made) -> bool:
    """Whether two objects are the training part of the same dataset, both asked for by name."""
    return (
        one is not other
        and one.name == other.name
        and one.arguments.get("train") is True
        and other.arguments.get("train") is True
        and one.arguments.get("root") == other.arguments.get("root")
    )


_TEST = 'test = DataLoader(datasets.MNIST("data", train=False'

RULE = Rule(
    name="test-data-in-training",
    title=Text("test data in the training loader", "训练加载器里的测试数据"),
    why=Text(
        "A test measures what the network does with images that it has never seen. Images that it was trained on it may "
        "know by heart; accuracy on them is higher, and says nothing about others.",
        "测试衡量的是网络在从未见过的图像上的表现。训练过的图像它可能已经记住，在这些图像上精度更高，却说明不了别的图像。",
    ),
    mend=Text("train on the training part alone (`train=True`), and test on the test part (`train=False`).",
              "只用训练部分（`train=True`）训练，用测试部分（`train=False`）测试。"),
    find=_find,
    bad=TRAINING.replace(_TEST, _TEST.replace("False", "True")),
    good=TRAINING,
)  # fmt: skip
