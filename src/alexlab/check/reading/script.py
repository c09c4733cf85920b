"""Reading a whole script: its statements, then the networks and functions that it defines and does not use."""

import ast
import sys
from collections.abc import Callable
from functools import partial

from alexlab.check.graph import End
from alexlab.check.reading import calls, networks
from alexlab.check.reading.expressions import evaluate
from alexlab.check.reading.following import followed
from alexlab.check.reading.limits import GaveUp
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.reader import Frame, Language, Reader
from alexlab.check.reading.source import Source
from alexlab.check.reading.statements import assign, follow, read_module
from alexlab.check.reading.values import UNKNOWN, Class, Function, Object, Scope, Tensor, inside, layers

DEEPEST = 18_000
"""Calls of the reader within each other, for expressions that are nested thousands deep."""


def read_script(source: Source) -> tuple[Program, dict[str, Source]]:
    """Return what the script does, as far as that is known without running it, and all the files that were read."""
    reader = Reader({source.path: source}, Language(evaluate, follow, assign, calls.call))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST))
    try:
        scope = read_module(reader, source.path, main=True)
        _unused_classes(reader, scope)
        _unused_functions(reader, scope)
        _evaluation(reader, scope)
    except GaveUp:
        # what comes after decides what the events before it mean: of a part nothing is known
        reader.program.complete = False
        reader.program.events.clear()
        reader.program.graph.ends.clear()
    finally:
        sys.setrecursionlimit(limit)
    _name_layers(reader.program)
    _mark_constants(reader.program)
    return reader.program, reader.sources


def _apart(reader: Reader, scope: Scope, work: Callable[[], None], at: ast.AST) -> None:
    """Follow what the script itself does not do, in a frame of its own."""
    reader.frames.append(Frame(Scope({}, scope, scope.file)))
    try:
        followed(reader, lambda reader, node: work(), at, None)
    finally:
        reader.frames.pop()


def _unused_classes(reader: Reader, scope: Scope) -> None:
    """Build each network that nothing builds, and give it images of unknown size."""
    for value in list(scope.names.values()):
        if not isinstance(value, Class) or not value.is_network or value.place.file != scope.file:
            continue
        forward = value.find("forward")
        if not isinstance(forward, Function) and value.derives_from("torch.nn.Sequential"):
            forward = value.find("__init__")
        step = value.find("training_step")
        if not isinstance(forward, Function) and isinstance(step, Function):  # a LightningModule may have no forward
            forward = step
        if isinstance(forward, Function):
            _apart(reader, scope, partial(_used, reader, value, forward.node), forward.node)


def _used(reader: Reader, cls: Class, at: ast.AST) -> None:
    reader.unit += 1
    built = [n for n in reader.program.networks if isinstance(n, Object) and n.cls is cls]
    ran = {id(event.subject) for event in reader.program.events if event.kind == "forward"}
    if not built and not cls.made:
        built = [calls.instance(reader, cls, [], {}, at)]
    step = cls.find("training_step")
    for network in built:
        if isinstance(step, Function):  # a LightningModule: its loss is in its step
            calls.call_function(reader, step, [network, UNKNOWN, UNKNOWN], {}, at)
        elif id(network) not in ran and not _is_part(reader, network):
            answer = networks.call_network(reader, network, [reader.node("input", [], at)], {}, at)
            if isinstance(answer, Tensor):
                end = End(None, answer.node, answer.node.place, network=network, made=answer.node)
                reader.program.graph.ends.append(end)


def _is_part(reader: Reader, network: Object) -> bool:
    """Whether `network` is a block inside another one."""
    waiting = [n for n in reader.program.networks if n is not network]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        for _, part in inside(each):
            if part is network:
                return True
            waiting.append(part)
    return False


def _unused_functions(reader: Reader, scope: Scope) -> None:
    """Follow each function that nothing calls, with arguments that are not known, and what a dataset does for an image."""
    for value in list(scope.names.values()):
        if isinstance(value, Function) and not value.called and value.scope.file == scope.file:
            reader.unit += 1
            reader.grad = True
            _apart(reader, scope, partial(calls.call_function, reader, value, [], {}, value.node), value.node)
        elif isinstance(value, Class) and value.derives_from("torch.utils.data.Dataset"):
            item = value.find("__getitem__")
            if isinstance(item, Function) and not item.called:
                reader.unit += 1
                _apart(reader, scope, partial(_one_item, reader, value, item), item.node)


def _one_item(reader: Reader, dataset: Class, item: Function) -> None:
    made = calls.instance(reader, dataset, [], {}, item.node)
    calls.call_function(reader, item, [made], {}, item.node)


def _evaluation(reader: Reader, scope: Scope) -> None:
    """Run each network once more in evaluation mode, to see what stays active in it."""
    graph = reader.program.graph
    seen: set[int] = set()
    for event in list(reader.program.events):
        if event.kind != "forward" or id(event.subject) in seen or not isinstance(event.subject, Object):
            continue
        seen.add(id(event.subject))
        forward = event.subject.cls.find("forward")
        if not isinstance(forward, Function):
            continue
        nodes, ends, events = len(graph.nodes), len(graph.ends), len(reader.program.events)
        try:
            _apart(reader, scope, partial(_evaluated, reader, event, forward.node), forward.node)
        finally:
            graph.evaluation += graph.nodes[nodes:]
            del graph.nodes[nodes:], graph.ends[ends:], reader.program.events[events:]


def _evaluated(reader: Reader, event: Event, at: ast.AST) -> None:
    reader.set_mode(event.subject, False)
    reader.conditional = 0
    reader.networks.append(event.subject)
    try:
        networks.forward(reader, event.subject, list(event.detail or []), {}, at)
    finally:
        reader.networks.pop()


def _name_layers(program: Program) -> None:
    """Give each node the dotted path of its layer in its network."""
    paths: dict[int, dict[int, str]] = {}
    for node in [*program.graph.nodes, *program.graph.evaluation]:
        if node.owner is None or node.network is None:
            continue
        if id(node.network) not in paths:
            paths[id(node.network)] = {id(layer): path for path, layer in layers(node.network)}
        node.layer = paths[id(node.network)].get(id(node.owner), "")


def _mark_constants(program: Program) -> None:
    """Mark the layers whose weights the script sets to one constant, and leaves so."""
    last = {id(event.subject): event for event in program.events if event.kind == "init" and event.name != "loaded"}
    loaded = any(event.kind == "init" and event.name == "loaded" for event in program.events)
    for node in program.graph.nodes:
        event = last.get(id(node.owner))
        if event is not None and event.name == "constant" and not event.conditional and not loaded:
            node.attributes["constant"] = True
