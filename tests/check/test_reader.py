"""The reader of scripts: what cannot be followed is told with its line, what is too large is given up, nothing crashes."""

import ast
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alexlab.check import check_script
from alexlab.check.checking import Checked
from alexlab.check.reading import reader
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES

PATH = Path("program.py")


def checked(text: str) -> Checked:
    PATH.write_text(text, encoding="utf-8")
    return check_script(PATH)


@pytest.mark.parametrize(
    "text, line, why",
    [
        ("import math\nx = math.floor(1e999)\n", 2, "OverflowError"),
        ("x = [1, 2, 3]\nfor i in range(3):\n    y = x[::0]\n", 3, "ValueError"),
        ("import math\n\n\ndef f():\n    return math.sqrt(-1)\n", 5, "ValueError"),
        ("class A:\n    x = (1, 2)[::0]\n", 2, "ValueError"),
        ("x = [1 for i in [1, 2][::0]]\n", 1, "ValueError"),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_line(text: str, line: int, why: str) -> None:
    unseen = checked(text).unseen
    assert len(unseen) == 1 and f"program.py:{line}: could not be followed here ({why}" in unseen[0]


def test_the_rest_is_still_followed() -> None:
    rule = next(rule for rule in RULES if rule.name == "softmax-before-cross-entropy")
    found = checked("import math\nsize = math.floor(math.inf)\nrows = [0][::0]\n" + rule.bad.replace("math", "m"))
    assert [finding.rule for finding in found.findings] == [rule.name]


def test_what_is_named_in_a_lost_line_may_have_changed_there() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    step = next(line for line in rule.bad.splitlines() if ".step()" in line)
    indent, optimiser = step[: len(step) - len(step.lstrip())], step.strip().partition(".")[0]
    lost = rule.bad.replace(step, f"{indent}held = [{optimiser}][::0]\n{step}")
    assert [finding.rule for finding in checked(rule.bad).findings] == [rule.name]
    found = checked(lost)
    assert found.findings == () and "could not be followed" in found.unseen[0]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_all_of_the_examples_can_be_followed(rule: Rule) -> None:
    assert checked(rule.bad).unseen == () and checked(rule.good).unseen == ()


def test_an_expression_that_is_nested_deeper_than_python_calls() -> None:
    assert isinstance(checked("x = " + "+".join(["1"] * 1500) + "\n"), Checked)


LARGE = {
    "a list doubled": "x = [1]\n" + "x = x + x\n" * 40,
    "a list doubled in place": "x = [1]\n" + "x += x\n" * 40,
    "a list doubled by extend": "x = [1]\n" + "x.extend(x)\n" * 40,
    "a list doubled by stars": "x = [1]\n" + "x = [*x, *x]\n" * 40,
    "a string doubled": "x = 'a'\n" + "x = x + x\n" * 40,
    "a string doubled in place": "x = 'a'\n" + "x += x\n" * 40,
    "a string in a loop": "x = 'a'\nfor i in range(40):\n    x = x * 2\n",
    "an integer squared": "x = 2\n" + "x = x * x\n" * 40,
    "a tower of powers": "x = 10 ** 10 ** 10\ny = 10 ** x\nz = 1 << 10 ** 10\n",
    "a long string": "x = 'a' * 10**9\ny = 10**9 * 'a'\n",
    "a long list": "x = [0] * 10**9\ny = 10**9 * (0,)\nz = [[0] * 1000] * 10**6\n",
    "a wide format": "x = '%999999999d' % 5\ny = '%*d' % (10**9, 5)\n",
    "a long rounding": "x = round(7, -10**9)\n",
    "a product": "import math\nx = math.prod([10**15] * 10**5)\ny = math.prod([[0], 10**9])\n",
    "lists of ranges": "x = [list(range(10**9)), list(range(10**5))]\n" + "y = [list(range(10**5)), x]\n" * 300,
    "ranges side by side": "x = list(zip(*[range(10**5)] * 5000))\n",
    "a nested list": "x = [1]\n" + "x = [x, x]\n" * 60 + "print(x)\nunknown(x)\n",
    "a nested tuple as a key": "x = (1, 2)\n" + "x = (x, x)\n" * 60 + "y = {x: 1}\n",
    "a nested list by append": "x = [1]\n" + "y = []\ny.append(x)\ny.append(x)\nx = y\n" * 40 + "unknown(x)\nz = x == y\n",
    "branches that differ in depth": "x = [1]\ny = [1]\n" + "x = [x, x]\ny = [y, y]\n" * 14 + "z = x if unknown() else y\n",
    "a list that holds itself": "x = []\nx.append(x)\nunknown(x)\ny = x + x\n",
    "loops in a comprehension": "x = [a for a in range(500) for b in range(500) for c in range(500)]\n",
    "loops": "for a in range(500):\n    for b in range(500):\n        for c in range(500):\n            pass\n",
    "a list that grows": "x = []\nfor a in range(300):\n    for b in range(300):\n        x.append(b)\n        x[0] = a\n",
    "classes in a row": "class A: pass\n" + "class A(A, A): pass\n" * 60 + "A().x\n",
    "networks within networks": "import torch.nn as nn\nn = nn.ReLU()\n" + "n = nn.Sequential(n, n)\n" * 60
    + "n.eval()\nn(x)\nn.parameters()\n",
    "empty networks within networks": "import torch.nn as nn\nn = nn.Sequential()\n" + "n = nn.Sequential(n, n)\n" * 60
    + "n.train()\nn(x)\n",
    "a network that is deep": "import torch.nn as nn\nn = nn.ReLU()\nfor i in range(500):\n    for j in range(90):\n"
    "        n = nn.Sequential(n)\nprint(list(n.named_modules()))\nn(x)\n",
    "a long name": "import torch\nx = torch\ns = 'a' * 90000\nfor i in range(500):\n    x = getattr(x, s)\n",
    "a long chain of tensors": "import torch\nx = torch.randn(4)\nfor i in range(500):\n    for j in range(500):\n"
    "        x = torch.relu(x)\n",
    "an answer within answers": "import torch\nfrom torch import nn\nclass N(nn.Module):\n    def forward(self, x):\n"
    "        x = (1, 2)\n" + "        y = []\n        y.append(x)\n        y.append(x)\n        x = y\n" * 40
    + "        return x\nN()(torch.randn(1))\n",
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.timeout(120)
def test_values_are_bounded_and_the_reader_comes_to_an_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST", 1.0)
    assert checked(LARGE[name]).findings == ()


# Programs of random statements, right and wrong, of what scripts are made of.

NAMES = ["x", "y", "n", "images", "model", "Net", "f"]
NUMBERS = ["0", "1", "-1", "2", "3", "10", "28", "0.5", "1e999", "-1e999", "1e-9", "10**15", "2**62", "True", "None"]
TORCH = [
    "torch.randn", "torch.zeros", "torch.cat", "torch.stack", "torch.flatten", "torch.max", "torch.relu", "torch.softmax",
    "torch.save", "nn.Linear", "nn.Conv2d", "nn.MaxPool2d", "nn.AvgPool2d", "nn.Flatten", "nn.ReLU", "nn.Softmax",
    "nn.BatchNorm2d", "nn.Dropout", "nn.Sequential", "nn.ModuleList", "nn.ModuleDict", "nn.AdaptiveAvgPool2d", "nn.LSTM",
    "nn.CrossEntropyLoss", "nn.NLLLoss", "nn.BCELoss", "nn.ZeroPad2d", "nn.Sigmoid", "F.cross_entropy", "F.nll_loss",
    "F.log_softmax", "F.relu", "F.dropout", "F.max_pool2d", "F.pad", "torch.optim.SGD", "torch.optim.Adam",
    "torch.optim.lr_scheduler.StepLR", "nn.init.constant_", "nn.init.normal_", "torch.utils.data.DataLoader",
    "torch.utils.data.random_split", "torch.utils.data.Subset", "datasets.MNIST", "datasets.ImageFolder",
    "transforms.Compose", "transforms.Normalize", "transforms.Resize", "transforms.RandomCrop", "transforms.ToTensor",
    "models.resnet18", "functools.partial", "collections.OrderedDict", "cv2.imread",
]  # fmt: skip
PYTHON = [
    "math.floor", "math.ceil", "math.sqrt", "math.prod", "numpy.prod", "len", "range", "enumerate", "zip", "int", "float",
    "str", "bool", "list", "tuple", "dict", "set", "sum", "max", "min", "sorted", "reversed", "map", "iter", "next", "abs",
    "round", "isinstance", "getattr", "setattr", "hasattr", "print", "super", "type", "unknown",
]  # fmt: skip
METHODS = [
    "append", "extend", "insert", "pop", "clear", "remove", "sort", "reverse", "items", "keys", "values", "get", "update", "lower",
    "view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "mean", "sum", "max", "size", "item",
    "detach", "backward", "step", "zero_grad", "train", "eval", "parameters", "named_parameters", "modules", "children",
    "apply", "to", "cuda", "add_module", "load_state_dict", "state_dict", "forward", "fill_", "normal_", "split", "chunk",
]  # fmt: skip
ATTRIBUTES = [
    "shape",
    "weight",
    "bias",
    "data",
    "grad",
    "training",
    "out_features",
    "fc",
    "classifier",
    "T",
    "x",
    "__class__",
]
KEYWORDS = ["dim", "bias", "stride", "padding", "lr", "batch_size", "shuffle", "params", "input", "start", "inplace",
            "kernel_size", "num_classes", "weights", "size", "reduction", "dataset", "dilation", "ceil_mode"]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "<<", "^"]
COMPARISONS = ["==", "!=", "<", ">=", "is", "is not", "in", "not in"]
FORMS = [
    "call", "call", "call", "call", "({a}).{attribute}", "({a} {op} {b})", "({a} {op} {b})", "({a} {compared} {b})", "(-{a})",
    "(not {a})", "(~{a})", "({a} and {b})", "({a} or {b})", "({a} if {b} else {c})", "({a})[{b}]", "({a})[{b}:{c}]",
    "({a})[::0]", "({a})[::{b}]", "({a})[:-1]", "[{a}, *{b}]", "({a}, {b})", "{{{a}: {b}, **{c}}}", "{{'a': {a}}}",
    "[{a} for {name} in {b}]", "[{a} for {name} in {b} if {c}]", "{{{a}: {b} for {name}, n in {c}}}",
    "sum({a} for x in {b})", "(lambda x, *y: {a})", "f'{{{name}}} {{{name}.x!r:>{{n}}}}'", "({name} := {a})",
]  # fmt: skip


class Program:
    """A random program; `draw` takes its numbers from hypothesis' own generator, which can repeat it."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def expression(self, depth: int = 3) -> str:
        """Return an expression of at most `depth` levels."""
        pick = self.draw.choice
        if depth == 0 or self.draw.random() < 0.15:
            return pick([pick(NAMES), pick(NUMBERS), pick(NUMBERS), "'a'", "'same'", "''", "[]", "()", "{}", "..."])
        form = pick(FORMS)
        if form == "call":
            return self.call(depth)
        parts = {field: self.expression(depth - 1) for field in "abc" if f"{{{field}}}" in form}
        return form.format(
            **parts, name=pick(NAMES), attribute=pick(ATTRIBUTES), op=pick(OPERATORS), compared=pick(COMPARISONS)
        )

    def call(self, depth: int) -> str:
        """Return a call of the script's own, of Python's or of a library's."""
        pick = self.draw.choice
        function = pick([pick(TORCH), pick(TORCH), pick(PYTHON), pick(NAMES), f"{pick(NAMES)}.{pick(METHODS)}"])
        arguments = [self.expression(depth - 1) for _ in range(self.draw.randrange(4))]
        if arguments and self.draw.random() < 0.1:
            arguments[-1] = f"*{arguments[-1]}"
        given = self.draw.sample(KEYWORDS, self.draw.randrange(3))
        arguments += [f"{keyword}={self.expression(depth - 1)}" for keyword in given]
        if self.draw.random() < 0.05:
            arguments.append(f"**{self.expression(depth - 1)}")
        return f"{function}({', '.join(arguments)})"

    def block(self, indent: str, depth: int) -> str:
        """Return one to three statements."""
        return "".join(self.statement(indent, depth) for _ in range(self.draw.randrange(1, 4)))

    def statement(self, indent: str = "", depth: int = 2) -> str:
        """Return a statement, with what is inside it."""
        pick, name, value = self.draw.choice, self.draw.choice(NAMES), self.expression()
        simple = [
            f"{name} = {value}",
            f"{name} = {value}",
            value,
            f"{name}, *{pick(NAMES)} = {value}",
            f"{name}.{pick(ATTRIBUTES)} = {value}",
            f"{name}[{self.expression(1)}] = {value}",
            f"{name} {pick(OPERATORS)}= {value}",
            f"{name}: int = {value}",
            f"del {name}",
            f"del {name}[{self.expression(1)}]",
            f"assert {value}",
            f"raise {name}",
            "pass",
        ]
        if depth == 0 or self.draw.random() < 0.6:
            return f"{indent}{pick(simple)}\n"
        body = self.block(indent + "    ", depth - 1)
        other = self.block(indent + "    ", depth - 1)
        compound = [
            f"if {value}:\n{body}{indent}else:\n{other}",
            f"for {name} in {value}:\n{body}",
            f"for {name}, {pick(NAMES)} in enumerate({value}):\n{body}{indent}else:\n{other}",
            f"while {value}:\n{body}{indent}    {pick(['break', 'continue', 'pass'])}\n",
            f"with torch.no_grad():\n{body}",
            f"with {value} as {name}:\n{body}",
            f"try:\n{body}{indent}except Exception:\n{other}{indent}finally:\n{other}",
            f"def f(x, y={pick(NUMBERS)}, *n, images=None, **model):\n{body}{indent}    return {value}\n",
            f"@{pick(['f', 'torch.no_grad()', 'property', 'dataclass'])}\n{indent}class Net({name}):\n{body}",
            f"class Net({pick(['nn.Module', 'nn.Sequential', 'Net', 'torch.utils.data.Dataset'])}):\n"
            f"{indent}    def __init__(self, n=10):\n{indent}        super().__init__()\n"
            f"{indent}        self.fc = {self.expression()}\n{indent}        self.x = {self.expression()}\n"
            f"{indent}    def forward(self, x):\n{indent}        return self.fc({self.expression()})\n"
            f"{indent}    def __getitem__(self, n):\n{indent}        return {self.expression()}\n",
            f"match {value}:\n{indent}    case 1:\n{self.block(indent + '        ', 0)}"
            f"{indent}    case _:\n{self.block(indent + '        ', 0)}",
        ]
        return f"{indent}{pick(compound)}"

    def text(self) -> str:
        """Return the whole program."""
        head = "import torch, math, numpy, functools, collections, cv2\nfrom torch import nn\nimport torch.nn.functional as F\n"
        head += "from torchvision import datasets, transforms, models\n"
        return head + "".join(self.statement() for _ in range(self.draw.randrange(1, 12)))


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a smaller seed is no smaller program
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**64))
def test_no_program_crashes_the_reader(seed: int) -> None:
    text = Program(random.Random(seed)).text()
    ast.parse(text)
    assert all(line.startswith("program.py") for line in checked(text).unseen)
