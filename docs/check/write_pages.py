"""Write the page of each rule, in English and in Chinese, and the two lists, from the rules and the measured costs.

python docs/check/write_pages.py
"""

import json
import statistics
from pathlib import Path
from typing import Any

from alexlab.check.finding import Language
from alexlab.check.pages import page_of
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES

HERE = Path(__file__).parent
COSTS = HERE.parents[1] / "benchmarks" / "check" / "cost.json"

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "other": "[中文](zh/{name}.md)",
        "list": "# What `alexlab check` finds\n\nEach rule has a page with what happens, what it costs, and a smallest example; `alexlab check --explain RULE` prints it.\n",
        "columns": "| rule | mistake | with it | without |\n|---|---|---|---|",
        "accuracy": "Test accuracy {bad} with it, {good} without (mean of {runs} seeds; each: {each}).",
        "codes": "## What a report ends with\n\nThe last line says what was looked at, networks, trainings, evaluations and loaders by name and "
        'line, and the lines that could not be followed. "No mistakes found" is said only where a network or a training was read.\n\n'
        "| exit code | |\n|---|---|\n| 0 | no errors (there may be warnings and notes) |\n| 1 | errors |\n| 2 | the target cannot be read, imported or run |\n"
        "| 3 | neither a network nor a training of PyTorch: an empty file, Keras, TensorFlow, JAX, other Python (which, is said), or a network that could not be run |\n\n"
        "With `--json` the list then holds one note without a rule; with `--sarif` both are in `invocations`.\n",
        "other-kind": "{kind}: {bad} with it, {good} without.",
        "none": "Not measured: it stops with an error, or its cost depends on the program.",
        "how": "Measured with `python benchmarks/check/cost.py`: Fashion-MNIST, 6,000 training and 10,000 test images, a small "
        "convolution network with batch norm and dropout (or the pair that `benchmarks/check/mistakes.py` has), 3 epochs; 2-core AMD EPYC, PyTorch 2.13.0 CPU, 2026-11-22.",
    },
    "zh": {
        "other": "[English](../{name}.md)",
        "list": "# `alexlab check` 能发现什么\n\n每条规则都有一页：会发生什么、代价多大、最小的例子；`alexlab check --explain 规则 --lang zh` 会显示它。\n",
        "columns": "| 规则 | 错误 | 有错误时 | 改正后 |\n|---|---|---|---|",
        "accuracy": "有此错误时测试精度 {bad}，没有时 {good}（{runs} 个随机种子的平均；各次：{each}）。",
        "codes": "## 报告的结尾\n\n最后一行说明检查了什么（网络、训练、评估和数据加载器，带名称和行号），以及哪些行未能跟踪。"
        "只有读到了网络或训练时才会说“没有发现错误”。\n\n"
        "| 退出码 | |\n|---|---|\n| 0 | 没有错误（可能有警告和提示） |\n| 1 | 有错误 |\n| 2 | 目标无法读取、导入或运行 |\n"
        "| 3 | 既没有 PyTorch 网络也没有训练：空文件、Keras、TensorFlow、JAX、其他 Python（会说明是哪一种），或无法运行的网络 |\n\n"
        "使用 `--json` 时列表中只有一条没有规则的提示；使用 `--sarif` 时二者在 `invocations` 中。\n",
        "other-kind": "{kind}：有此错误时 {bad}，没有时 {good}。",
        "none": "未测量：它会直接报错，或代价取决于具体程序。",
        "how": "用 `python benchmarks/check/cost.py` 测得：Fashion-MNIST，6,000 幅训练图像，10,000 幅测试图像，"
        "带 batch norm 和 dropout 的小型卷积网络（或 `benchmarks/check/mistakes.py` 中的一对网络），"
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
    "sigmoid-and-bce": {
        "en": "Measured here: a sigmoid for each class and `binary_cross_entropy_with_logits`, with a sigmoid before it and without.",
        "zh": "这里测的是：每个类别一个 sigmoid 和 `binary_cross_entropy_with_logits`，前面多一个 sigmoid 与没有的对比。",
    },
    "dead-start": {
        "en": "Measured here: biases of -1000 in the hidden layer.",
        "zh": "这里测的是：隐藏层的偏置为 -1000。",
    },
    "wrong-augmentation": {
        "en": "Measured here: test images cropped at random from themselves with 4 pixels of padding; the network was trained "
        "without.",
        "zh": "这里测的是：测试图像加 4 个像素的边后随机裁剪，而网络训练时没有这样做。",
    },
    "unused-layer": {
        "en": "Measured here: the ReLU between the two linear layers is never called.",
        "zh": "这里测的是：两个全连接层之间的 ReLU 从未被调用。",
    },
    "unregistered-layer": {
        "en": "Measured here: one of three linear layers stays random. In so short a training that even helps, as a random layer "
        "does not overfit; what is certain is that its weights are lost when the network is saved.",
        "zh": "这里测的是：三个全连接层中有一个停在随机初值上。训练这么短时反而略好，因为随机的层不会过拟合；可以肯定的是，"
        "保存网络时它的权重会丢失。",
    },
    "bias-before-norm": {
        "en": "Measured here: the convolution with a bias and without. The difference is within the spread: it costs nothing but "
        "memory and time.",
        "zh": "这里测的是：卷积带偏置与不带。差别在波动范围内：代价只是内存和时间。",
    },
    "norm-order": {
        "en": "Measured here: ReLU, dropout, batch norm against batch norm, ReLU, dropout, after the hidden layer.",
        "zh": "这里测的是：隐藏层之后 ReLU、dropout、batch norm 与 batch norm、ReLU、dropout 的对比。",
    },
    "deep-sigmoid": {
        "en": "Measured here: eight linear layers with seven sigmoids between them, against seven ReLUs; Adam, 0.001.",
        "zh": "这里测的是：八个全连接层之间七个 sigmoid，与七个 ReLU 的对比；Adam，0.001。",
    },
    "reused-layer": {
        "en": "Measured here: one batch norm after both of two convolutions, against one for each.",
        "zh": "这里测的是：两个卷积之后共用一个 batch norm，与各用一个的对比。",
    },
    "pooled-away": {
        "en": "Measured here: maps of 6x6 pooled to 1x1 before the second convolution, against not pooled.",
        "zh": "这里测的是：第二个卷积之前把 6x6 的特征图池化到 1x1，与不池化的对比。",
    },
    "even-kernel": {
        "en": "Measured here: a first kernel of 4x4 against one of 5x5, both with padding 2. The difference is within the spread; "
        "in deeper networks the shifts add up.",
        "zh": "这里测的是：第一个卷积核 4x4 与 5x5，填充都是 2。差别在波动范围内；更深的网络里偏移会累积。",
    },
    "schedule-per-batch": {
        "en": "Measured here: the rate divided by ten after each batch, against after each epoch.",
        "zh": "这里测的是：每个批次后学习率除以十，与每个 epoch 后除以十的对比。",
    },
    "learning-rate": {
        "en": "Measured here: Adam with 0.1 against 0.001.",
        "zh": "这里测的是：Adam 的学习率 0.1 与 0.001 的对比。",
    },
    "decay-on-norms": {
        "en": "Measured here: a weight decay of 0.01 on all parameters against on weights alone. In so short a training the "
        "difference lies within the spread of the seeds, and if anything the other way.",
        "zh": "这里测的是：0.01 的 weight decay 用于所有参数，与只用于权重的对比。训练这么短时差别在种子的波动范围内，甚至相反。",
    },
    "mean-of-means": {
        "en": "Measured here: the figure that is reported for the same networks, with test images in the order of their classes "
        "and batches of 300, of which the last has 100.",
        "zh": "这里测的是：同样的网络所报告的数字；测试图像按类别排序，批次大小 300，最后一个批次 100 幅。",
    },
    "batch-of-one": {
        "en": "Measured here: batches of 1 with Adam at 0.0001 against batches of 64 with Adam at 0.001. After a convolution, "
        "whose maps have 144 values for each channel, it costs no accuracy here, and 64 times the steps; after a linear layer it stops with "
        "an error.",
        "zh": "这里测的是：批次大小 1、Adam 0.0001，与批次大小 64、Adam 0.001 的对比。卷积之后每个通道有 144 个值，这里精度没有损失，只是步数是 64 倍；在全连接层之后则会报错。",
    },
    "test-data-in-training": {
        "en": "Measured here: trained on 6,000 of the 10,000 test images. The figure is higher, and wrong.",
        "zh": "这里测的是：用 10,000 幅测试图像中的 6,000 幅训练。数字更高，但是错的。",
    },
    "start-loss": {
        "en": "Measured here: the last layer's weights times 200.",
        "zh": "这里测的是：最后一层的权重乘以 200。",
    },
    "signal-lost": {
        "en": "Measured here: eight linear layers with ReLU that start from N(0, 0.01), against `kaiming_normal_`; Adam, 0.001.",
        "zh": "这里测的是：八个带 ReLU 的全连接层，初始权重为 N(0, 0.01)，与 `kaiming_normal_` 的对比；Adam，0.001。",
    },
    "cannot-learn-a-batch": {
        "en": "Measured here: logits between -1e-6 and 1e-6.",
        "zh": "这里测的是：logits 在 -1e-6 到 1e-6 之间。",
    },
    "never-changed": {
        "en": "Measured here: a `detach` after the convolution, which stays random.",
        "zh": "这里测的是：卷积之后有 `detach`，卷积停在随机初值上。",
    },
    "random-evaluation": {
        "en": "Measured here: noise N(0, 1) on the hidden layer in training, and in evaluation too or not.",
        "zh": "这里测的是：训练时隐藏层加 N(0, 1) 的噪声，评估时也加与不加的对比。",
    },
    "images-mixed": {
        "en": "Measured here: batch norm without running statistics, tested in batches of 300 in the order of the classes, against "
        "batch norm with them.",
        "zh": "这里测的是：没有滑动统计量的 batch norm，按类别顺序、每批 300 幅测试，与有滑动统计量的对比。",
    },
    "lost-on-saving": {
        "en": "Measured here: saved and loaded into a new network, with random scales of the hidden layer that are not in the "
        "`state_dict`, or are.",
        "zh": "这里测的是：保存后载入新网络，隐藏层的随机缩放不在 `state_dict` 中与在其中的对比。",
    },
    "step-order": {
        "en": "Measured here: `zero_grad` between `backward` and `step`.",
        "zh": "这里测的是：`zero_grad` 位于 `backward` 和 `step` 之间。",
    },
}
"""What a reader must know about a figure."""
UNMEASURED: dict[str, dict[Language, str]] = {
    "ceil-mode": {
        "en": "Not measured: either rounding trains; what it costs is that weights of the other one do not fit.",
        "zh": "未测量：两种取整都能训练；代价是另一种取整的权重不匹配。",
    },
    "input-of-224": {
        "en": "Not measured: a tutorial that trained both sees no real difference; what it costs is that weights and sizes of the "
        "other one do not fit.",
        "zh": "未测量：有教程两种都训练过，没有看到真正的差别；代价是另一种的权重和尺寸不匹配。",
    },
    "bgr-images": {
        "en": "Not measured: it needs a pretrained network and its photographs.",
        "zh": "未测量：需要预训练网络及其照片。",
    },
    "argmax-of-all": {
        "en": "Not measured: the network is the same; the accuracy that is shown is near zero.",
        "zh": "未测量：网络不变；显示的精度接近零。",
    },
    "old-api": {
        "en": "Not measured: most of it stops with an error.",
        "zh": "未测量：多数情况会直接报错。",
    },
    "argument-of-bool": {
        "en": "Not measured: it depends on what the option does.",
        "zh": "未测量：取决于该选项的作用。",
    },
    "schedule-unused": {
        "en": "Not measured: it costs what the schedule would have given.",
        "zh": "未测量：代价是该学习率计划本可带来的收益。",
    },
    "optimiser-made-anew": {
        "en": "Not measured: it depends on how many batches an epoch has; the fewer, the more it costs.",
        "zh": "未测量：取决于每个 epoch 有多少批次；越少，代价越大。",
    },
    "shared-augmentation": {
        "en": "Not measured: the network is the same; the figure is lower, and another one each time.",
        "zh": "未测量：网络不变；数字偏低，且每次不同。",
    },
    "sum-of-means": {
        "en": "Not measured: the network is the same; the figure that is shown is too small by the size of a batch.",
        "zh": "未测量：网络不变；显示的数字小了批次大小那么多倍。",
    },
    "distorting-resize": {
        "en": "Not measured: it depends on how far the images are stretched, and whether the test images are as well.",
        "zh": "未测量：取决于图像拉伸的程度，以及测试图像是否同样被拉伸。",
    },
}
"""Why a rule has no figure, where it is not that it stops with an error."""
FIRST = "<!-- written by docs/check/write_pages.py; change the rule, not this page -->\n"


def cost_of(rule: Rule, costs: dict[str, Any], language: Language) -> str:
    words, measured = WORDS[language], costs.get(rule.name)
    if measured is None:
        return UNMEASURED[rule.name][language] if rule.name in UNMEASURED else words["none"]
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
    other = WORDS[language]["other"].format(name=rule.name)
    return f"{FIRST}\n{page_of(rule, language, other, cost_of(rule, costs, language))}"


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
    return (
        f"{FIRST}\n{words['list']}\n{words['columns']}\n" + "\n".join(rows) + f"\n\n{words['how']}\n\n{words['codes']}"
    )


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
