"""What public programs asked for: the smallest program of each, beside the examples that the rules bring themselves."""

import importlib
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.finding import Finding
from alexlab.check.reading.names import NAMES
from alexlab.check.rules.programs import TRAINING

NETWORK = "nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))"


def found(text: str) -> list[Finding]:
    Path("program.py").write_text(text, encoding="utf-8")
    return list(check_script(Path("program.py")).findings)


def rules(text: str) -> list[str]:
    return [finding.rule for finding in found(text)]


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("loss.backward()", "loss.backwards()"),
        ("torch.optim.SGD", "torch.optim.Sgd"),
        ("nn.CrossEntropyLoss", "nn.CrossEntropy"),
        ("optimizer.step()", "optimiser.step()"),
        ("from torch import nn\n", "from torch import nn\nfrom torch.nn import Conv2D\n"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error_with_what_is_meant(right: str, wrong: str) -> None:
    [finding] = [each for each in found(TRAINING.replace(right, wrong)) if each.rule == "undefined-name"]
    assert finding.severity == "error" and finding.message.en.endswith("` meant?")


@pytest.mark.parametrize(
    "right, text",
    [
        ("import torch\n", "import torch\nfrom helpers import *\n"),
        (
            "loss.backward()",
            "loss.backward()\n        try:\n            show(loss)\n        except NameError:\n            pass",
        ),
        ("loss.backward()", "loss.backward()\n        globals()['shown'] = 1\n        print(shown)"),
        ("for epoch in range(10):", "def later(): print(defined_later)\ndefined_later = 1\nfor epoch in range(10):"),
        ("for epoch in range(10):", "def one(x: 'Tensor') -> int: return [y for y in x][0]\nfor epoch in range(10):"),
    ],
)
def test_names_that_may_be_there_are_left_alone(right: str, text: str) -> None:
    assert rules(TRAINING.replace(right, text, 1)) == []


@pytest.mark.parametrize("module", [each for each in NAMES if each != "torch.Tensor"])
def test_the_table_has_every_name_of_pytorch(module: str) -> None:
    assert {each for each in dir(importlib.import_module(module)) if not each.startswith("_")} <= NAMES[module]


def test_the_network_is_the_one_that_is_left_on_the_cpu() -> None:
    move = "images, labels = images.cuda(), labels.cuda()"
    text = TRAINING.replace("in training:\n", f"in training:\n        {move}\n").replace(
        "in test:\n", f"in test:\n            {move}\n"
    )
    [finding] = found(text)
    assert finding.rule == "left-on-cpu" and "Sequential does not" in finding.message.en
    assert rules(text.replace("criterion =", "network.cuda()\ncriterion =")) == []
    assert rules(text.replace(".cuda()", ".to('cpu')")) == []
    assert rules("import torch\ntorch.set_default_device('cuda')\n" + text) == []


def test_precision_and_recall_by_hand() -> None:
    counts = "\ntp, fp, fn = 3, 2, 1\nprecision = tp / (tp + {})\nrecall = tp / (tp + {})\n"
    assert rules(TRAINING + counts.format("fn", "fp")) == ["precision-and-recall"] * 2
    assert rules(TRAINING + counts.format("fp", "fn")) == []


@pytest.mark.parametrize("constants", ["(0.485,), (0.229,)", "(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)"])
def test_constants_of_imagenet_on_grey_digits(constants: str) -> None:
    grey = "transforms.Grayscale(3), " if constants.count(",") > 3 else ""
    chain = f"transforms.Compose([{grey}transforms.ToTensor(), transforms.Normalize({constants})])"
    text = TRAINING.replace("transforms.ToTensor()", chain).replace("784", "2352" if grey else "784")
    assert set(rules(text)) == {"other-normalisation"}


BLOCK = """\
class Net(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        self.used = nn.Linear(784, classes)
        self.block = nn.Sequential(
            nn.Linear(784, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images):
        return self.used(images.flatten(1))


network = Net(10)"""


def test_a_block_that_is_not_used_is_one_finding_named_as_its_author_names_it() -> None:
    [finding] = found(TRAINING.replace(f"network = {NETWORK}", BLOCK))
    assert finding.rule == "unused-layer" and finding.message.en.startswith("block is made")


@pytest.mark.parametrize(
    "given, mended", [("100", "Net(10)"), ("classes=100", "Net(classes=10)"), ("", "Net(classes=10)")]
)
def test_the_class_count_is_mended_in_the_call_that_makes_the_network(given: str, mended: str) -> None:
    text = TRAINING.replace(f"network = {NETWORK}", BLOCK.replace("Net(10)", f"Net({given})"))
    [finding] = [each for each in found(text) if each.rule == "class-count"]
    assert finding.place is not None and text.splitlines()[finding.place.line - 1] == f"network = Net({given})"
    assert finding.diff is not None and f"+network = {mended}" in finding.diff


def test_flips_of_digits_are_one_mistake_the_training_s() -> None:
    flipped = "transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])"
    [finding] = found(TRAINING.replace("transforms.ToTensor()", flipped))
    assert finding.rule == "wrong-augmentation" and "mirrored" in finding.message.en


@pytest.mark.parametrize("pool, severity", [("MaxPool2d", "note"), ("AvgPool2d", "warning")])
def test_pooling_alone_between_convolutions(pool: str, severity: str) -> None:
    layers = f"nn.Conv2d(1, 6, 5), nn.{pool}(2), nn.Conv2d(6, 16, 5), nn.{pool}(2), nn.Flatten(), nn.Linear(256, 10)"
    [finding] = found(TRAINING.replace(NETWORK, f"nn.Sequential({layers})"))
    assert (finding.rule, finding.severity) == ("nothing-between", severity)


HEAD = "import torch\nfrom torch import nn\nfrom torchvision import datasets, transforms\n"
DATA = 'torch.utils.data.DataLoader(datasets.MNIST("d", transform=transforms.ToTensor()), batch_size=64, shuffle=True)'
WRONG = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))"
TRAINERS = {
    "d2l": f"""from d2l import torch as d2l
network = {WRONG}
training, test = d2l.load_data_fashion_mnist(batch_size=256)
d2l.train_ch6(network, training, test, 10, 0.9, d2l.try_gpu())
""",
    "ignite": f"""from ignite.engine import create_supervised_evaluator, create_supervised_trainer
network = {WRONG}
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
create_supervised_trainer(network, optimizer, nn.CrossEntropyLoss()).run({DATA}, max_epochs=3)
create_supervised_evaluator(network).run({DATA})
""",
    "an engine of ignite": f"""from ignite.engine import Engine
network = {WRONG}
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)


def step(engine, batch):
    images, labels = batch
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


Engine(step).run({DATA}, max_epochs=3)
""",
    "lightning": f"""import lightning as L


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = {WRONG}

    def training_step(self, batch, number):
        images, labels = batch
        return nn.functional.cross_entropy(self.layers(images), labels)

    def validation_step(self, batch, number):
        images, labels = batch
        self.log("right", (self.layers(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


L.Trainer(max_epochs=1).fit(Module(), {DATA}, {DATA})
""",
    "fastai": f"""from fastai.vision.all import *
parts = ImageDataLoaders.from_folder("d", train="training", valid="testing")
Learner(parts, {WRONG}, loss_func=nn.CrossEntropyLoss()).fit(1)
""",
}


@pytest.mark.parametrize("library", TRAINERS)
def test_a_library_s_trainer_is_followed(library: str) -> None:
    text = HEAD + TRAINERS[library]
    assert rules(text) == ["softmax-before-cross-entropy"]
    assert rules(text.replace(", nn.Softmax(dim=1)", "")) == []
    kinds = {part.kind for part in check_script(Path("program.py")).parts}
    assert "training" in kinds and ("evaluation" in kinds) is (library not in ("fastai", "an engine of ignite"))
