"""Sessions of the whole process: in a module's variable, in a singleton of a module, in the state of an application."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects.origins import is_made
from flake8_poolhold.flow.interpreting import calls, expressions
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import ProcessWide
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Holder, Instance, Router, Value, holders_in, options
from flake8_poolhold.flow.naming import names

_HOLDING = (Holder, Instance)
_ENDS = ("close", "aclose", "remove", "dispose", "close_all")
"""What a shutdown does with the session of a module, which shares it with nobody."""

_SERVICES = (b"FastAPI(", b"APIRouter(", b"Flask(", b"Starlette(")
"""What a module makes that is run by a server, without any other module importing it."""


def of_module(analysis: Analysis, path: str) -> Iterator[ProcessWide]:
    """The sessions that the variables of a module hold, and that functions use."""
    module = analysis.project.module(path)
    for statement in module.body if module is not None else []:
        match statement:
            case tree.Assign(targets=[tree.Name(id=name)], value=tree.Call()):
                value = names.module_name(analysis, path, name)
                may_hold = any(isinstance(option, _HOLDING) for option in options(value))
                field = _holds(analysis, path, value) if may_hold and _used_by_functions(analysis, path, name) else None
                if field is not None:
                    where = _module_function(path, statement.span)
                    yield ProcessWide(where, statement.span, name + field, "module")
            case _:
                pass


def assigned(frame: Frame, state: State, target: tree.Expression, value: Value, span: tree.Span) -> None:
    """A function stores a session that it made in a global, or in the state of the application."""
    if frame.muted or not frame.reporting or frame.function is None:
        return
    if isinstance(target, tree.Attribute) and _is_receiver(frame, target.value):
        _kept_by_object(frame, state, target.name, value, span)
        return
    held = holders_in(value)
    if not held or not any(_is_session(frame.analysis, holder) and is_made(holder.place) for holder in held):
        return
    match target:
        case tree.Name(id=name) if name in frame.outer_names and _is_module_global(frame, name):
            event = ProcessWide(frame.function, span, name, "global")
        case tree.Attribute(value=tree.Attribute(value=owner, name="state"), name=name) if _is_app(frame, state, owner):
            event = ProcessWide(frame.function, span, f"state.{name}", "app")
        case _:
            return
    frame.analysis.events.process_wide.append(event)


def _kept_by_object(frame: Frame, state: State, field: str, value: Value, span: tree.Span) -> None:
    """An object keeps a session, or an object with one, in a field that its handlers read."""
    from flake8_poolhold.flow.effects import servers

    info = frame.function
    path = _kept_in(frame, state, value)
    if info is not None and path is not None and field in servers.fields(frame.analysis, info.owner):
        receiver = info.node.parameters[0].name
        name = ".".join((receiver, field, *path))
        frame.analysis.events.process_wide.append(ProcessWide(info, span, name, "handlers"))


def _kept_in(frame: Frame, state: State, value: Value, depth: int = 3) -> tuple[str, ...] | None:
    """The fields that lead from a value to a session which nobody passed in for one call; `None` if there is none."""
    for option in options(value):
        match option:
            case Holder(place=place) if _is_session(frame.analysis, option):
                if place.origin.how != "param" or place.path:
                    return ()
            case Instance(place=place) if depth:
                for field, held in state.heap.get(place, {}).items():
                    found = _kept_in(frame, state, held, depth - 1)
                    if found is not None:
                        return (field, *found)
            case _:
                pass
    return None


def _is_receiver(frame: Frame, expression: tree.Expression) -> bool:
    """Whether an expression is the object whose method is interpreted."""
    info = frame.function
    if info is None or not info.owner or not info.node.parameters:
        return False
    return isinstance(expression, tree.Name) and expression.id == info.node.parameters[0].name


def _is_module_global(frame: Frame, name: str) -> bool:
    return name in frame.analysis.project.binding(frame.path, name).globals


def _is_app(frame: Frame, state: State, owner: tree.Expression) -> bool:
    if isinstance(owner, tree.Attribute) and owner.name == "app":
        return True
    return isinstance(expressions.evaluate(frame, state.copy(), owner), Router)


def _is_session(analysis: Analysis, holder: Holder) -> bool:
    return "scoped" not in holder.kind and analysis.holders.classes[holder.kind].kind == "session"


def _holds(analysis: Analysis, path: str, value: Value) -> str | None:
    """How a module's value leads to a session that is made at import: empty when it is one; `None` when it does not."""
    for option in options(value):
        match option:
            case Holder(place=place) if place.origin.how == "global" and place.origin.where == path:
                if _is_session(analysis, option) and place.origin.name[:1].isdigit():
                    return ""
            case Instance(cls=cls):
                field = _made_by_constructor(analysis, cls)
                if field:
                    return f".{field}"
            case _:
                pass
    return None


def _made_by_constructor(analysis: Analysis, cls: str) -> str:
    """The field of an object that its constructor fills with a session which it makes; empty if there is none."""
    constructor = names.method(analysis, cls, "__init__")
    if constructor is None or not constructor.node.parameters:
        return ""
    for owner, fields in calls.effects_of(analysis, constructor).heap.items():
        if owner.origin.how != "param" or owner.path:
            continue
        for field, held in fields.items():
            if isinstance(held, Holder) and is_made(held.place) and _is_session(analysis, held):
                return field
    return ""


def _used_by_functions(analysis: Analysis, path: str, name: str) -> bool:
    """Whether functions of a service use the variable; a script's own session is its business."""
    index = analysis.project.index(path)
    uses = index.names.get(name, ())
    ends = [call.function for method in _ENDS for _, call in index.calls.get(method, ())]
    closed = {id(called.value) for called in ends if isinstance(called, tree.Attribute)}
    is_used = any(
        around is not None and isinstance(node, tree.Name) and id(node) not in closed for around, node in uses
    )
    if is_used and any(word in analysis.project.bytes_of(path) for word in _SERVICES):
        return True
    stem = path.removesuffix("/__init__.py").rpartition("/")[2].removesuffix(".py")
    imported = re.compile(rf"^[ \t]*(from|import)\b[^\n]*\b{re.escape(stem)}\b".encode(), re.MULTILINE)
    wanted = f"import {name}" if not is_used else stem
    return any(
        other != path and imported.search(analysis.project.bytes_of(other))
        for other in analysis.project.naming(wanted, name if not is_used else stem)
    )


def _module_function(path: str, span: tree.Span) -> FunctionInfo:
    """A module as the place of a finding."""
    node = tree.Function("<module>", [], [], None, False, False, [], span)
    return FunctionInfo(f"{path}::<module>", path, "<module>", node, "")
