"""Functions around which a decorator gives each run a session of its own, out of a registry.

The registry asks a context variable whose session is meant, and the decorator sets that to what is never seen again:
whoever calls the function, its session is new.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo, Hold
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Factory, FunctionOf, Value
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing import lazies
from flake8_poolhold.flow.releasing.habits import STARTS_TASKS, name_of
from flake8_poolhold.flow.releasing.naming import made_at
from flake8_poolhold.flow.releasing.surroundings import Surroundings, binds

_MANAGERS = ("contextlib.contextmanager", "contextlib.asynccontextmanager")
_NEW = ("uuid.uuid1", "uuid.uuid4")
_BESIDE = STARTS_TASKS | {"TaskGroup", "create_task_group", "gather", "run_sync", "to_thread"}


def is_own(analysis: Analysis, hold: Hold, around: Surroundings) -> bool:
    """Whether the session of a hold belongs to this run of its function, and all that has used it was seen."""
    place, function = hold.place, hold.function
    if place.origin.how != "global" or place.path or analysis.kinds.get(place) != "async_scoped_session":
        return False
    path = place.origin.where
    found = made_at(analysis, path, place.origin.name)
    if found is None or function.node.is_generator or not function.node.is_async or not function.node.decorators:
        return False
    registry, made = found
    key = _key(analysis, path, made)
    wrapper = _called(analysis, function.path, function.node.decorators[-1], path)
    if not key or wrapper is None or not _makes_new(analysis, path, made):
        return False
    manager = _entered(analysis, wrapper)
    if manager is None or not _sets_new(analysis, manager, key, registry):
        return False
    return _stays(analysis, function, _before(hold, around), key, manager, registry)


def _called(analysis: Analysis, path: str, name: tree.Expression, where: str) -> FunctionInfo | None:
    """The function of the file `where` that a name in the file `path` means."""
    value = _value(analysis, path, name)
    info = analysis.functions.get(value.function) if isinstance(value, FunctionOf) else None
    return info if info is not None and info.path == where else None


def _value(analysis: Analysis, path: str, expression: tree.Expression) -> Value:
    return expressions.evaluate(names.module_frame(analysis, path), State(), expression)


def _argument(call: tree.Call, position: int, keyword: str) -> tree.Expression | None:
    if any(one.star for one in call.arguments):
        return None
    positional = [one.value for one in call.arguments if one.keyword is None]
    named = [one.value for one in call.arguments if one.keyword == keyword]
    return next(iter(named + positional[position : position + 1]), None)


def _makes_new(analysis: Analysis, path: str, made: tree.Call) -> bool:
    """Whether a registry has its sessions from a maker of sessions."""
    factory = _argument(made, 0, "session_factory")
    value = _value(analysis, path, factory) if factory is not None else None
    return isinstance(value, Factory) and not value.declared


def _key(analysis: Analysis, path: str, made: tree.Call) -> str:
    """The context variable that a registry asks; empty where it asks anything else."""
    asked = _argument(made, 1, "scopefunc")
    match asked:
        case tree.Name():
            info = _called(analysis, path, asked, path)
            body = _code(info.node.body) if info is not None and not info.node.decorators else []
        case tree.Lambda(function=function):
            body = function.body
        case tree.Attribute(name="get"):
            body = [tree.Return(tree.Call(asked, [], asked.span), asked.span)]
        case _:
            return ""
    match body:
        case [tree.Return(value=tree.Call(function=tree.Attribute(value=tree.Name(id=key), name="get"), arguments=[]))]:
            return key if _is_variable(analysis, path, key) else ""
        case _:
            return ""


def _is_variable(analysis: Analysis, path: str, name: str) -> bool:
    module = analysis.project.module(path)
    if module is None or sum(binds(node, name) for node in walk(module.body)) != 1:
        return False
    for statement in module.body:
        match statement:
            case tree.Assign(targets=[tree.Name(id=found)], value=tree.Call(function=function)) if found == name:
                return _is_library(analysis, path, function, ("contextvars.ContextVar",))
            case _:
                pass
    return False


def _is_library(analysis: Analysis, path: str, name: tree.Expression, wanted: tuple[str, ...]) -> bool:
    return names.library_name(_value(analysis, path, name)) in wanted


def _entered(analysis: Analysis, decorator: FunctionInfo) -> FunctionInfo | None:
    """The context manager in which a decorator runs what it decorates, once and as the first thing."""
    node = decorator.node
    if len(node.parameters) != 1 or node.decorators or node.is_async:
        return None
    function = node.parameters[0].name
    match _code(node.body):
        case [tree.Function(is_async=True, is_generator=False) as inner, tree.Return(value=tree.Name(id=returned))]:
            mentions = sum(isinstance(one, tree.Name) and one.id == function for one in walk(inner.body))
            wraps = all(name_of(tree.undressed(one)) == "wraps" for one in inner.decorators)
            if returned != inner.name or mentions != 1 or not wraps or any(binds(one, function) for one in walk(inner)):
                return None
            body = _code(inner.body)
        case _:
            return None
    match body:
        case [tree.With(items=[tree.WithItem(value=tree.Call(function=entered, arguments=[]))], body=inside)]:
            manager = _called(analysis, decorator.path, entered, decorator.path)
            return manager if _runs_first(inside, function) else None
        case _:
            return None


def _runs_first(body: list[tree.Statement], function: str) -> bool:
    match body[0]:
        case tree.Try(body=inner):
            return _runs_first(inner, function)
        case tree.Return(value=value) | tree.Evaluate(value=value) | tree.Assign(value=value):
            match value:
                case tree.Await(value=tree.Call(function=tree.Name(id=name))):
                    return name == function
                case _:
                    return False
        case _:
            return False


def _sets_new(analysis: Analysis, manager: FunctionInfo, key: str, registry: str) -> bool:
    """Whether a context manager, called with nothing, sets the variable to something new before it yields."""
    node, path = manager.node, manager.path
    if len(node.decorators) != 1 or not _is_library(analysis, path, node.decorators[0], _MANAGERS):
        return False
    nodes = list(walk(node.body))
    yields = [one.span for one in nodes if isinstance(one, tree.Yield)]
    if len(yields) != 1 or any(isinstance(one, tree.Name) and one.id == registry for one in nodes):
        return False
    if sum(_sets(one, key) for one in nodes) != 1:
        return False
    for statement in node.body:
        match statement:
            case tree.Evaluate(value=tree.Call() as call) | tree.Assign(value=tree.Call() as call) if _sets(call, key):
                given = [one.value for one in call.arguments if not one.star]
                return call.span < yields[0] and len(given) == 1 and _is_new(analysis, manager, given[0])
            case _:
                pass
    return False


def _sets(node: tree.Node, key: str) -> bool:
    match node:
        case tree.Call(function=tree.Attribute(value=owner, name="set")):
            return name_of(owner) == key
        case _:
            return False


def _is_new(analysis: Analysis, manager: FunctionInfo, value: tree.Expression) -> bool:
    """Whether a value in a context manager that is called with nothing is another one each time."""
    match value:
        case tree.Attribute(value=inner, name="hex" | "int"):
            return _is_new(analysis, manager, inner)
        case tree.Call(function=tree.Name(id="str"), arguments=[tree.Argument(value=inner, star="")]):
            return _is_new(analysis, manager, inner)
        case tree.Call(function=function, arguments=[]):
            return _is_library(analysis, manager.path, function, _NEW)
        case tree.Either(operator="or", parts=[tree.Name(id=name), last]):
            return _is_left_out(manager, name) and _is_new(analysis, manager, last)
        case tree.Name(id=name):
            bound = [one for one in walk(manager.node) if binds(one, name)]
            match bound:
                case [tree.Assign(value=given) as only] if given is not None and only in manager.node.body:
                    return _is_new(analysis, manager, given)
                case _:
                    return False
        case _:
            return False


def _is_left_out(manager: FunctionInfo, name: str) -> bool:
    found = [one for one in manager.node.parameters if one.name == name]
    rebound = any(binds(one, name) for one in walk(manager.node.body))
    return len(found) == 1 and tree.is_none(found[0].default) and not rebound


def _code(body: list[tree.Statement]) -> list[tree.Statement]:
    """A body without its docstring."""
    return [one for one in body if not (isinstance(one, tree.Evaluate) and isinstance(one.value, tree.Constant))]


def _before(hold: Hold, around: Surroundings) -> list[tree.Node]:
    """What a function may have run when the wait starts, the waiting statement included."""
    nodes = list(walk(hold.function.node.body))
    if not around.levels or any(isinstance(one.statement, tree.For | tree.While) for one in around.levels):
        return nodes
    return [one for one in nodes if not (isinstance(one, tree.Call | tree.Await) and one.span[:2] > hold.span[2:])]


def _stays(
    analysis: Analysis, function: FunctionInfo, before: list[tree.Node], key: str, manager: FunctionInfo, registry: str
) -> bool:
    """Whether what a function has run was followed, as far as it has to do with the registry, has changed no scope, and
    has started nothing beside it.
    """
    if analysis.project.naming("__wrapped__") or any(
        _is_renamed(analysis, path, key) for path in analysis.project.naming(key, key)
    ):
        return False
    seen: set[tuple[str, bool]] = set()
    waiting: list[tuple[FunctionInfo, list[tree.Node], bool]] = [(function, before, True)]
    while waiting:
        info, nodes, met = waiting.pop()
        for node in nodes:
            if _sets(node, key) or name_of(node) in _BESIDE | {manager.node.name}:
                return False
            if not met and name_of(node) == registry:
                return False
        for callee, is_met in _callees(analysis, info, nodes):
            if callee is None or len(seen) > lazies.MOST_FUNCTIONS:
                return False
            if (callee.id, met and is_met) not in seen:
                seen.add((callee.id, met and is_met))
                waiting.append((callee, list(walk(callee.node.body)), met and is_met))
    return True


def _is_renamed(analysis: Analysis, path: str, name: str) -> bool:
    index = analysis.project.uses(path, name)
    return index is None or any(
        isinstance(one, tree.ImportFrom) and one.symbol == name != one.name for one in index.imports
    )


def _callees(
    analysis: Analysis, info: FunctionInfo, nodes: list[tree.Node]
) -> Iterator[tuple[FunctionInfo | None, bool]]:
    """The functions that code of a function calls, and whether the analysis has followed them there."""
    known = lazies.met(analysis, info)
    awaited = {id(node.value): node.span for node in nodes if isinstance(node, tree.Await)}
    for call in (node for node in nodes if isinstance(node, tree.Call)):
        found = known.get(call.span, []) + known.get(awaited.get(id(call), call.span), [])
        yield from ((one, True) for one in found)
        name = name_of(call.function)
        if not name or (isinstance(call.function, tree.Name) and _is_local(info.node, name)):
            yield None, False  # it may be one of several, of which some are not known
        elif not found or isinstance(call.function, tree.Attribute):
            others = lazies.by_name(analysis, info, call, name)
            yield from ((one, False) for one in others if one not in found)


def _is_local(function: tree.Function, name: str) -> bool:
    return any(one.name == name for one in function.parameters) or any(
        binds(node, name) for node in walk(function.body) if not isinstance(node, tree.Function | tree.Class)
    )
