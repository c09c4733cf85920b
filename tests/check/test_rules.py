"""Every rule on its own examples, and in at least five guises; silent on the mended forms."""

import sys
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES

sys.path.insert(0, str(Path(__file__).parent))
from tests.check.guises import (
    FLATTEN,
    LINEAR1,
    LINEAR2,
    NETWORKS,
    PLAIN,
    RELU,
    TRAININGS,
    Layer,
    program,
    scheduled,
    training,
)


def rules_of(text: str, name: str = "program.py") -> list[str]:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return [finding.rule for finding in check_script(path).findings]


OF_ONE_BATCH = {
    "dead-start", "start-loss", "signal-lost", "cannot-learn-a-batch", "never-changed", "random-evaluation",
    "images-mixed", "lost-on-saving",
}  # fmt: skip
"""Found in a network that exists: tests/check/test_one_batch.py."""
ON_SCRIPTS = [rule for rule in RULES if rule.name not in OF_ONE_BATCH]


@pytest.mark.parametrize("rule", ON_SCRIPTS, ids=lambda rule: rule.name)
def test_own_examples(rule: Rule) -> None:
    assert set(rules_of(rule.bad)) == {rule.name}
    assert rules_of(rule.good) == []


def test_names_are_unique_and_texts_complete() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        for text in (rule.title, rule.why, rule.mend):
            assert text.en and text.zh and text.en != text.zh


SOFTMAX: Layer = ("nn.Softmax(dim=1)", "F.softmax({x}, dim=1)")
LOG_SOFTMAX: Layer = ("nn.LogSoftmax(dim=1)", "F.log_softmax({x}, dim=1)")
DROPOUT: Layer = ("nn.Dropout(0.5)", "F.dropout({x}, 0.5, training=self.training)")
WIDE: Layer = ("nn.Linear(128, 1000)", "")
NARROW: Layer = ("nn.Linear(1000, 10)", "")
MISFIT: Layer = ("nn.Linear(400, 128)", "")
WHOLE: Layer = ("nn.Flatten(0)", "torch.flatten({x})")
OVER_IMAGES: Layer = ("nn.LogSoftmax(dim=0)", "F.log_softmax({x}, dim=0)")
CONV1: Layer = ("nn.Conv2d(1, 8, 3, padding=1)", "")
CONV2: Layer = ("nn.Conv2d(8, 4, 3, padding=1)", "")
AFTER_CONV: list[Layer] = [FLATTEN, ("nn.Linear(3136, 10)", "")]

NORM: Layer = ("nn.BatchNorm1d(128)", "")
BARE1: Layer = ("nn.Linear(784, 128, bias=False)", "")
SIGMOID: Layer = ("nn.Sigmoid()", "torch.sigmoid({x})")
SQUARE: Layer = ("nn.Linear(128, 128)", "")
COLOUR: Layer = ("nn.Conv2d(3, 8, 3, padding=1)", "")
BESIDE: Layer = ("nn.Conv2d(1, 8, 4, padding=1)", "")
BESIDES: Layer = ("nn.Conv2d(1, 8, (2, 2), padding='same')", "")
POOL: Layer = ("nn.MaxPool2d(2)", "F.max_pool2d({x}, 2)")
CEIL: Layer = ("nn.MaxPool2d(3, stride=2, ceil_mode=True)", "F.max_pool2d({x}, 3, 2, ceil_mode=True)")
FLOOR: Layer = ("nn.MaxPool2d(3, stride=2)", "F.max_pool2d({x}, 3, 2)")
WHOLE_MAPS: Layer = ("nn.AvgPool2d(7)", "F.avg_pool2d({x}, 7)")
HUGE: Layer = ("nn.MaxPool2d(31)", "F.max_pool2d({x}, 31)")
NEXT: Layer = ("nn.Conv2d(8, 8, 3, padding=1)", "")
TO10 = {n: (f"nn.Linear({n}, 10)", "") for n in (8, 32, 72, 392, 1352, 1568, 1352, 5832, 6272)}
MAPS: list[Layer] = [CONV1, RELU, POOL, NEXT, RELU, POOL]

# rule, loss, layers with the mistake, layers mended
OF_NETWORKS: list[tuple[str, str, list[Layer], list[Layer]]] = [
    ("softmax-before-cross-entropy", "cross_entropy", [*PLAIN, SOFTMAX], PLAIN),
    ("softmax-before-cross-entropy", "cross_entropy", [*PLAIN, LOG_SOFTMAX], PLAIN),
    ("nll-without-log-softmax", "nll_loss", PLAIN, [*PLAIN, LOG_SOFTMAX]),
    ("nll-without-log-softmax", "nll_loss", [*PLAIN, SOFTMAX], [*PLAIN, LOG_SOFTMAX]),
    ("activation-on-logits", "cross_entropy", [*PLAIN, RELU], PLAIN),
    ("activation-on-logits", "nll_loss", [*PLAIN, RELU, LOG_SOFTMAX], [*PLAIN, LOG_SOFTMAX]),
    ("dropout-on-logits", "cross_entropy", [*PLAIN, DROPOUT], [*PLAIN[:-1], DROPOUT, LINEAR2]),
    ("class-count", "cross_entropy", [*PLAIN[:-1], WIDE], PLAIN),
    ("second-head", "cross_entropy", [*PLAIN[:-1], WIDE, NARROW], [*PLAIN[:-1], WIDE, RELU, NARROW]),
    ("nothing-between", "cross_entropy", [FLATTEN, LINEAR1, LINEAR2], PLAIN),
    ("nothing-between", "cross_entropy", [CONV1, CONV2, RELU, *AFTER_CONV], [CONV1, RELU, CONV2, RELU, *AFTER_CONV]),
    ("in-features", "cross_entropy", [FLATTEN, MISFIT, RELU, LINEAR2], PLAIN),
    ("flatten-takes-batch", "cross_entropy", [CONV1, RELU, WHOLE, LINEAR1, RELU, LINEAR2], [CONV1, RELU, CONV2, *AFTER_CONV]),
    ("class-dimension", "nll_loss", [*PLAIN, OVER_IMAGES], [*PLAIN, LOG_SOFTMAX]),
    ("bias-before-norm", "cross_entropy", [FLATTEN, LINEAR1, NORM, RELU, LINEAR2], [FLATTEN, BARE1, NORM, RELU, LINEAR2]),
    ("norm-order", "cross_entropy", [FLATTEN, BARE1, RELU, NORM, LINEAR2], [FLATTEN, BARE1, NORM, RELU, LINEAR2]),
    ("norm-order", "cross_entropy", [FLATTEN, DROPOUT, BARE1, NORM, RELU, LINEAR2],
     [FLATTEN, BARE1, NORM, RELU, DROPOUT, LINEAR2]),
    ("deep-sigmoid", "cross_entropy", [FLATTEN, LINEAR1, *[SIGMOID, SQUARE] * 4, SIGMOID, LINEAR2],
     [FLATTEN, LINEAR1, *[RELU, SQUARE] * 4, RELU, LINEAR2]),
    ("pooled-away", "cross_entropy", [*MAPS, WHOLE_MAPS, NEXT, RELU, FLATTEN, TO10[8]], [*MAPS, NEXT, RELU, FLATTEN, TO10[392]]),
    ("pooled-away", "cross_entropy", [CONV1, RELU, HUGE, FLATTEN, TO10[8]], [CONV1, RELU, POOL, FLATTEN, TO10[1568]]),
    ("even-kernel", "cross_entropy", [BESIDE, RELU, FLATTEN, TO10[5832]], [CONV1, RELU, FLATTEN, TO10[6272]]),
    ("even-kernel", "cross_entropy", [BESIDES, RELU, FLATTEN, TO10[6272]], [CONV1, RELU, FLATTEN, TO10[6272]]),
    ("ceil-mode", "cross_entropy", [CONV1, RELU, CEIL, FLATTEN, TO10[1568]], [CONV1, RELU, FLOOR, FLATTEN, TO10[1352]]),
    ("input-shape", "cross_entropy", [COLOUR, RELU, FLATTEN, TO10[6272]], [CONV1, RELU, FLATTEN, TO10[6272]]),
]  # fmt: skip


@pytest.mark.parametrize("guise", NETWORKS)
@pytest.mark.parametrize("case", OF_NETWORKS, ids=[f"{i}-{case[0]}" for i, case in enumerate(OF_NETWORKS)])
def test_mistakes_of_networks(case: tuple[str, str, list[Layer], list[Layer]], guise: str) -> None:
    rule, loss, mistaken, mended = case
    assert rule in rules_of(program(guise, mistaken, loss))
    assert rules_of(program(guise, mended, loss)) == []


ALEX: Layer = ("nn.Conv2d(1, 8, kernel_size=11, stride=4)", "")
PADDED: Layer = ("nn.Conv2d(1, 8, kernel_size=11, stride=4, padding=2)", "")
FULL: Layer = ("nn.AdaptiveAvgPool2d(2)", "F.adaptive_avg_pool2d({x}, 2)")
NORMED = [FLATTEN, BARE1, NORM, RELU, LINEAR2]
LARGE = "transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])"
SGD = "torch.optim.SGD(network.parameters(), lr=0.1)"
# rule, layers with the mistake, layers mended, what is changed in the rest of the program: with the mistake, mended
OF_PROGRAMS: list[tuple[str, list[Layer], list[Layer], tuple[str, str], tuple[str, str]]] = [
    ("input-of-224", [ALEX, RELU, FULL, FLATTEN, TO10[32]], [PADDED, RELU, FULL, FLATTEN, TO10[32]],
     ("transforms.ToTensor()", LARGE), ("transforms.ToTensor()", LARGE)),
    ("batch-of-one", NORMED, NORMED, (", batch_size=64", ""), ("", "")),
    ("learning-rate", PLAIN, PLAIN, (SGD, "torch.optim.Adam(network.parameters(), 0.1)"), (SGD, "torch.optim.Adam(network.parameters())")),
    ("learning-rate", PLAIN, PLAIN, (SGD, "torch.optim.SGD(network.parameters(), lr=2, momentum=0.9)"),
     (SGD, "torch.optim.SGD(network.parameters(), lr=0.9)")),
    ("learning-rate", PLAIN, PLAIN, ("lr=0.1", "lr=1e-9"), ("lr=0.1", "lr=1e-4")),
    ("decay-on-norms", NORMED, NORMED, ("lr=0.1", "lr=0.1, weight_decay=0.01"), ("lr=0.1", "lr=0.1, weight_decay=1e-5")),
    ("wrong-labels", PLAIN, PLAIN, ("labels in loader:", "labels in loader:\n    labels = F.one_hot(labels)"),
     ("labels in loader:", "labels in loader:\n    labels = labels.long()")),
    ("wrong-labels", PLAIN, PLAIN, ("labels in loader:", "labels in loader:\n    labels -= 1"),
     ("labels in loader:", "labels in loader:\n    labels = labels + 1 - 1")),
]  # fmt: skip


@pytest.mark.parametrize("guise", NETWORKS)
@pytest.mark.parametrize("case", OF_PROGRAMS, ids=[f"{i}-{case[0]}" for i, case in enumerate(OF_PROGRAMS)])
def test_mistakes_of_programs(
    case: tuple[str, list[Layer], list[Layer], tuple[str, str], tuple[str, str]], guise: str
) -> None:
    rule, mistaken, mended, bad, good = case
    with_it, without = program(guise, mistaken), program(guise, mended)
    assert bad[0] in with_it and good[0] in without
    assert rule in rules_of(with_it.replace(*bad))
    assert rules_of(without.replace(*good) if good[0] else without) == []


OF_TRAININGS: list[tuple[str, dict[str, str]]] = [
    ("no-zero-grad", {"zero": "pass"}),
    ("no-zero-grad", {"zero": "pass", "train": "NET.train(); NET.zero_grad()"}),
    ("step-order", {"first": "OPT.step()", "second": "LOSS.backward()"}),
    ("step-order", {"second": "OPT.zero_grad(); OPT.step()"}),
    ("no-eval", {"eval": "pass"}),
    ("no-eval", {"eval": "NET.train()"}),
    ("no-no-grad", {"no_grad": "if True:"}),
    ("no-no-grad", {"no_grad": "with torch.enable_grad():"}),
    ("loss-keeps-graph", {"kept": "LOSS"}),
    ("loss-keeps-graph", {"kept": "(LOSS * 64)"}),
    ("train-not-resumed", {"train": "pass"}),
    ("no-shuffling", {"shuffle": ""}),
    ("no-shuffling", {"shuffle": ", shuffle=False, drop_last=True"}),
]
MENDED: list[dict[str, str]] = [
    {},
    {"zero": "NET.zero_grad(set_to_none=True)"},
    {"zero": "pass", "second": "OPT.step(); OPT.zero_grad()"},
    {"zero": "for p in NET.parameters(): p.grad = None"},
    {"kept": "float(LOSS)"},
    {"kept": "LOSS.detach()"},
    {"no_grad": "with torch.inference_mode():"},
    {"no_grad": "with torch.set_grad_enabled(False):"},
    {"eval": "NET.train(False)"},
    {"shuffle": ", sampler=torch.utils.data.RandomSampler(data)"},
    {"first": "(LOSS / 4).backward()"},
]


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("rule, changed", OF_TRAININGS, ids=[f"{i}-{rule}" for i, (rule, _) in enumerate(OF_TRAININGS)])
def test_mistakes_of_trainings(rule: str, changed: dict[str, str], guise: str) -> None:
    assert rule in rules_of(training(guise, **changed))


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("changed", MENDED, ids=str)
def test_mended_trainings(changed: dict[str, str], guise: str) -> None:
    assert rules_of(training(guise, **changed)) == []


SCHEDULERS = [
    "torch.optim.lr_scheduler.StepLR({opt}, step_size=5)",
    "torch.optim.lr_scheduler.MultiStepLR({opt}, [3, 4])",
    "torch.optim.lr_scheduler.ExponentialLR({opt}, 0.9)",
    "torch.optim.lr_scheduler.CosineAnnealingLR({opt}, T_max=5)",
]
PER_BATCH = [
    "torch.optim.lr_scheduler.StepLR({opt}, step_size=5000)",
    "torch.optim.lr_scheduler.CosineAnnealingLR({opt}, T_max=5 * 938)",
    "torch.optim.lr_scheduler.OneCycleLR({opt}, 0.1, total_steps=5000)",
    "torch.optim.lr_scheduler.LambdaLR({opt}, lambda step: 1 / (1 + step))",
]


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedulers_for_epochs(scheduler: str, guise: str) -> None:
    assert rules_of(scheduled(guise, scheduler, per_batch=True)) == ["schedule-per-batch"]
    assert rules_of(scheduled(guise, scheduler, per_batch=False)) == []


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("scheduler", PER_BATCH)
def test_schedulers_for_batches(scheduler: str, guise: str) -> None:
    assert rules_of(scheduled(guise, scheduler, per_batch=True)) == []


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("which", ["False", "True"])
def test_one_part_of_the_data_for_both(which: str, guise: str) -> None:
    text = training(guise).replace("train=train", f"train={which}")
    assert "test-data-in-training" in rules_of(text)
