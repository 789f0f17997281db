"""Callers that reach a function through a value: a table of handlers, a field of a record, a registry.

Such a value is not always followed. Who mentions a name under which the function is kept, and calls something that is
not known, given a session, may be such a caller.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.fastapi import dependencies, handlers
from flake8_poolhold.flow.interpreting.watching import Missed, Unmet
from flake8_poolhold.flow.model.frames import Analysis, Events, FunctionInfo
from flake8_poolhold.flow.model.indexes import Index
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.callers import MOST_CALLS, MOST_FILES, MOST_LEVELS, given, interpret
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.surroundings import bound
from flake8_poolhold.flow.releasing.uses import root

_PLAIN = frozenset({"Depends", "Security", "cast", "create_task", "gather", "partial", "wraps"})
"""What is given a function, and keeps it under no name of its own."""
_PUTS = frozenset({"add", "append", "insert", "put", "setdefault", "update"})


class Calling(msgspec.Struct, frozen=True, gc=False):
    """What a function calls: `methods` by name; `values` if it calls `TABLE[name](db)`, `find(name)(db)` or a variable,
    `handler(db)`. `returns` if it returns something.
    """

    returns: bool
    values: bool
    methods: frozenset[str]


def under_lock(analysis: Analysis, function: FunctionInfo) -> str:
    """Where something that may be the function is called under a lock of the session that it is given, or empty."""
    known = analysis.tables.get(function.id)
    if known is None:
        with analysis.tracker.finding(("tables", function.id)):
            known = analysis.tables[function.id] = _under_lock(analysis, function)
    return known


def _under_lock(analysis: Analysis, function: FunctionInfo) -> str:
    kept = _kept_as(analysis, function)
    for caller in _callers(analysis, kept) if kept else ():
        if where := _locked(analysis, caller, function):
            return where
    return ""


def above(analysis: Analysis, function: FunctionInfo) -> Iterator[FunctionInfo]:
    """The function, and those that call something of its name, and of theirs in turn."""
    seen = {function.id}
    waiting = [(function, 0)]
    while waiting:
        info, level = waiting.pop()
        yield info
        name = info.node.name
        files = analysis.project.naming(f"{name}(", name) if level < MOST_LEVELS and not name.startswith("__") else []
        for path in files if len(files) <= MOST_FILES else ():
            index = analysis.project.uses(path, name)
            for outer, _ in index.calls.get(name, ()) if index is not None else ():
                if outer is not None:
                    caller = names.outer_function(analysis, path, outer)
                    if caller.id not in seen and len(seen) < MOST_CALLS:
                        seen.add(caller.id)
                        waiting.append((caller, level + 1))


def _kept_as(analysis: Analysis, function: FunctionInfo) -> set[str]:
    """The names under which the function is kept as a value: of tables, of fields, of what registers it."""
    name = function.node.name
    if name.startswith("__"):
        return set()
    found: set[str] = set()
    route = dependencies.route_of(analysis, function) is not None or function.id in handlers.added(analysis)
    for decorator in function.node.decorators if not route else ():
        maker = tree.undressed(decorator)
        found |= {root(maker), name_of(maker)}
    paths = analysis.project.naming(name, name)
    for path in paths if len(paths) <= MOST_FILES else ():
        index = analysis.project.uses(path, name)
        if index is None:
            continue
        called = {id(call.function) for _, call in index.calls.get(name, ())}
        at_import = any(outer is None for outer, _ in index.calls.get(name, ()))
        if at_import or any(id(node) not in called for _, node in index.names.get(name, ())):
            found |= _keepers(_mentioning(analysis, path, index, name), name)
    return found - _PLAIN - {"", name, "self", "cls"}


def _mentioning(analysis: Analysis, path: str, index: Index, name: str) -> list[tree.Statement]:
    """The functions of a module that mention a name; the whole module, if it does so outside of them."""
    module = analysis.project.module(path)
    outer = {id(around[1]): around[1] for around, _ in index.names.get(name, ()) if around is not None}
    if all(around is not None for around, _ in index.names.get(name, ())):
        return list(outer.values())
    return module.body if module is not None else []


def _keepers(body: list[tree.Statement], name: str) -> set[str]:
    found: set[str] = set()
    for node in walk(body):
        match node:
            case tree.Assign(targets=targets, value=value) if value is not None and _has(value, name):
                found.update(last for target in targets for last in (name_of(target), root(target)))
            case tree.Call(function=function, arguments=arguments):
                for argument in arguments:
                    if _has(argument.value, name):
                        found |= {argument.keyword or "", name_of(function), root(function)}
            case tree.Function(name=outer, body=inside):
                returned = [one.value for one in tree.own(inside) if isinstance(one, tree.Return)]
                if any(value is not None and _has(value, name) for value in returned):
                    found.add(outer)
            case _:
                pass
    return found


def _has(value: tree.Expression, name: str) -> bool:
    """Whether a value is a function of this name, or has it inside: not what a call of it gives."""
    waiting: list[object] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting.extend(node)
        elif isinstance(node, tree.Lambda):
            if any(name_of(inner) == name for inner in walk(node.function.body)):
                return True
        elif isinstance(node, tree.Call):
            waiting.append(node.arguments)
            if name_of(node.function) != name:
                waiting.append(node.function)
        elif isinstance(node, tree.Name | tree.Attribute) and name_of(node) == name:
            return True
        elif isinstance(node, tree.Node):
            waiting.extend(getattr(node, field) for field in node.__struct_fields__)
    return False


def _callers(analysis: Analysis, kept: set[str]) -> Iterator[FunctionInfo]:
    """The functions that mention one of the names, or what returns something of it, and call a value."""
    seen: set[str] = set()
    todo, done = set(kept), set[str]()
    while todo and len(done) < MOST_CALLS:
        name = min(todo)
        todo.discard(name)
        done.add(name)
        stored = _stored_in(analysis, name)
        kept |= stored
        todo |= stored - done
        files = analysis.project.naming(name, name)
        for path in files if len(files) <= MOST_FILES else ():
            index = analysis.project.uses(path, name)
            for outer, _ in index.names.get(name, ()) if index is not None else ():
                if outer is None or len(seen) == MOST_CALLS:
                    continue
                info = names.outer_function(analysis, path, outer)
                if info.id in seen:
                    continue
                seen.add(info.id)
                calling = _calling(analysis, info)
                if calling.returns:
                    todo |= {info.node.name} - done
                if calling.values or not calling.methods.isdisjoint(kept):
                    yield info


def _stored_in(analysis: Analysis, name: str) -> set[str]:
    """The names of what the functions of a name put something into: `self.entries[key] = function`."""
    found: set[str] = set()
    files = analysis.project.naming(f"def {name}(", name)
    for path in files if len(files) <= MOST_FILES else ():
        for _, function, _ in analysis.project.scope(path).functions:
            for node in walk(function.body) if function.name == name else ():
                match node:
                    case tree.Assign(targets=targets):
                        items = [one.value for one in targets if isinstance(one, tree.Subscript)]
                        found.update(name_of(one) for one in items)
                    case tree.Call(function=tree.Attribute(value=owner, name=method)) if method in _PUTS:
                        found.add(name_of(owner))
                    case _:
                        pass
    return found - _PLAIN - {"", name}


def _calling(analysis: Analysis, info: FunctionInfo) -> Calling:
    known = analysis.calling.get(info.id)
    if known is None:
        known = analysis.calling[info.id] = _calling_of(info.node)
    return known


def _calling_of(function: tree.Function) -> Calling:
    returns = values = False
    methods, variables = set[str](), set[str]()
    for node in walk(function.body):
        match node:
            case tree.Call(function=tree.Subscript() | tree.Call()):
                values = True
            case tree.Call(function=tree.Attribute(name=name)):
                methods.add(name)
            case tree.Call(function=tree.Name(id=name)):
                variables.add(name)
            case tree.Return(value=value) if value is not None:
                returns = True
            case _:
                pass
    local = {one.name for one in function.parameters}.union(*(bound(one) for one in tree.own(function.body)))
    return Calling(returns, values or not variables.isdisjoint(local), frozenset(methods))


def _locked(analysis: Analysis, caller: FunctionInfo, function: FunctionInfo) -> str:
    """Where `caller` calls the function, or what is not known, under a lock: its own, a dependency's or a caller's."""
    outside, events = analysis.watch, analysis.events
    watch = Missed(caller.id, function.id)
    analysis.watch, analysis.events = watch, Events()
    try:
        interpret(analysis, caller)
    finally:
        analysis.watch, analysis.events = outside, events
    for place, state, step in watch.found:
        if state.lock:
            return f"{caller.name} ({step.path}:{step.line})"
        origin = place.origin
        if origin.how == "param" and origin.where == caller.id:
            theirs = given(analysis, caller, place, state)
            if not isinstance(theirs, Unmet) and theirs.state.lock:
                return f"{caller.name} ({step.path}:{step.line})"
    return ""
