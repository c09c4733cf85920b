"""What calls into Python's and PyTorch's libraries give, without calling them."""

import ast
import math
from collections.abc import Callable
from typing import Any

from alexlab.check.graph import Batch
from alexlab.check.reading import tensors, trainers
from alexlab.check.reading.limits import MOST_AXES
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.signatures import EXTERNAL_ARGUMENTS, LAYERS, OPTIMISER_ARGUMENTS
from alexlab.check.reading.values import (
    UNKNOWN,
    Function,
    Made,
    Parameter,
    Parameters,
    Tensor,
    Value,
    is_network,
    layers,
    truth,
)

CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "DataParallel")
_HARMLESS = [
    "numpy",
    "np",
    "matplotlib",
    "sklearn",
    "torchmetrics",
    "time",
    "os",
    "sys",
    "logging",
    "math",
    "random",
    "json",
    "pathlib",
    "PIL",
    "cv2",
    "wandb",
    "tqdm",
    "torchsummary",
    "torchinfo",
    "argparse",
    "datetime",
    "pandas",
    "seaborn",
    "tabulate",
    "csv",
    "pickle",
    "warnings",
    "rich",
    "torch",
    "torchvision",
    "thop",
    "fvcore",
    "ptflops",
    "print",
    "plt",
    "IPython",
    "gc",
]
_SAME_OBJECT = frozenset(
    [
        "torch.compile",
        "torch.jit.script",
        "torch.jit.trace",
        "torch.autograd.Variable",
        "torch.nn.utils.weight_norm",
        "torch.nn.utils.spectral_norm",
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
    ]
)
_REMOVED = frozenset(["torchvision.transforms.Scale", "torchvision.transforms.RandomSizedCrop"])
_OLD_KEYWORDS = frozenset(["volatile", "size_average", "reduce"])
_NEW_TENSORS = frozenset(["randn", "rand", "zeros", "ones", "empty", "full", "randint", "normal"])
_ALIASES = (
    ("torchvision.transforms.v2.", "torchvision.transforms."),
    ("torchvision.transforms.transforms.", "torchvision.transforms."),
    ("torchvision.datasets.mnist.", "torchvision.datasets."),
    ("torchvision.datasets.cifar.", "torchvision.datasets."),
    ("torchvision.datasets.folder.", "torchvision.datasets."),
    ("torch.utils.data.dataloader.", "torch.utils.data."),
    ("torch.utils.data.dataset.", "torch.utils.data."),
    ("torch.nn.parallel.DataParallel", "torch.nn.DataParallel"),
    ("torch.functional.", "torch."),
    ("torch.special.", "torch."),
)
HEADS = ("fc", "classifier", "head", "heads")


def full_name(name: str) -> str:
    """Return the name under which the rules know it: `torch.nn.modules.linear.Linear` is `torch.nn.Linear`."""
    for alias, known in _ALIASES:
        if name.startswith(alias):
            return known + name[len(alias) :]
    parts = name.split(".")
    if name.startswith("torch.nn.modules.") or (
        name.startswith("torch.optim.") and len(parts) == 4 and parts[3][0].isupper()
    ):
        return name if "lr_scheduler" in name else f"{parts[0]}.{parts[1]}.{parts[-1]}"
    return name


def called(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Return what calling the library's `name` gives."""
    name = full_name(name)
    first = arguments[0] if arguments else UNKNOWN
    if name in _REMOVED or not keywords.keys().isdisjoint(_OLD_KEYWORDS):
        reader.event("call", name, at, detail=keywords)
    if name in _SAME_OBJECT:
        return first
    if name.startswith("torch.set_default_"):
        reader.event("move", None, at, detail="other")
    if name == "torch.autograd.grad":  # goes back through the graph as `backward` does
        of = arguments[0] if arguments else None
        reader.event("backward", UNKNOWN, at, node=of.node if isinstance(of, Tensor) else None)
        return UNKNOWN
    if name.startswith("torch.nn.init."):
        return initialised(reader, name.removeprefix("torch.nn.init."), arguments, keywords, at)
    short = name.removeprefix("torch.nn.")
    if name.startswith("torch.nn.") and (
        short in LAYERS or short in CONTAINERS or (short[:1].isupper() and "." not in short)
    ):
        return _layer(reader, name, short, arguments, keywords, at)
    if name.startswith(("torch.nn.functional.", "torch.Tensor.")) or (
        name.startswith("torch.") and name.count(".") == 1
    ):
        value = _function(reader, name, name.rsplit(".", 1)[-1], arguments, keywords, at)
        if value is not None:
            return value
    if name == "torch.nn.utils.parameters_to_vector" or name.startswith("torch.nn.utils."):
        return UNKNOWN
    is_trainer, value = trainers.followed(reader, name, arguments, keywords, at)
    if is_trainer:
        return value
    known = _known(reader, name, arguments, keywords, at)
    if known is not None:
        return known
    if not name.startswith(tuple(f"{prefix}." for prefix in _HARMLESS)) and name not in _HARMLESS:
        reader.escaped([*arguments, *keywords.values()], at)
    last = name.rsplit(".", 1)[-1]
    if (
        last[:1].isupper()
        or name.startswith("torchvision.models.")
        or (name.startswith("fastai.") and last.endswith("learner"))
    ):
        return _made(reader, name, arguments, keywords, at)
    return UNKNOWN


def _made(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Made:
    parameters = EXTERNAL_ARGUMENTS.get(name, ())
    if name.startswith("torch.optim.") and "lr_scheduler" not in name:
        parameters = OPTIMISER_ARGUMENTS
    given: dict[str, Value] = {}
    for index, value in enumerate(arguments):
        given[parameters[index] if index < len(parameters) else str(index)] = value
    made = reader.keep(Made(name, {**given, **keywords}, reader.place(at)))
    given_parameters = made.arguments.get("params")
    if name.startswith("torch.optim.") and isinstance(given_parameters, Parameters):
        made.attributes["layers"] = [layer for _, layer in layers(given_parameters.network)]
        reader.births[id(made)] = tuple(reader.rounds)
    reader.program.made.append(made)
    return made


def _layer(
    reader: Reader, name: str, short: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Made:
    if short in CONTAINERS:
        made = reader.keep(Made(name, {}, reader.place(at)))
        parts: list[tuple[str, Value]] = []
        if short == "DataParallel":
            parts = [("module", arguments[0] if arguments else keywords.get("module", UNKNOWN))]
        elif len(arguments) == 1 and isinstance(arguments[0], dict):
            parts = [(str(key), value) for key, value in arguments[0].items()]
        else:
            listed = arguments
            if short == "ModuleList":
                given = arguments[0] if arguments else []
                listed = given if isinstance(given, list) else [UNKNOWN]
            parts = [(str(index), value) for index, value in enumerate(listed)]
        made.children.update(parts)
        return made
    _op, parameters = LAYERS.get(short, ("", ()))
    given = dict(zip(parameters, arguments, strict=False))
    made = reader.keep(Made(name, {**given, **keywords}, reader.place(at)))
    reader.births[id(made)] = tuple(reader.rounds)
    return made


def _function(
    reader: Reader, name: str, short: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow a function of torch or torch.nn.functional; return None where it is none on tensors."""
    first = arguments[0] if arguments else keywords.get("input", UNKNOWN)
    rest = {key: value for key, value in keywords.items() if key != "input"}
    if short in _NEW_TENSORS and name.startswith("torch."):
        if not arguments:
            first = keywords.get("size", UNKNOWN)
        sizes = first if isinstance(first, tuple | list) else tuple(arguments)
        made = reader.node("input", [], at)
        plain = (
            all(isinstance(size, int | Batch) for size in sizes)
            and bool(sizes)
            and short not in ("randint", "full", "normal")
            and len(sizes) <= MOST_AXES
        )
        made.node.shape = tuple(sizes) if plain else None
        return made
    if name in (
        "torch.tensor",
        "torch.from_numpy",
        "torch.as_tensor",
        "torch.Tensor",
        "torch.FloatTensor",
        "torch.LongTensor",
    ):
        return reader.node("input", [], at)
    if name == "torch.no_grad" or name in ("torch.inference_mode", "torch.enable_grad"):
        return Made(name, dict(zip("0", arguments, strict=False)), reader.place(at))
    if name == "torch.set_grad_enabled":
        reader.grad = truth(first if arguments else keywords.get("mode", UNKNOWN))
        return Made(name, {"0": first}, reader.place(at))
    if name == "torch.device":
        return Made(name, {"type": first if arguments else keywords.get("type", UNKNOWN)}, reader.place(at))
    if name in ("torch.save", "torch.load", "torch.manual_seed", "torch.Size", "torch.Generator"):
        return UNKNOWN
    tensorlike = isinstance(first, Tensor) or (
        isinstance(first, list | tuple) and any(isinstance(each, Tensor) for each in first)
    )
    if tensorlike or (reader.networks and (arguments or keywords)) or name.startswith("torch.nn.functional."):
        return tensors.function(reader, short, first, arguments[1:], rest, at)
    return None


def _known(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value | None:
    first = arguments[0] if arguments else UNKNOWN
    if name.startswith("torchvision.models.") or name == "timm.create_model":
        last = name.rsplit(".", 1)[-1]
        if not last[:1].islower() or last in ("list_models", "get_model_weights"):
            return UNKNOWN
        weights = keywords.get("pretrained", keywords.get("weights", arguments[0] if arguments else None))
        if weights is not None and weights is not False:
            reader.program.pretrained = True
        made = _made(reader, name, arguments, keywords, at)
        reader.program.networks.append(made)
        return made
    if name in ("numpy.argmax", "numpy.argmin") and isinstance(first, Tensor):
        return tensors.function(reader, name.removeprefix("numpy."), first, arguments[1:], keywords, at)
    if name == "cv2.imread":
        return reader.keep(
            Made(name, {**dict(zip(("0", "flags"), arguments, strict=False)), **keywords}, reader.place(at))
        )
    if name in ("cv2.resize", "cv2.flip", "cv2.GaussianBlur") or name.endswith("Image.fromarray"):
        if isinstance(first, Made) and first.name == "cv2.imread":
            if name.endswith("Image.fromarray"):
                reader.event("image", first, at)
            return first
        return UNKNOWN
    if name in ("torch.utils.data.random_split",):
        lengths = arguments[1] if len(arguments) > 1 else keywords.get("lengths")
        count = len(lengths) if isinstance(lengths, list | tuple) else 2
        return [Made("alexlab.split", {"dataset": first}, reader.place(at)) for _ in range(count)]
    if name.startswith(("tqdm", "rich.progress.track")):
        return first
    if name == "collections.OrderedDict" and isinstance(first, list):
        return {
            pair[0]: pair[1]
            for pair in first
            if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
        }
    if name == "collections.OrderedDict":
        return dict(keywords)
    if name == "functools.partial" and arguments:
        made = Made(
            name, {"0": first}, reader.place(at), {str(i): v for i, v in enumerate(arguments[1:])}, dict(keywords)
        )
        return made
    if name in ("math.floor", "math.ceil", "math.sqrt", "math.prod", "numpy.prod") and arguments:
        compute: Callable[[Any], Any] = getattr(math, name.rsplit(".", 1)[-1])
        values = first if isinstance(first, list | tuple) and name.endswith("prod") else [first]
        if any(not isinstance(value, int | float) for value in values) or len(values) > MOST_AXES:
            return UNKNOWN
        return compute(values if name.endswith("prod") else first)
    return None


def method(
    reader: Reader, made: Made, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow a method of an object of a library."""
    first = arguments[0] if arguments else UNKNOWN
    if made.name == "torch.Size":
        return UNKNOWN
    if "lr_scheduler" in made.name:
        if name == "step":
            reader.event("schedule", made, at, detail=first if arguments else keywords.get("epoch"))
        return UNKNOWN
    if made.name.startswith("torch.optim."):
        if name == "step":
            closure = first if arguments else keywords.get("closure")
            if isinstance(closure, Function):
                reader.call(closure, [], {}, at)
            reader.event("step", made, at)
        elif name == "zero_grad":
            reader.event("zero_grad", made, at)
        elif name == "add_param_group":
            made.attributes.pop("layers", None)
        return UNKNOWN
    if made.name.endswith("GradScaler"):
        if name == "scale":
            return first
        if name == "step":
            reader.event("step", first, at)
        return UNKNOWN
    if made.name.startswith("accelerate.") and name == "prepare":
        return tuple(arguments) if len(arguments) > 1 else first
    if name == "add_argument":
        reader.event("call", "argparse.add_argument", at, detail=keywords)
    if name == "backward":
        reader.event("backward", first, at, node=first.node if isinstance(first, Tensor) else None)
        return UNKNOWN
    if trainers.method(reader, made, name, arguments, keywords, at):
        return UNKNOWN
    if not made.name.startswith(tuple(f"{prefix}." for prefix in _HARMLESS)):
        reader.escaped([*arguments, *keywords.values()], at)
    if is_network(made):
        reader.escaped([made], at)
    return UNKNOWN


def initialised(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """`nn.init.name(parameter, ...)` or `parameter.name(...)`: how a layer's weights start."""
    parameter = arguments[0] if arguments else keywords.get("tensor", UNKNOWN)
    if not isinstance(parameter, Parameter) or parameter.name != "weight":
        return parameter
    constants = {"zeros_": 0.0, "zero_": 0.0, "ones_": 1.0}
    value: Value = UNKNOWN
    kind = "random"
    if name in constants:
        kind, value = "constant", constants[name]
    elif name in ("constant_", "fill_"):
        value = arguments[1] if len(arguments) > 1 else keywords.get("val", UNKNOWN)
        kind = "constant" if isinstance(value, int | float) else "random"
    elif name not in ("copy_",) and not name.endswith("_"):
        return UNKNOWN
    reader.event("init", parameter.layer, at, name=kind, detail=value)
    return parameter


def zoo(reader: Reader, network: Made, value: Value, at: ast.AST) -> Value:
    """Return the answer of a network of torchvision or timm to images.

    Only its last layer is known, and only where the script replaced it.
    """
    short = network.name.rsplit(".", 1)[-1]
    if short in ("googlenet", "inception_v3") or network.name.count(".") > 2:
        return UNKNOWN
    made = tensors.node_of(reader, "model", [value], {}, at, owner=network)
    batch = made.node.inputs[0].shape
    first = batch[0] if batch else Batch()
    for name in HEADS:
        head = network.attributes.get(name)
        if isinstance(head, Made) and head.name == f"{network.name}.{name}":
            inner = {**head.children, **{key: v for key, v in head.attributes.items() if key.isdigit()}}
            if not inner:
                continue
            head = inner[max(inner, key=lambda key: int(key) if key.isdigit() else -1)]
        if head is not None and is_network(head):
            made.node.shape = (first, None)
            return reader.call(head, [made], {}, at)
    classes = network.arguments.get("num_classes", 1000 if network.name.startswith("torchvision.") else None)
    made.node.shape = (first, classes if isinstance(classes, int) else None)
    return made
