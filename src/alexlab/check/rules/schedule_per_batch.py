"""A scheduler that counts epochs, stepped for each batch."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Batches, Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

MOST_EPOCHS = 500
"""A step size or milestone beyond this may be meant in batches."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for event in evidence.events:
        scheduler = event.subject
        if event.kind != "schedule" or event.place in seen or not event.rounds or not isinstance(scheduler, Made):
            continue
        over = event.rounds[-1].over
        while isinstance(over, Batches):
            over = over.source
        if not isinstance(over, Made) or over.name != "torch.utils.data.DataLoader" or event.conditional:
            continue
        name, sooner = scheduler.name.rsplit(".", 1)[-1], _epochs(scheduler)
        if sooner is None:
            continue
        seen.add(event.place)
        message = Text(
            f"{name} is stepped for each batch, and {sooner.en} reads as epochs: the learning rate falls as many times "
            "faster as there are batches, and is as good as zero within the first epoch or two.",
            f"{name} 在每个批次后都 step，而 {sooner.zh} 看来是按 epoch 写的：一个 epoch 有多少批次，学习率就快多少倍地下降，"
            f"一两个 epoch 之内就几乎为零。",
        )
        yield found(RULE.name, "error", evidence, None, message, RULE.mend, event.place)


def _epochs(scheduler: Made) -> Text | None:
    """Return the argument that can only be meant in epochs."""
    name, given = scheduler.name.rsplit(".", 1)[-1], scheduler.arguments
    if name == "StepLR" and _few(given.get("step_size")):
        return Text(f"step_size={given['step_size']}", f"step_size={given['step_size']}")
    milestones = given.get("milestones")
    if name == "MultiStepLR" and isinstance(milestones, list | tuple) and milestones and all(map(_few, milestones)):
        return Text(f"milestones={list(milestones)}", f"milestones={list(milestones)}")
    gamma = given.get("gamma")
    if name == "ExponentialLR" and isinstance(gamma, float) and gamma < 0.998:
        return Text(f"gamma={gamma}", f"gamma={gamma}")
    if name == "CosineAnnealingLR" and _few(given.get("T_max")):
        return Text(f"T_max={given['T_max']}", f"T_max={given['T_max']}")
    return None


def _few(value: object) -> bool:
    return isinstance(value, int) and 0 < value <= MOST_EPOCHS


_MADE = "criterion = nn.CrossEntropyLoss()\n"
_SCHEDULED = TRAINING.replace(
    _MADE, _MADE + "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.1)\n"
)
_STEP = "        optimizer.step()\n"

RULE = Rule(
    name="schedule-per-batch",
    title=Text("a scheduler for epochs, stepped per batch", "按 epoch 写的学习率调度器却每批次 step"),
    why=Text(
        "A scheduler counts the calls of its `step`. `StepLR(step_size=4)` stepped after each of 938 batches divides the "
        "rate by ten 234 times in the first epoch: after a few dozen batches nothing is learnt any more.",
        "调度器数的是 `step` 被调用的次数。`StepLR(step_size=4)` 如果在 938 个批次后各 step 一次，第一个 epoch 就把学习率除以十"
        " 234 次：几十个批次之后就什么都学不到了。",
    ),
    mend=Text("call `scheduler.step()` once at the end of each epoch, or write its numbers in batches.",
              "在每个 epoch 结束时调用一次 `scheduler.step()`，或按批次数来写它的参数。"),
    find=_find,
    bad=_SCHEDULED.replace(_STEP, _STEP + "        scheduler.step()\n"),
    good=_SCHEDULED.replace("    network.eval()\n", "    scheduler.step()\n    network.eval()\n"),
)  # fmt: skip
