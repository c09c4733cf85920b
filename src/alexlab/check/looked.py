"""What a check looked at: networks, trainings, evaluations and loaders; and what a script is in which there is nothing of these."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from alexlab.check.finding import Language, Place, Text
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.signatures import LAYERS, WEIGHTED
from alexlab.check.reading.source import Source
from alexlab.check.reading.values import Made, Object, Value, is_network

Kind = Literal["network", "training", "evaluation", "loader"]

KINDS: dict[Kind, Text] = {
    "network": Text("network", "网络"),
    "training": Text("training", "训练"),
    "evaluation": Text("evaluation", "评估"),
    "loader": Text("loader", "数据加载器"),
}
OTHERS = {
    "keras": "Keras",
    "tensorflow.keras": "Keras",
    "tf_keras": "Keras",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "flax": "JAX (Flax)",
    "haiku": "JAX (Haiku)",
    "equinox": "JAX (Equinox)",
    "paddle": "PaddlePaddle",
    "mindspore": "MindSpore",
    "mxnet": "MXNet",
    "chainer": "Chainer",
    "theano": "Theano",
    "caffe": "Caffe",
    "caffe2": "Caffe2",
    "tinygrad": "tinygrad",
    "mlx": "MLX",
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
}
"""What else a script may be written for, by the module that it imports."""
PYTORCH = ("torch", "torchvision", "timm", "lightning", "pytorch_lightning", "fastai", "ignite", "accelerate")


@dataclass(frozen=True)
class Part:
    """One thing that was looked at: its kind, its name ("" where it has none), and where it is."""

    kind: Kind
    name: str = ""
    place: Place | None = None

    def in_(self, language: Language) -> str:
        """Return it in words: "training in train (train.py:21)"."""
        kind, place = KINDS[self.kind].in_(language), f" ({self.place})" if self.place else ""
        if self.kind in ("training", "evaluation") and self.name:
            return f"{kind} in {self.name}{place}" if language == "en" else f"{self.name} 中的{kind}{place}"
        return f"{kind} {self.name}".rstrip() + place


def parts_of(program: Program, sources: dict[str, Source]) -> tuple[Part, ...]:
    """Return what was read of a script, each once: its networks, trainings, evaluations and loaders, each by line."""
    if not program.complete:
        return ()
    events, ends = program.events, program.graph.ends
    called = [event.subject for event in events if event.kind == "forward"] + [end.network for end in ends]
    networks = [Part("network", _name(each, sources), _made_at(each)) for each in called if _is_whole(each)]
    training: dict[object, Part] = {}
    for event in events:
        if event.kind in ("backward", "step"):
            training.setdefault(
                event.rounds[-1].place if event.rounds else event.unit, _around("training", event, sources)
            )
    for end in ends:  # a network of Lightning has no more than its loss
        if not training and end.loss is not None and end.place and end.answer.training is not False:
            training[0] = Part("training", _function_around(end.place, sources), end.place)
    evaluations = [
        _around("evaluation", event, sources)
        for event in events
        if event.kind == "forward" and (event.training is False or event.grad is False)
    ]
    loaders = [
        Part("loader", _assigned(made.place, sources), made.place)
        for made in program.made
        if isinstance(made, Made) and made.name == "torch.utils.data.DataLoader"
    ]
    return tuple(dict.fromkeys([*networks, *training.values(), *evaluations, *loaders]))


def places_lost(program: Program) -> tuple[Place, ...]:
    """Return the lines that could not be followed: where reading failed, and where a network goes to code that is not read."""
    given = [event.place for event in program.events if event.kind == "escape" and is_network(event.subject)]
    return tuple(sorted({*program.lost, *given}, key=lambda place: (place.file, place.cell or 0, place.line)))


def _is_whole(network: Value) -> bool:
    """Return whether a value is a network, or a layer with weights; an activation is none."""
    if isinstance(network, Made) and (short := network.name.removeprefix("torch.nn.")) in LAYERS:
        return LAYERS[short][0] in WEIGHTED
    return is_network(network)


def _name(network: Value, sources: dict[str, Source]) -> str:
    if isinstance(network, Object):
        return network.cls.name
    return _assigned(network.place, sources) or network.name.rpartition(".")[2]


def _made_at(network: Value) -> Place | None:
    place: Place | None = network.cls.place if isinstance(network, Object) else network.place
    return place


def _around(kind: Kind, event: Event, sources: dict[str, Source]) -> Part:
    """Return the innermost loop around an event, or the event's own line."""
    place = event.rounds[-1].place if event.rounds else event.place
    return Part(kind, _function_around(place, sources), place)


def _source(place: Place | None, sources: dict[str, Source]) -> Source | None:
    return sources.get(place.file) if place else None


def _nodes_at(place: Place, sources: dict[str, Source]) -> Iterator[ast.AST]:
    source = _source(place, sources)
    for node in ast.walk(source.tree) if source else ():
        if hasattr(node, "lineno") and source and source.place(node.lineno) == place:
            yield node


def _assigned(place: Place | None, sources: dict[str, Source]) -> str:
    """Return the name that what stands at `place` is given; "" where it is given none, or several."""
    for node in _nodes_at(place, sources) if place else ():
        if (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name | ast.Attribute)
        ):
            return ast.unparse(node.targets[0])
    return ""


def _function_around(place: Place, sources: dict[str, Source]) -> str:
    """Return the innermost function of the script that a line is in; "" where it is in none."""
    source, name, first = _source(place, sources), "", 0
    for node in ast.walk(source.tree) if source else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and source:
            start, end = source.place(node.lineno), source.place(node.end_lineno or node.lineno)
            if start.cell == place.cell and start.line <= place.line <= end.line and start.line >= first:
                name, first = node.name, start.line
    return name


def nothing_in(sources: dict[str, Source], path: str) -> Text:
    """Return what a script is in which no network and no training was found."""
    source = sources[path]
    if not any(not _is_text(node) for node in source.tree.body):
        return Text(f"{path} is empty.", f"{path} 是空的。")
    imported = [(name, source.place(line)) for name, line in _imports(source.tree)]
    torch = next((each for each in imported if each[0].partition(".")[0] in PYTORCH), None)
    others = [
        (what, place)
        for known, what in OTHERS.items()
        for name, place in imported
        if f"{name}.".startswith(f"{known}.")
    ]
    if torch is None and others:
        what, place = others[0]
        return Text(f"this is {what} ({place}).", f"这是 {what}（{place}）。")
    if torch is None:
        return Text(
            f"{path} is Python that imports nothing of PyTorch.",
            f"{path} 是普通的 Python，没有导入任何 PyTorch 的内容。",
        )
    return Text(
        f"{path} imports PyTorch ({torch[1]}), but no network that is called and no training were found in it. Of a network that it makes "
        f"and does not call, say `alexlab check {path}:NAME --input CxHxW`.",
        f"{path} 导入了 PyTorch（{torch[1]}），但没有找到被调用的网络，也没有找到训练。如果它只是建立网络而不调用，请用 "
        f"`alexlab check {path}:NAME --input CxHxW`。",
    )


def _is_text(node: ast.stmt) -> bool:
    """Return whether a statement says nothing: a text, `...` or `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what each import names, in full, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
