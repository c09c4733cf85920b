"""A name that is defined nowhere, or that PyTorch does not have."""

import ast
import builtins
import difflib
import symtable
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.names import NAMES
from alexlab.check.reading.source import Source
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING
from alexlab.check.rules.written import sources

_ALWAYS = frozenset(dir(builtins)) | frozenset(
    [
        "__file__",
        "__path__",
        "__annotations__",
        "__class__",
        "__module__",
        "__qualname__",
        "__builtins__",
        "WindowsError",
    ]
)
_OF_NOTEBOOKS = frozenset(["get_ipython", "display", "In", "Out", "_", "__", "___", "_i", "_ii", "_oh", "exit", "quit"])
_MAKES_NAMES = frozenset(["exec", "globals", "locals", "vars", "eval", "execfile"])
_HANDLES = frozenset(
    ["NameError", "AttributeError", "ImportError", "ModuleNotFoundError", "Exception", "BaseException"]
)


def _find(evidence: Evidence) -> Iterator[Finding]:
    if not any(event.kind in ("forward", "loss", "backward", "step") for event in evidence.events):
        return  # a fragment, whose names are elsewhere
    for source in sources(evidence):
        guarded = _guarded(source.tree)
        for node, name, near in [*_undefined(source), *_misspelt(source.tree)]:
            if node in guarded:
                continue
            meant = Text(f": is `{near}` meant?", f"：是否指 `{near}`？") if near else Text(".", "。")
            if isinstance(node, ast.Name):
                message = Text(
                    f"nothing in this file is called `{name}`: NameError{meant.en}",
                    f"此文件中没有任何东西叫 `{name}`：NameError{meant.zh}",
                )
            else:
                message = Text(
                    f"PyTorch has no `{name}`: AttributeError{meant.en}",
                    f"PyTorch 没有 `{name}`：AttributeError{meant.zh}",
                )
            yield found(RULE.name, "error", evidence, None, message, RULE.mend, source.place(node.lineno))
    for event in evidence.events:
        if event.kind == "call" and event.subject == "torch.Tensor":
            name, near = event.detail
            message = Text(
                f"a tensor has no `{name}`: AttributeError: is `{near}` meant?",
                f"张量没有 `{name}`：AttributeError：是否指 `{near}`？",
            )
            yield found(RULE.name, "error", evidence, None, message, RULE.mend, event.place)


def _guarded(tree: ast.Module) -> set[ast.AST]:
    """Return everything that is written where the error would be caught, or where only a type checker comes."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            caught = {
                each.id for h in node.handlers if h.type for each in ast.walk(h.type) if isinstance(each, ast.Name)
            }
            if caught & _HANDLES or any(h.type is None for h in node.handlers):
                inside |= {part for statement in node.body for part in ast.walk(statement)}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside |= {part for statement in node.body for part in ast.walk(statement)}
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            inside |= set(ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            inside |= set(ast.walk(node.returns))
        elif isinstance(node, ast.Delete):
            inside |= set(ast.walk(node))
    return inside


def _undefined(source: Source) -> list[tuple[ast.expr, str, str]]:
    """Return the first use of each name that is bound nowhere where its scope would find it."""
    if any(isinstance(each, ast.ImportFrom) and each.names[0].name == "*" for each in ast.walk(source.tree)):
        return []
    names = [each for each in ast.walk(source.tree) if isinstance(each, ast.Name)]
    if any(each.id in _MAKES_NAMES for each in names if source.cells == () or each.id != "eval"):
        return []
    if source.cells and ("%run" in source.text or "pylab" in source.text or "%load" in source.text):
        return []
    try:
        top = symtable.symtable(source.text, source.path, "exec")
    except (SyntaxError, ValueError, RecursionError):
        return []
    known = set(_ALWAYS) | (_OF_NOTEBOOKS if source.cells else set())
    tables, waiting = [], [top]
    while waiting:
        table = waiting.pop()
        tables.append(table)
        waiting += table.get_children()
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            known.add(symbol.get_name())
    for table in tables:
        known |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
    wanted: set[str] = set()
    for table in tables:
        for symbol in table.get_symbols():
            free = symbol.is_global() or (table is top and not symbol.is_assigned() and not symbol.is_imported())
            if free and symbol.is_referenced() and symbol.get_name() not in known:
                wanted.add(symbol.get_name())
    local = {s.get_name() for table in tables for s in table.get_symbols() if s.is_local() or s.is_parameter()}
    undefined: list[tuple[ast.expr, str, str]] = []
    for name in sorted(wanted):
        uses = [each for each in names if each.id == name and isinstance(each.ctx, ast.Load)]
        if uses and name not in local:  # bound elsewhere: which use is meant takes a scope for each
            near = difflib.get_close_matches(name, [each for each in known | local if len(each) > 1], 1, 0.75)
            undefined.append((min(uses, key=lambda each: each.lineno), name, near[0] if near else ""))
    return undefined


def _misspelt(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.ImportFrom, str, str]]:
    """Yield names of PyTorch's modules that they do not have, where one that they have is near."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(
                {
                    (a.asname or a.name.partition(".")[0]): (a.name if a.asname else a.name.partition(".")[0])
                    for a in node.names
                }
            )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.update({(a.asname or a.name): f"{node.module}.{a.name}" for a in node.names})
            for alias in node.names:
                near = _near(node.module, alias.name)
                if near:
                    yield node, f"{node.module}.{alias.name}", near
    bound = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            written = ast.unparse(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else ""
            first, _, rest = written.partition(".")
            if first not in modules or first in bound:
                continue
            module = ".".join(filter(None, (modules[first], rest)))
            near = _near(module, node.attr)
            if near and (full := f"{module}.{node.attr}") not in seen:
                seen.add(full)
                yield node, full, near


def _near(module: str, name: str) -> str:
    """Return the name of `module` that is meant by one that it does not have; "" where there is none near."""
    known = NAMES.get(module)
    if known is None or name in known or name.startswith("_") or name == "*":
        return ""
    same = [each for each in known if each.lower() == name.lower()]
    same += [each for each in known if each.removesuffix("Loss").lower() == name.lower()]
    return next(iter([*same, *difflib.get_close_matches(name, known, 1, 0.85)]), "")


RULE = Rule(
    name="undefined-name",
    title=Text("a name that does not exist", "不存在的名字"),
    why=Text(
        "Python looks a name up when it comes to the line, which may be after an epoch. A name that is bound nowhere, a "
        "missing import or a slip in a name of PyTorch stops the training there.",
        "Python 执行到那一行才查找名字，可能已经过了一个 epoch。到处都没有定义的名字、漏掉的导入、写错的 PyTorch 名字，会让训练停在那里。",
    ),
    mend=Text("write the name that is meant, or import it.", "写成所指的名字，或导入它。"),
    find=_find,
    bad=TRAINING.replace("(network(images), labels)", "(network(images), label)"),
    good=TRAINING,
)
