"""Where a function is handed over to run later: everywhere, or there are uses of it that nobody understands."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.values import FunctionOf, ModuleOf, Value
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.habits import name_of

_GIVEN = frozenset({"add_task", "BackgroundTask", "start_soon"})
_CALLED = frozenset({"create_task", "ensure_future", "StreamingResponse", "EventSourceResponse"})
MOST_FILES = 24


class Site(msgspec.Struct, frozen=True, eq=False):
    """A place that hands the task over: the call that has its arguments, behind the `skipped` first ones, and the
    function around."""

    path: str
    call: tree.Call
    skipped: int
    around: tree.Function | None

    @property
    def arguments(self) -> list[tree.Argument]:
        """The arguments of the task."""
        return self.call.arguments[self.skipped :]


def sites(analysis: Analysis, task: FunctionInfo) -> list[Site] | str:
    """All places that hand the task over; or where it is used otherwise."""
    name = task.node.name
    paths = analysis.project.naming(name, name)
    if len(paths) > MOST_FILES:
        return f"`{name}` is named in too many files"
    found: list[Site] = []
    for path in paths:
        module = analysis.project.module(path)
        if module is None:
            return f"{path} may use `{name}`, and cannot be analysed"
        bound = _bound(analysis, path)
        uses = {id(node) for node in walk(module.body) if _is_use(analysis, bound, node, task)}
        here = list(_sites(module.body, uses, path))
        if len(here) != len(uses):
            return f"`{name}` is called, or used otherwise, in {path}"
        found += here
    return found


def _bound(analysis: Analysis, path: str) -> dict[str, list[Value]]:
    """What the names of a module stand for, those that its functions import among them."""
    bound = {name: [names.module_name(analysis, path, name)] for name in analysis.project.scope(path).names}
    for binding in analysis.project.index(path).imports:
        bound.setdefault(binding.name, []).append(names.imported(analysis, path, binding))
    return bound


def _is_use(analysis: Analysis, bound: dict[str, list[Value]], node: tree.Node, task: FunctionInfo) -> bool:
    match node:
        case tree.Name(id=name):
            return FunctionOf(task.id) in bound.get(name, ())
        case tree.Attribute(value=tree.Name(id=owner), name=name) if name == task.node.name:
            return any(
                isinstance(module, ModuleOf) and names.member_of_module(analysis, module, name) == FunctionOf(task.id)
                for module in bound.get(owner, ())
            )
        case _:
            return False


def _sites(body: list[tree.Statement], uses: set[int], path: str) -> Iterator[Site]:
    around: dict[int, tree.Function] = {}
    for outer in (node for node in walk(body) if isinstance(node, tree.Function)):
        for node in walk(outer.body):
            if isinstance(node, tree.Call) and (id(node) not in around or outer.span > around[id(node)].span):
                around[id(node)] = outer
    for node in walk(body):
        match node:
            case tree.Call(function=function, arguments=[tree.Argument(value=first), *_]):
                if name_of(function) in _GIVEN and id(first) in uses:
                    yield Site(path, node, 1, around.get(id(node)))
                elif name_of(function) in _CALLED and isinstance(first, tree.Call) and id(first.function) in uses:
                    yield Site(path, first, 0, around.get(id(node)))
            case _:
                pass
