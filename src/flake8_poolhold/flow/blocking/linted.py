"""What ruff's ASYNC2xx and flake8-async already say about a blocking call that stands in the `async def` itself.

They know HTTP calls by the name of the function, and the methods of an `httpx.Client` on a variable that is bound once,
in the same file and for everybody to see. A test compares this with what the installed ruff says.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, Blocking, Frame
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.naming import names

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_FUNCTIONS = frozenset(
    {"urllib.request.urlopen", "urllib3.request"}
    | {f"{library}.{verb}" for library in ("requests", "httpx") for verb in _VERBS}
)
"""ASYNC210."""

_CLIENT = "httpx.Client"
_METHODS = frozenset(f"{_CLIENT}.{name}" for name in _VERBS | {"send", "stream"})
"""ASYNC212."""


def is_linted(analysis: Analysis, event: Blocking) -> bool:
    """Whether those linters report the call too."""
    if len(event.block.steps) > 1 or event.block.path not in _FUNCTIONS | _METHODS:
        return False
    frame = names.module_frame(analysis, event.function.path)
    body = event.function.node.body
    calls = (node for node in tree.walk(body) if isinstance(node, tree.Call) and node.span == event.span)
    match next(calls, None):
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name))) if event.block.path in _METHODS:
            return _is_client(frame, event.function.node, name)
        case tree.Call(function=tree.Name(id=name)):
            return event.block.path in _FUNCTIONS and not list(_bindings(frame, body, name))
        case tree.Call(function=tree.Attribute()):
            return event.block.path in _FUNCTIONS
        case _:
            return False


def _is_client(frame: Frame, function: tree.Function, name: str) -> bool:
    for parameter in function.parameters:
        if parameter.name == name:
            return parameter.annotation is not None and _is_client_type(frame, parameter.annotation)
    bound = list(_bindings(frame, function.body, name))
    if not bound:
        module = frame.analysis.project.module(frame.path)
        bound = list(_bindings(frame, module.body, name)) if module is not None else []
    return len(bound) == 1 and bound[0]


def _bindings(frame: Frame, body: list[tree.Statement], name: str) -> Iterator[bool]:
    """For each binding of a variable in a body: whether it shows an `httpx.Client`."""
    for statement in statements(body):
        match statement:
            case tree.Assign(targets=targets, value=value, annotation=annotation):
                for target in targets:
                    if isinstance(target, tree.Sequence):
                        parts = value.items if isinstance(value, tree.Sequence) else [None] * len(target.items)
                        yield from (
                            _makes_client(frame, part)
                            for item, part in zip(target.items, parts, strict=False)
                            if _is_name(item, name)
                        )
                    elif _is_name(target, name):
                        yield _is_client_type(frame, annotation) if annotation else _makes_client(frame, value)
            case tree.With(items=items):
                yield from (_makes_client(frame, item.value) for item in items if _is_name(item.target, name))
            case tree.For(target=target) if _is_name(target, name):
                yield False
    for node in tree.walk(body):
        if isinstance(node, tree.Walrus) and _is_name(node.target, name):
            yield _makes_client(frame, node.value)


def _is_name(target: tree.Expression | None, name: str) -> bool:
    return isinstance(target, tree.Name) and target.id == name


def _makes_client(frame: Frame, value: tree.Expression | None) -> bool:
    return isinstance(value, tree.Call) and _names_client(frame, value.function)


def _is_client_type(frame: Frame, annotation: tree.Expression) -> bool:
    match annotation:
        case tree.Either(parts=parts):
            return any(_is_client_type(frame, part) for part in parts)
        case tree.Subscript(value=tree.Name(id="Optional" | "Union"), index=index):
            return _is_client_type(frame, index)
        case tree.Sequence(items=items):
            return any(_is_client_type(frame, item) for item in items)
        case _:
            return _names_client(frame, annotation)


def _names_client(frame: Frame, expression: tree.Expression) -> bool:
    is_name = isinstance(expression, tree.Name | tree.Attribute)
    return is_name and names.library_name(expressions.evaluate(frame, State(), expression)) == _CLIENT
