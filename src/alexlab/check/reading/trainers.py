"""Trainers of libraries, as the steps that they take: a pass, a loss, a backward pass and a step for each batch, then the evaluation."""

import ast
from collections.abc import Callable

from alexlab.check.reading import iteration, tensors
from alexlab.check.reading.program import Round
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.values import UNKNOWN, Function, Made, Object, Tensor, Value, is_network

CROSS_ENTROPY = "torch.nn.CrossEntropyLoss"


def followed(
    reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> tuple[bool, Value]:
    """Return whether a library's function is known to train or evaluate or to load what is trained on, and what it gives."""
    known = _KNOWN.get(name.rpartition(".")[2]) if name.startswith(("d2l.", "ignite.")) else None
    return (False, UNKNOWN) if known is None else (True, known(reader, arguments, keywords, at))


def passes(reader: Reader, loader: Value, at: ast.AST, step: Callable[[Value], None]) -> None:
    """Follow two batches of a loader."""
    reader.loops += 1
    number = reader.loops
    for count in (0, 1):
        reader.rounds.append(Round(number, count, loader, reader.place(at)))
        try:
            step(iteration.sample(reader, loader, at))
        finally:
            reader.rounds.pop()


def trained(reader: Reader, network: Value, loader: Value, loss: Value, optimiser: Value, at: ast.AST) -> None:
    """Follow a training with supervision: its steps take images and labels of a loader."""

    def step(batch: Value) -> None:
        images, labels = iteration.unpacked(batch, _TWO)
        reader.event("zero_grad", optimiser, at)
        answer = reader.call(network, [images], {}, at)
        figure = reader.call(loss, [answer, labels], {}, at)
        if isinstance(figure, Tensor):
            reader.event("backward", figure, at, node=figure.node)
        else:
            reader.event("backward", UNKNOWN, at)
        reader.event("step", optimiser, at)

    reader.set_mode(network, True)
    passes(reader, loader, at, step)


def evaluated(reader: Reader, network: Value, loader: Value, at: ast.AST) -> None:
    """Follow an evaluation as the libraries do it: in its mode, without gradients."""

    def step(batch: Value) -> None:
        images, _ = iteration.unpacked(batch, _TWO)
        answer = reader.call(network, [images], {}, at)
        if isinstance(answer, Tensor):
            tensors.function(reader, "argmax", answer, [1], {}, at)

    grad, reader.grad = reader.grad, False
    try:
        reader.set_mode(network, False)
        passes(reader, loader, at, step)
    finally:
        reader.grad = grad


_TWO: list[ast.expr] = [ast.Name("images"), ast.Name("labels")]


def _both(
    reader: Reader, network: Value, loader: Value, test: Value, loss: Value, optimiser: Value, at: ast.AST
) -> None:
    reader.event("move", network, at, detail="other")
    trained(reader, network, loader, loss, optimiser, at)
    evaluated(reader, network, test, at)


def _given(arguments: list[Value], keywords: dict[str, Value], *names: str) -> list[Value]:
    return [keywords.get(name, arguments[i] if i < len(arguments) else UNKNOWN) for i, name in enumerate(names)]


def _train_ch6(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    network, loader, test = _given(arguments, keywords, "net", "train_iter", "test_iter")
    loss = Made(CROSS_ENTROPY, {}, reader.place(at))
    _both(reader, network, loader, test, loss, UNKNOWN, at)
    return None


def _train_ch3(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    names = ("net", "train_iter", "test_iter", "loss", "num_epochs", "updater")
    network, loader, test, loss, _, optimiser = _given(arguments, keywords, *names)
    _both(reader, network, loader, test, loss, optimiser, at)
    return None


def _train_ch13(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    network, loader, test, loss, optimiser = _given(
        arguments, keywords, "net", "train_iter", "test_iter", "loss", "trainer"
    )
    _both(reader, network, loader, test, loss, optimiser, at)
    return None


def _fashion_mnist(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    size, resize = _given(arguments, keywords, "batch_size", "resize")
    place = reader.place(at)
    parts: list[Value] = [Made("torchvision.transforms.ToTensor", {}, place)]
    if resize is not UNKNOWN and resize is not None:
        parts.insert(0, Made("torchvision.transforms.Resize", {"size": resize}, place))
    transform = Made("torchvision.transforms.Compose", {"transforms": parts}, place)
    loaders = []
    for train in (True, False):
        images = {"root": "../data", "train": train, "transform": transform, "download": True}
        dataset = Made("torchvision.datasets.FashionMNIST", images, place)
        given = {"dataset": dataset, "batch_size": size, "shuffle": train}
        loaders.append(reader.keep(Made("torch.utils.data.DataLoader", given, place)))
    reader.program.made += loaders
    return tuple(loaders)


def _trainer(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    network, optimiser, loss = _given(arguments, keywords, "model", "optimizer", "loss_fn")
    return Made("ignite.Trainer", {"model": network, "optimizer": optimiser, "loss_fn": loss}, reader.place(at))


def _evaluator(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    (network,) = _given(arguments, keywords, "model")
    return Made("ignite.Evaluator", {"model": network}, reader.place(at))


def _engine(reader: Reader, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    (step,) = _given(arguments, keywords, "process_function")
    return Made("ignite.Engine", {"step": step}, reader.place(at))


_KNOWN: dict[str, Callable[[Reader, list[Value], dict[str, Value], ast.AST], Value]] = {
    "train_ch6": _train_ch6,
    "train_ch3": _train_ch3,
    "train_ch13": _train_ch13,
    "load_data_fashion_mnist": _fashion_mnist,
    "try_gpu": lambda reader, arguments, keywords, at: UNKNOWN,
    "try_all_gpus": lambda reader, arguments, keywords, at: UNKNOWN,
    "create_supervised_trainer": _trainer,
    "create_supervised_evaluator": _evaluator,
    "Engine": _engine,
}


def method(
    reader: Reader, made: Made, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> bool:
    """Follow a method that trains or evaluates; return whether it is one."""
    first = arguments[0] if arguments else keywords.get("data", UNKNOWN)
    given = made.arguments
    if made.name == "ignite.Trainer" and name == "run":
        reader.event("move", given["model"], at, detail="other")
        trained(reader, given["model"], first, given["loss_fn"], given["optimizer"], at)
    elif made.name == "ignite.Evaluator" and name == "run":
        evaluated(reader, given["model"], first, at)
    elif made.name == "ignite.Engine" and name == "run" and isinstance(given["step"], Function):
        passes(reader, first, at, lambda batch: _none(reader.call(given["step"], [made, batch], {}, at)))
    elif made.name.startswith("ignite.") and name == "on":
        return False
    elif made.name.endswith(".Trainer") and name in ("fit", "test", "validate") and _is_lightning(arguments, keywords):
        _lightning(reader, name, arguments, keywords, at)
    elif made.name.startswith("fastai.") and made.name.endswith("earner") and name.startswith(("fit", "fine_tune")):
        network = given.get("model", given.get("1", UNKNOWN))
        if is_network(network):
            trained(reader, network, UNKNOWN, given.get("loss_func", UNKNOWN), UNKNOWN, at)
        else:
            reader.event("backward", UNKNOWN, at)
            reader.event("step", UNKNOWN, at)
    else:
        return False
    return True


def _none(value: Value) -> None:
    """Let go of what a step gives."""


def _is_lightning(arguments: list[Value], keywords: dict[str, Value]) -> bool:
    network = keywords.get("model", arguments[0] if arguments else None)
    return isinstance(network, Object) and isinstance(network.cls.find("training_step"), Function)


def _lightning(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> None:
    """Follow what a Trainer of Lightning does with a module: its optimisers, its training steps, its validation."""
    network = keywords.get("model", arguments[0] if arguments else UNKNOWN)
    assert isinstance(network, Object)
    loader = keywords.get("train_dataloaders", arguments[1] if len(arguments) > 1 else None)
    checked = keywords.get("val_dataloaders", arguments[2] if len(arguments) > 2 else None)
    reader.event("move", network, at, detail="other")

    def own(method: str, *given: Value) -> Value:
        function = network.cls.find(method)
        return reader.call(function, [network, *given], {}, at) if isinstance(function, Function) else UNKNOWN

    def step(batch: Value) -> None:
        moved(batch)
        loss = own("training_step", batch, UNKNOWN)
        figure = loss.get("loss", UNKNOWN) if isinstance(loss, dict) else loss
        reader.event("backward", figure, at, node=figure.node if isinstance(figure, Tensor) else None)
        reader.event("step", optimiser, at)
        reader.event("zero_grad", optimiser, at)

    def moved(batch: Value) -> None:
        for each in batch if isinstance(batch, tuple) else ():
            if isinstance(each, Tensor):
                each.node.attributes["device"] = "other"

    if name == "fit":
        optimiser = own("configure_optimizers")
        if not isinstance(optimiser, Made):
            optimiser = UNKNOWN
        reader.set_mode(network, True)
        passes(reader, own("train_dataloader") if loader is None else loader, at, step)
        _validated(reader, own, "validation_step", own("val_dataloader") if checked is None else checked, network, at)
    else:
        of = "test_step" if name == "test" else "validation_step"
        _validated(reader, own, of, UNKNOWN if loader is None else loader, network, at)


def _validated(
    reader: Reader, own: Callable[..., Value], step: str, loader: Value, network: Object, at: ast.AST
) -> None:
    grad, reader.grad = reader.grad, False
    try:
        reader.set_mode(network, False)
        passes(reader, loader, at, lambda batch: _none(own(step, batch, UNKNOWN)))
    finally:
        reader.grad = grad
        reader.set_mode(network, True)
