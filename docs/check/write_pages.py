"""Write the page of each rule, in English and in Chinese, and the two lists, from the rules and the measured costs.

python docs/check/write_pages.py
"""

import json
import statistics
from pathlib import Path
from typing import Any

from alexlab.check.finding import Language
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES

HERE = Path(__file__).parent
COSTS = HERE.parents[1] / "benchmarks" / "check" / "cost.json"

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "other": "[中文](zh/{name}.md)",
        "why": "What happens",
        "mend": "How to mend it",
        "cost": "What it costs",
        "bad": "With the mistake",
        "good": "Mended",
        "silence": "To silence it on one line, with the reason: `# alexlab: ignore[{name}] why it is meant`.",
        "list": "# What `alexlab check` finds\n\nEach rule has a page with what happens, what it costs, and a smallest example.\n",
        "columns": "| rule | mistake | with it | without |\n|---|---|---|---|",
        "accuracy": "Test accuracy {bad} with it, {good} without (mean of {runs} seeds; each: {each}).",
        "other-kind": "{kind}: {bad} with it, {good} without.",
        "none": "Not measured: it stops with an error, or its cost depends on the program.",
        "how": "Measured with `python benchmarks/check/cost.py`: Fashion-MNIST, 6,000 training and 10,000 test images, a small "
        "convolution network with batch norm and dropout, 3 epochs; 2-core AMD EPYC, PyTorch 2.13.0 CPU, 2026-11-22.",
    },
    "zh": {
        "other": "[English](../{name}.md)",
        "why": "会发生什么",
        "mend": "怎样改",
        "cost": "代价",
        "bad": "有错误的写法",
        "good": "改正后",
        "silence": "要在某一行关闭这条规则并写明理由：`# alexlab: ignore[{name}] 理由`。",
        "list": "# `alexlab check` 能发现什么\n\n每条规则都有一页：会发生什么、代价多大、最小的例子。\n",
        "columns": "| 规则 | 错误 | 有错误时 | 改正后 |\n|---|---|---|---|",
        "accuracy": "有此错误时测试精度 {bad}，没有时 {good}（{runs} 个随机种子的平均；各次：{each}）。",
        "other-kind": "{kind}：有此错误时 {bad}，没有时 {good}。",
        "none": "未测量：它会直接报错，或代价取决于具体程序。",
        "how": "用 `python benchmarks/check/cost.py` 测得：Fashion-MNIST，6,000 幅训练图像，10,000 幅测试图像，"
        "带 batch norm 和 dropout 的小型卷积网络，"
        "3 个 epoch；2 核 AMD EPYC，PyTorch 2.13.0 CPU，2026-11-22。",
    },
}
KINDS = {
    "MB kept for a batch of 500": "500 幅图像的一个批次所保留的 MB 数",
    "graph nodes held after 90 batches": "90 个批次后保留的计算图节点数",
}
NOTES: dict[str, dict[Language, str]] = {
    "train-not-resumed": {
        "en": "In so short a training dropout costs more than it gives, so that the network without it is even ahead; what "
        "the mistake costs shows in long trainings, which overfit.",
        "zh": "训练这么短时，dropout 的代价大于收益，所以没有它反而领先；这个错误的代价在长时间训练（过拟合）中才显现。",
    },
    "other-normalisation": {
        "en": "Measured here: training images normalised, test images not. With MNIST's constants for both the network is at "
        "{both}: within the spread, because batch norm follows the shift.",
        "zh": "这里测的是：训练图像做了归一化而测试图像没有。两者都用 MNIST 的常数时为 {both}："
        "在波动范围之内，因为 batch norm 会适应这个偏移。",
    },
    "class-dimension": {
        "en": "Measured here: log-softmax over the images of a batch, before the NLL loss.",
        "zh": "这里测的是：NLL 损失之前沿批次维做 log-softmax。",
    },
    "no-shuffling": {
        "en": "Measured here: images sorted by class, as an image folder is. MNIST's files are mixed already; there a fixed "
        "order costs little.",
        "zh": "这里测的是：图像按类别排序，就像图像文件夹那样。MNIST 的文件本来就是混合的，固定顺序的代价很小。",
    },
    "step-order": {
        "en": "Measured here: `zero_grad` between `backward` and `step`.",
        "zh": "这里测的是：`zero_grad` 位于 `backward` 和 `step` 之间。",
    },
}
"""What a reader must know about a figure."""
FIRST = "<!-- written by docs/check/write_pages.py; change the rule, not this page -->\n"


def cost_of(rule: Rule, costs: dict[str, Any], language: Language) -> str:
    words, measured = WORDS[language], costs.get(rule.name)
    if measured is None:
        return words["none"]
    bad, good = (statistics.mean(measured[key]) for key in ("with", "without"))
    if measured["kind"] == "accuracy":
        each = ", ".join(f"{value:.3f}" for value in measured["with"])
        text = words["accuracy"].format(bad=f"{bad:.3f}", good=f"{good:.3f}", runs=len(measured["with"]), each=each)
    else:
        kind = measured["kind"] if language == "en" else KINDS[measured["kind"]]
        text = words["other-kind"].format(kind=kind, bad=f"{bad:.4g}", good=f"{good:.4g}")
    if rule.name in NOTES:
        both = statistics.mean(costs["other-normalisation-both"]["with"])
        text += "\n" + NOTES[rule.name][language].format(both=f"{both:.3f}")
    return f"{text}\n\n{words['how']}"


def page(rule: Rule, costs: dict[str, Any], language: Language) -> str:
    words = WORDS[language]
    return (
        f"{FIRST}\n# {rule.name}: {rule.title.in_(language)}\n\n{words['other'].format(name=rule.name)}\n\n"
        f"## {words['why']}\n\n{rule.why.in_(language)}\n\n## {words['mend']}\n\n{rule.mend.in_(language)}\n\n"
        f"## {words['cost']}\n\n{cost_of(rule, costs, language)}\n\n"
        f"## {words['bad']}\n\n```python\n{rule.bad}```\n\n## {words['good']}\n\n```python\n{rule.good}```\n\n"
        f"{words['silence'].format(name=rule.name)}\n"
    )


def overview(costs: dict[str, Any], language: Language) -> str:
    words = WORDS[language]
    rows = []
    for rule in RULES:
        measured = costs.get(rule.name)
        figures = ["", ""]
        if measured is not None:
            figures = [f"{statistics.mean(measured[key]):.3f}" for key in ("with", "without")]
            if measured["kind"] != "accuracy":
                figures = [f"{statistics.mean(measured[key]):.4g} {measured['kind']}" for key in ("with", "without")]
        rows.append(f"| [{rule.name}]({rule.name}.md) | {rule.title.in_(language)} | {figures[0]} | {figures[1]} |")
    return f"{FIRST}\n{words['list']}\n{words['columns']}\n" + "\n".join(rows) + f"\n\n{words['how']}\n"


def main() -> None:
    costs = json.loads(COSTS.read_text(encoding="utf-8")) if COSTS.is_file() else {}
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        folder = HERE / "zh" if language == "zh" else HERE
        folder.mkdir(exist_ok=True)
        for rule in RULES:
            (folder / f"{rule.name}.md").write_text(page(rule, costs, language), encoding="utf-8")
        (folder / "README.md").write_text(overview(costs, language), encoding="utf-8")


if __name__ == "__main__":
    main()
