"""What a project as a whole does that decides whether a commit in one of its functions is harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import ModuleOf
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing import listeners

_HARMLESS_LEVELS = frozenset({"AUTOCOMMIT", "READ COMMITTED", "READ UNCOMMITTED"})
_WITH_THE_ROW = ("joined", "selectin", "subquery", "immediate", False)
"""Ways of `relationship(..., lazy=)` to load what is related together with the row."""

_LAZY = ("relationship", "Relationship", "deferred", "column_property", "query_expression", "dynamic_loader")
_MAPPED = ("mapped_column", "Column(", "SQLModel", "DeclarativeBase", "declarative_base")
_PROPERTIES = frozenset({"property", "cached_property", "hybrid_property"})
STARTS_TASKS = frozenset(
    {
        "create_task", "ensure_future", "start_soon", "run_in_executor", "submit", "Thread", "run_coroutine_threadsafe",
        "as_completed",
    }
)  # fmt: skip
"""Callees that start work which runs beside the code that calls them."""
LOOKS_AT_TRANSACTION = frozenset(
    {"in_transaction", "in_nested_transaction", "get_transaction", "get_nested_transaction", "sync_connection"}
)  # fmt: skip


class Habits(msgspec.Struct, frozen=True):
    """Doubts about any commit, in words, and the names of the attributes that are loaded only when they are read."""

    doubts: tuple[str, ...]
    lazy: frozenset[str]


def habits(analysis: Analysis) -> Habits:
    """The habits of the project, found out once."""
    with analysis.tracker.finding(("habits",)):
        if analysis.habits is None:
            analysis.habits = Habits(tuple(_doubts(analysis)), _lazy_attributes(analysis))
        return analysis.habits


def mentions(analysis: Analysis, path: str, wanted: Callable[[tree.Node], bool]) -> bool:
    """Whether a file has such a node; a file that cannot be analysed may have it."""
    module = analysis.project.module(path)
    return module is None or any(wanted(node) for node in walk(module.body))


def name_of(node: tree.Node) -> str:
    """The name that a variable or attribute is spelled with; empty for anything else."""
    match node:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""


def _doubts(analysis: Analysis) -> Iterator[str]:
    def anywhere(words: tuple[str, ...], wanted: Callable[[tree.Node], bool]) -> bool:
        paths = {path for word in words for path in analysis.project.naming(word)}
        return any(mentions(analysis, path, wanted) for path in sorted(paths))

    if listeners.listens(analysis):
        yield "the project listens to commits"
    if anywhere(("autobegin",), lambda node: _argument(node, "autobegin") is not None):
        yield "the project turns autobegin off somewhere"
    if any(_raises_isolation(analysis, path) for path in analysis.project.naming("isolation_level")):
        yield "the project sets an isolation level, and a commit ends the snapshot"
    if anywhere(("do_orm_execute", "after_begin"), listeners.runs_more):
        yield "a listener of the project may write when a statement runs"
    if _changes_when_read(analysis):
        yield "a mapped class of the project changes its objects when they are read"
    if anywhere(("expire_on_commit",), _expires_afterwards):
        yield "`expire_on_commit` is changed after the session was configured"
    if _own_commit(analysis):
        yield "a session class of the project overrides what a session does"


def _argument(node: tree.Node, name: str) -> tree.Expression | None:
    """The value given to keyword `name` in a call, or to key `name` of a dict."""
    if isinstance(node, tree.Call):
        return next((one.value for one in node.arguments if one.keyword == name), None)
    if isinstance(node, tree.Mapping):
        pairs = zip(node.keys, node.values, strict=True)
        return next((value for key, value in pairs if isinstance(key, tree.Constant) and key.value == name), None)
    return None


def _raises_isolation(analysis: Analysis, path: str) -> bool:
    """Whether a file sets an isolation level other than for one connection, whose session is marked for it."""
    module = analysis.project.module(path)
    if module is None:
        return True
    nodes = list(walk(module.body))
    own: set[int] = set()
    for node in nodes:
        match node:
            case tree.Call(function=tree.Attribute(name="connection"), arguments=arguments):
                own.update(id(one.value) for one in arguments if one.keyword == "execution_options")
            case tree.Await(value=tree.Call(function=tree.Attribute(name="execution_options")) as call):
                own.add(id(call))  # an async engine's is not awaited
            case _:
                pass
    return any(_raises(node) for node in nodes if id(node) not in own)


def _raises(node: tree.Node) -> bool:
    level = _argument(node, "isolation_level")
    if level is None:
        return False
    return not (isinstance(level, tree.Constant) and str(level.value).upper().replace("_", " ") in _HARMLESS_LEVELS)


def _expires_afterwards(node: tree.Node) -> bool:
    """`maker.configure(expire_on_commit=True)`, `session.expire_on_commit = True`, and the like."""
    if isinstance(node, tree.Assign):
        return any(_is_expiring(target) for target in node.targets)
    if isinstance(node, tree.Call) and name_of(node.function) in ("setattr", "update"):
        named = any(_is_name(one.value) or one.keyword == "expire_on_commit" for one in node.arguments)
        return named and not any(_is_false(one.value) for one in node.arguments)
    configures = isinstance(node, tree.Call) and name_of(node.function) == "configure"
    return configures and _argument(node, "expire_on_commit") is not None


def _is_expiring(target: tree.Expression) -> bool:
    match target:
        case tree.Attribute(name="expire_on_commit"):
            return True
        case tree.Subscript(value=tree.Attribute(name="kw"), index=index):
            return _is_name(index)
        case _:
            return False


def _is_name(value: tree.Expression) -> bool:
    return isinstance(value, tree.Constant) and value.value == "expire_on_commit"


def _is_false(value: tree.Expression) -> bool:
    return isinstance(value, tree.Constant) and value.value is False


def _changes_when_read(analysis: Analysis) -> bool:
    """Whether a property or an operator of a mapped class sets a public attribute of its object."""
    for path in sorted({path for word in _MAPPED for path in analysis.project.naming(word)}):
        for name, node in analysis.project.classes(path).items():
            readers = [one for one in node.body if isinstance(one, tree.Function) and _is_reader(one) and _sets(one)]
            if readers and names.is_mapped(analysis, names.class_info(analysis, path, name, node).key):
                return True
    return False


def _is_reader(function: tree.Function) -> bool:
    """A property that is read, or a method that an operator or a built-in function calls."""
    if function.name.startswith("__"):
        return function.name not in ("__init__", "__setattr__", "__setitem__", "__init_subclass__", "__new__")
    return any(name_of(one) in _PROPERTIES for one in function.decorators)


def _sets(function: tree.Function) -> bool:
    own = function.parameters[0].name if function.parameters else ""
    for node in walk(function.body):
        match node:
            case tree.Assign(targets=targets):
                found = targets
            case tree.AugmentedAssign(target=target):
                found = [target]
            case _:
                continue
        if any(
            isinstance(one, tree.Attribute) and name_of(one.value) == own and not one.name.startswith("_")
            for one in found
        ):
            return True
    return False


def _own_commit(analysis: Analysis) -> bool:
    """Whether a subclass of a session in the project has its own `commit` or constructor."""
    for path in sorted({*analysis.project.naming("def commit"), *analysis.project.naming("def __init__")}):
        if not analysis.project.names_word(path, "Session"):
            continue
        for name, node in analysis.project.classes(path).items():
            own = {one.name for one in node.body if isinstance(one, tree.Function)}
            key = names.class_info(analysis, path, name, node).key
            if own & {"commit", "__init__"} and names.holder_base(analysis, key):
                return True
    return False


def _lazy_attributes(analysis: Analysis) -> frozenset[str]:
    """The names of attributes that the mapped classes load only when they are read, or that read such attributes."""
    found: set[str] = set()
    properties: list[tree.Function] = []
    for path in sorted({path for word in _LAZY for path in analysis.project.naming(word)}):
        for node in _in_classes(analysis, path):
            if isinstance(node, tree.Assign) and isinstance(node.value, tree.Call) and _is_lazy(node.value):
                found.update(target.id for target in node.targets if isinstance(target, tree.Name))
            elif isinstance(node, tree.Function) and any(name_of(one) in _PROPERTIES for one in node.decorators):
                properties.append(node)
    while more := [one for one in properties if one.name not in found and _reads_one(one, found)]:
        found.update(one.name for one in more)
    return frozenset(found)


def _in_classes(analysis: Analysis, path: str) -> Iterator[tree.Node]:
    for name, node in analysis.project.classes(path).items():
        analysis.project.binding(path, name.partition(".")[0])
        yield from walk(node)


def _reads_one(function: tree.Function, names: set[str]) -> bool:
    return any(isinstance(node, tree.Attribute) and node.name in names for node in walk(function.body))


def _is_lazy(call: tree.Call) -> bool:
    deferred, lazy = _argument(call, "deferred"), _argument(call, "lazy")
    if isinstance(lazy, tree.Constant) and lazy.value in _WITH_THE_ROW:
        return False
    return name_of(call.function) in _LAZY or (isinstance(deferred, tree.Constant) and deferred.value is True)


def unread(analysis: Analysis, path: str) -> str:
    """A file of the project that `path` imports from and that cannot be analysed; empty when there is none."""
    for node in analysis.project.index(path).imports:
        found: str | None
        if isinstance(node, tree.ImportFrom) and node.level:
            found = analysis.project.relative(node.module, node.level, path)
        else:
            found = analysis.project.find(node.module, path)
        if found is not None and found.endswith(".py") and not analysis.project.is_read(found):
            return found
    return ""


def called_by_name(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether a handler is named anywhere but in its own definition: in its file, or where it is imported."""
    name, path = function.name.rpartition(".")[2], function.path
    here = analysis.project.uses(path, name)
    if here is None or any(isinstance(node, tree.Name) for _, node in here.names.get(name, ())):
        return True
    return any(
        _names_from_outside(analysis, other, name) for other in analysis.project.naming(name, name) if other != path
    )


def _names_from_outside(analysis: Analysis, path: str, name: str) -> bool:
    """Whether a file imports `name`, or reads it from something that it imports; a module of this name is another."""
    index = analysis.project.uses(path, name)
    if index is None:
        return True
    frame = names.module_frame(analysis, path)
    imported = {node.name for node in index.imports}
    meant: list[tree.Expression] = [
        tree.Name(node.name) for node in index.imports if isinstance(node, tree.ImportFrom) and node.symbol == name
    ]
    meant += [
        node
        for _, node in index.names.get(name, ())
        if isinstance(node, tree.Attribute) and name_of(node.value) in imported
    ]
    return any(not isinstance(expressions.evaluate(frame, State(), one), ModuleOf) for one in meant)
