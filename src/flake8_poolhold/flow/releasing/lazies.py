"""Whether what a statement calls may read an attribute that is loaded when it is read.

The functions of the project that it leads to are looked at: those that the interpretation meets, and the methods of the
name that is called. What is handed to a library that reads all attributes of an object counts, too.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.interpreting.watching import Callees
from flake8_poolhold.flow.model.frames import Analysis, Events, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import UNKNOWN, FunctionOf
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.callers import interpret
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.surroundings import binds
from flake8_poolhold.flow.releasing.uses import HARMLESS, handed_on

MOST_FUNCTIONS = 60
"""What leads to more functions than this may read anything."""

_READS_ALL = frozenset(
    {
        "model_validate", "from_orm", "validate_python", "jsonable_encoder", "asdict", "vars", "attrgetter",
        "render", "render_template", "TemplateResponse", "to_dict", "dump", "dumps", "__dict__", "copy", "deepcopy",
    }
)  # fmt: skip
"""What may read any attribute of an object that it is given, or one whose name is not in the text."""
_SESSION = frozenset({"add", "add_all", "delete", "expunge", "refresh", "merge", "append"})
"""Methods of a session or list that read nothing of what they are given, or load it."""
_PLAIN = frozenset(
    {
        "str",
        "int",
        "bool",
        "float",
        "bytes",
        "datetime",
        "date",
        "timedelta",
        "UUID",
        "uuid",
        "Optional",
        "list",
        "dict",
    }
)


def may_read(
    analysis: Analysis,
    caller: FunctionInfo,
    parts: Iterable[tree.Node],
    objects: Collection[str],
    lazy: Collection[str],
) -> bool:
    """Whether what is called in `parts`, code of `caller`, may read one of the attributes `lazy` of its `objects`."""
    seen: set[str] = set()
    waiting: list[tuple[FunctionInfo, list[tree.Node], Collection[str]]] = [(caller, list(parts), objects)]
    while waiting:
        info, nodes, given = waiting.pop()
        callees = list(_callees(analysis, info, nodes, given, lazy))
        if any(callee is None for callee in callees):
            return True
        for callee in callees:
            if callee is None or callee.id in seen:
                continue
            seen.add(callee.id)
            inside = list(walk(callee.node.body))
            if len(seen) > MOST_FUNCTIONS or any(
                isinstance(node, tree.Attribute) and node.name in lazy for node in inside
            ):
                return True
            waiting.append((callee, inside, _objects(callee.node)))
    return False


def _objects(function: tree.Function) -> frozenset[str]:
    """The parameters that may be an object of any class."""
    return frozenset(one.name for one in function.parameters if not _is_plain(one.annotation))


def _is_plain(annotation: tree.Expression | None) -> bool:
    return annotation is not None and all(
        name_of(node) in _PLAIN for node in walk(annotation) if isinstance(node, tree.Name | tree.Attribute)
    )


def _callees(
    analysis: Analysis, info: FunctionInfo, nodes: list[tree.Node], objects: Collection[str], lazy: Collection[str]
) -> Iterator[FunctionInfo | None]:
    """The functions that some code of a function calls; `None` for one that is not known, or that reads everything."""
    calls = [node for node in nodes if isinstance(node, tree.Call)]
    if not calls:
        return
    known = met(analysis, info)
    awaited = {id(node.value): node.span for node in nodes if isinstance(node, tree.Await)}
    own = {node.name for node in nodes if isinstance(node, tree.Function)}
    for call in calls:
        name = name_of(call.function)
        found = known.get(call.span, []) + known.get(awaited.get(id(call), call.span), [])
        yield from found
        if name == "getattr":
            yield from () if _names_other(call, nodes, lazy) else (None,)
        elif name in _READS_ALL or not name:
            yield None
        elif not found and name not in own:
            others = list(by_name(analysis, info, call, name))
            yield from others
            if not others and name not in HARMLESS | _SESSION and _receives(call, objects):
                yield None


def by_name(analysis: Analysis, info: FunctionInfo, call: tree.Call, name: str) -> Iterator[FunctionInfo | None]:
    """What is called where the interpretation has not met it: all methods of the name, or the function."""
    if isinstance(call.function, tree.Attribute):
        yield from _methods(analysis, name)
        return
    value = expressions.evaluate(names.module_frame(analysis, info.path), State(), call.function)
    if isinstance(value, FunctionOf):
        yield analysis.functions[value.function]
    elif value == UNKNOWN and not hasattr(builtins, name):
        yield None


def _receives(call: tree.Call, objects: Collection[str]) -> bool:
    return any(name in objects for argument in call.arguments for name in handed_on(argument.value))


def _names_other(call: tree.Call, nodes: list[tree.Node], lazy: Collection[str]) -> bool:
    """`getattr(note, "body")`, `for name in ("body", "title"): getattr(note, name)`"""
    if len(call.arguments) < 2:
        return False
    given = call.arguments[1].value
    possible = [given]
    if isinstance(given, tree.Name):
        bound = [node for node in nodes if isinstance(node, tree.Assign | tree.For) and binds(node, given.id)]
        match bound:
            case [tree.For(target=tree.Name(), iterable=tree.Sequence(items=items))]:
                possible = items
            case _:
                return False
    return all(
        isinstance(one, tree.Constant) and isinstance(one.value, str) and one.value not in lazy for one in possible
    )


def met(analysis: Analysis, info: FunctionInfo) -> dict[tree.Span, list[FunctionInfo]]:
    """By the place of a call in a function: the functions of the project that it calls."""
    known = analysis.callees.get(info.id)
    if known is not None:
        return known
    callees = Callees(info.id)
    outside, analysis.watch, events, analysis.events = analysis.watch, callees, analysis.events, Events()
    try:
        with analysis.tracker.finding(("callees", info.id)):
            interpret(analysis, info)
            analysis.callees[info.id] = callees.found
    finally:
        analysis.watch, analysis.events = outside, events
    return callees.found


def _methods(analysis: Analysis, name: str) -> Iterator[FunctionInfo]:
    """All methods of a name in the project."""
    for path in sorted(analysis.project.naming(f"def {name}(", name)):
        for outer in analysis.project.methods(path, name):
            yield names.outer_function(analysis, path, outer)
