"""Every rule on its own examples, and in at least five guises; silent on the mended forms."""

import sys
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.rules import RULES

sys.path.insert(0, str(Path(__file__).parent))
from guises import FLATTEN, LINEAR1, LINEAR2, NETWORKS, PLAIN, RELU, TRAININGS, Layer, program, training


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
def test_own_examples(rule):
    assert set(rules_of(rule.bad)) == {rule.name}
    assert rules_of(rule.good) == []


def test_names_are_unique_and_texts_complete():
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
]  # fmt: skip


@pytest.mark.parametrize("guise", NETWORKS)
@pytest.mark.parametrize("case", OF_NETWORKS, ids=[f"{i}-{case[0]}" for i, case in enumerate(OF_NETWORKS)])
def test_mistakes_of_networks(case, guise):
    rule, loss, mistaken, mended = case
    assert rule in rules_of(program(guise, mistaken, loss))
    assert rules_of(program(guise, mended, loss)) == []


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
def test_mistakes_of_trainings(rule, changed, guise):
    assert rule in rules_of(training(guise, **changed))


@pytest.mark.parametrize("guise", TRAININGS)
@pytest.mark.parametrize("changed", MENDED, ids=str)
def test_mended_trainings(changed, guise):
    assert rules_of(training(guise, **changed)) == []
