"""Every message that the code can give a person, as a template: read from the syntax, not run.

A field of an f-string stands as ``{its source}``; constants, local names and functions of the same
file are followed to their texts.
"""

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOTS = ("lambdas", "ops", "stacks", "local")
MOST_WAYS = 24
"""Of one message, through the branches of its expression."""
DEEPEST = 3
"""Functions within functions that are followed."""

OUTCOMES = {"wrong", "warning", "not_asked", "not_measured", "exempt", "remark"}
_OF_KEYWORDS = {"findings": "wrong", "warnings": "warning"}
_OF_STATUSES = {"UNMEASURED": "not_measured", "EXEMPT": "exempt", "WRONG": "remark", "OK": "remark"}
_ANSWERS = {"warning", "blocked"}
_JUDGES = {"_not_atomic"}
"""Functions that tell faults under another name."""
_LISTS = {"faults", "_faults", "message", "unknown"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Message:
    """``kind``: an error's class, a way of an outcome, ``fault``, ``status`` or ``preflight``."""

    kind: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.kind}: {self.text}"


class Module:
    """One file, with what its names stand for."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.tree = ast.parse(text)
        self.functions = {
            node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)
        }
        self.constants: dict[str, ast.expr] = {}
        self.imported: dict[str, str] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = node.module

    def classes(self) -> Iterator[ast.ClassDef]:
        """Those that it defines."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


@cache
def modules() -> dict[str, Module]:
    """By their dotted names."""
    found = {}
    for root in ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    return found


@cache
def error_classes() -> frozenset[str]:
    """The names of the exceptions that the code defines."""
    known = {"Exception", "RuntimeError", "ValueError"}
    while True:
        found = {
            defined.name
            for module in modules().values()
            for defined in module.classes()
            if any(isinstance(base, ast.Name) and base.id in known for base in defined.bases)
        }
        if found <= known:
            return frozenset(found)
        known |= found


@dataclass(frozen=True)
class Scope:
    """Where an expression stands."""

    module: Module
    function: Function | None
    depth: int = 0

    def within(self, function: Function) -> "Scope":
        """In a function that is called from here."""
        return Scope(self.module, function, self.depth + 1)


def texts_of(node: ast.expr, scope: Scope) -> list[str]:
    """What an expression may read, one text for each way through it."""
    return list(dict.fromkeys(_texts_of(node, scope)))[:MOST_WAYS]


def _texts_of(node: ast.expr, scope: Scope) -> list[str]:
    match node:
        case ast.Constant(value=str() as text):
            found = [text]
        case ast.JoinedStr(values=parts):
            found = _joined([texts_of(part, scope) for part in parts])
        case ast.FormattedValue(value=value):
            found = texts_of(value, scope)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = _joined([texts_of(left, scope), texts_of(right, scope)])
        case ast.IfExp(body=body, orelse=orelse):
            found = texts_of(body, scope) + texts_of(orelse, scope)
        case ast.BoolOp(op=ast.Or(), values=values):
            found = [text for value in values for text in texts_of(value, scope)]
        case ast.Name(id=name):
            found = _of_name(name, scope)
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            found = texts_of(template, scope)
        case (
            ast.Call(func=ast.Name(id=name))
            | ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name))
        ) if name in scope.module.functions and scope.depth < DEEPEST:
            found = _of_function(node, scope.module.functions[name], scope)
        case _:
            found = [f"{{{ast.unparse(node)}}}"]
    return found


def _joined(parts: Sequence[list[str]]) -> list[str]:
    return ["".join(way) for way in itertools.islice(itertools.product(*parts), MOST_WAYS)]


def _of_name(name: str, scope: Scope) -> list[str]:
    field = [f"{{{name}}}"]
    if scope.depth > DEEPEST:
        return field
    if scope.function is not None:
        deeper = scope.within(scope.function)
        given = [value for found, value in _assigned(scope.function) if found == name]
        if given:
            return [text for value in given for text in texts_of(value, deeper)]
        if name in _parameters(scope.function):
            return field
    if name in scope.module.constants:
        return _constant(scope.module, name) or field
    home = modules().get(scope.module.imported.get(name, ""))
    return (_constant(home, name) if home else []) or field


def _parameters(function: Function) -> set[str]:
    return {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}


def _constant(module: Module, name: str) -> list[str]:
    value = module.constants.get(name)
    if isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
        return texts_of(value, Scope(module, None))
    return []


def _assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _of_function(node: ast.expr, function: Function, scope: Scope) -> list[str]:
    returned = [
        found.value
        for found in ast.walk(function)
        if isinstance(found, ast.Return) and found.value is not None
    ]
    texts = [text for value in returned for text in texts_of(value, scope.within(function))]
    return texts or [f"{{{ast.unparse(node)}}}"]


def messages_of(module: Module) -> Iterator[Message]:
    """Every message of a file."""
    yield from _visit(module.tree, Scope(module, None))


@cache
def messages() -> tuple[Message, ...]:
    """Every message of the code."""
    found = (message for module in modules().values() for message in messages_of(module))
    return tuple(dict.fromkeys(found))


def _visit(node: ast.AST, scope: Scope) -> Iterator[Message]:
    inner = Scope(scope.module, node) if isinstance(node, Function) else scope
    for kind, value in _given(node, inner):
        for text in texts_of(value, inner):
            yield Message(kind, scope.module.name, value.lineno, text)
    for child in ast.iter_child_nodes(node):
        yield from _visit(child, inner)


def _given(node: ast.AST, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    """The expressions that stand at this node for a message, with its kind."""
    name = scope.function.name if scope.function is not None else ""
    match node:
        case ast.Call(func=ast.Name(id=called)):
            yield from _of_call(called, node)
        case ast.Call(func=ast.Attribute(value=receiver, attr=called), args=[value, *_]):
            yield from _of_method(ast.unparse(receiver), called, value, node)
        case ast.Assign(targets=[ast.Name(id="faults")], value=ast.ListComp(elt=value)):
            yield "fault", value
        case _ if "fault" in name or "contradict" in name or name in _JUDGES:
            yield from (("fault", value) for value in _faults(node))


def _of_method(
    receiver: str, called: str, value: ast.expr, node: ast.Call
) -> Iterator[tuple[str, ast.expr]]:
    if called in OUTCOMES and "logger" not in receiver:
        yield called, value
    elif called == "violation":
        remedy = [keyword.value for keyword in node.keywords if keyword.arg == "remedy"]
        yield "violation", _together([value, *remedy])
    elif called == "append" and receiver.rpartition(".")[2] in _LISTS:
        yield "fault", value


def _faults(node: ast.AST) -> list[ast.expr]:
    """Those that a statement of a judging function tells."""
    match node:
        case ast.Return(value=ast.List(elts=values)) | ast.AugAssign(value=ast.List(elts=values)):
            return values
        case ast.Return(value=ast.ListComp(elt=value)) | ast.Yield(value=ast.expr() as value):
            return [value]
        case ast.Assign(targets=[ast.Name(id="message")], value=ast.Tuple(elts=rows)):
            return [row.elts[0] for row in rows if isinstance(row, ast.Tuple)]
    return []


def _of_call(called: str, node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    if called in error_classes() and node.args:
        yield from ((called, value) for value in _elements(node))
    elif called == "Observation" and "FAILED" in ast.unparse(node.args[0]):
        yield "status", node.args[1]
    elif called == "Measurement" and len(node.args) > 1:
        status = ast.unparse(node.args[1]).rpartition(".")[2]
        for keyword in node.keywords:
            kind = _OF_KEYWORDS.get(keyword.arg or "")
            kind = _OF_STATUSES.get(status) if keyword.arg == "notes" else kind
            if kind and isinstance(keyword.value, ast.Tuple):
                yield from ((kind, value) for value in keyword.value.elts)
    elif called in _ANSWERS and len(node.args) == 3:
        yield "preflight", _together(node.args)


def _elements(node: ast.Call) -> Iterable[ast.expr]:
    match node.args[0]:
        case ast.List(elts=values):
            return values
        case ast.ListComp(elt=value):
            return [value]
    return [_together(node.args) if len(node.args) > 1 else node.args[0]]


def _together(values: Sequence[ast.expr]) -> ast.expr:
    """One expression that reads ``a; b; c``."""
    joined = values[0]
    for value in values[1:]:
        middle = ast.copy_location(ast.Constant("; "), value)
        joined = ast.copy_location(ast.BinOp(joined, ast.Add(), middle), values[0])
        joined = ast.copy_location(ast.BinOp(joined, ast.Add(), value), values[0])
    return joined
