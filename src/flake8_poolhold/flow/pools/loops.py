"""Event loops: work that gets a loop of its own each time, and the engines of the module that it uses.

asyncpg's connections belong to the loop that they were opened in. A pool that outlives its loop hands them to the next
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import ClassOf, Engine, Factory, FunctionOf, Instance, Library, Value, options
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import certain

MOST_FUNCTIONS = 200
"""So many functions are looked into for an engine, nearest first."""

_TASKS = frozenset({"celery", "dramatiq", "huey", "rq", "apscheduler", "spinach", "pgqueuer"})
_RUNNERS = frozenset({"asyncio.run", "asyncio.new_event_loop().run_until_complete"})
_FUNCTION_RUNNERS = frozenset({"anyio.run"})
_WORDS = (b"asyncio.run(", b"import run", b"run_until_complete", b"anyio.run")

Lookup = Callable[[str], list[Made]]


class Loop(msgspec.Struct, frozen=True):
    """Work that runs in a loop of its own, at `span` of `function`, and the engine that it shares with other loops."""

    function: FunctionInfo
    span: tree.Span
    kind: str
    name: str
    engine: Made


class _Names:
    """What the names in a function stand for; imports and new loops inside it included."""

    def __init__(self, analysis: Analysis, info: FunctionInfo) -> None:
        self._frame = names.module_frame(analysis, info.path)
        self._state = State()
        for statement in statements(info.node.body):
            match statement:
                case tree.Import(name=name) | tree.ImportFrom(name=name) if name != "*":
                    self._state.env[name] = names.imported(analysis, info.path, statement)
                case tree.Assign(targets=[tree.Name(id=name)], value=tree.Call(function=made)):
                    callee = self.value(made)
                    if callee == Library("asyncio.new_event_loop"):
                        self._state.env[name] = Library("asyncio.new_event_loop()")

    def value(self, node: tree.Expression) -> Value | None:
        if isinstance(node, tree.Call):
            callee = self.value(node.function)
            return Library(f"{callee.path}()") if isinstance(callee, Library) else callee
        if not isinstance(node, tree.Name | tree.Attribute):
            return None
        if isinstance(node, tree.Attribute):
            owner = self.value(node.value)
            if isinstance(owner, Library):
                return Library(f"{owner.path}.{node.name}")
        return expressions.evaluate(self._frame, self._state.copy(), node)


def loops(analysis: Analysis, path: str, makes: Lookup, uses_asyncpg: Callable[[Made], bool]) -> list[Loop]:
    """The calls in a file that run work in a new loop each time, where it uses an engine that outlives the loop."""
    data = analysis.project.bytes_of(path)
    module = analysis.project.module(path) if any(word in data for word in _WORDS) or b"run_" in data else None
    if module is None:
        return []
    found = []
    scope = analysis.project.scope(path)
    for outer in scope.functions:
        if outer[1].is_async:
            continue
        info = names.outer_function(analysis, path, outer)
        kind = _repeated(analysis, info)
        for call, work in _runs(analysis, info) if kind else ():
            engine = _engine(analysis, work, makes, uses_asyncpg)
            if engine is not None:
                found.append(Loop(info, call.span, kind, *engine))
    return found


def _repeated(analysis: Analysis, info: FunctionInfo) -> str:
    """Why a function runs more than once in one process, or beside the main loop; empty where nothing says so."""
    frame = names.module_frame(analysis, info.path)
    for decorator in info.node.decorators:
        part = tree.undressed(decorator)
        value = expressions.evaluate(frame, State(), part)
        if isinstance(value, Library) and value.path.partition(".")[0] in _TASKS:
            return f"a task of {value.path.partition('.')[0]}"
    simple = info.name.rpartition(".")[2]
    module = analysis.project.module(info.path)
    for node in tree.walk(module.body) if module is not None and b"Thread(" in _bytes(analysis, info) else ():
        if isinstance(node, tree.Call) and any(
            argument.keyword == "target" and _last(argument.value) == simple for argument in node.arguments
        ):
            callee = expressions.evaluate(frame, State(), node.function) if _last(node.function) else None
            if callee == Library("threading.Thread"):
                return "a thread"
    return ""


def _bytes(analysis: Analysis, info: FunctionInfo) -> bytes:
    return analysis.project.bytes_of(info.path)


def _last(node: tree.Expression) -> str:
    match node:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""


def _runs(analysis: Analysis, info: FunctionInfo) -> Iterator[tuple[tree.Call, FunctionInfo]]:
    """The calls in a function that run a coroutine function of the project in a new loop, directly or by a helper."""
    naming = _Names(analysis, info)
    for node in tree.walk(info.node.body):
        if not isinstance(node, tree.Call) or not node.arguments:
            continue
        callee, first = naming.value(node.function), node.arguments[0].value
        by_name = isinstance(callee, Library) and callee.path in _FUNCTION_RUNNERS
        runs = isinstance(callee, Library) and callee.path in _RUNNERS
        if isinstance(callee, FunctionOf):
            runs = _is_runner(analysis, analysis.functions[callee.function])
        if not runs and not by_name:
            continue
        target = first.function if runs and isinstance(first, tree.Call) else first if by_name else None
        work = naming.value(target) if target is not None else None
        if isinstance(work, FunctionOf) and analysis.functions[work.function].node.is_async:
            yield node, analysis.functions[work.function]


def _is_runner(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function runs the coroutine that it is given in a new loop."""
    parameters = {parameter.name for parameter in info.node.parameters}
    naming = _Names(analysis, info)
    for node in tree.walk(info.node.body):
        if isinstance(node, tree.Call) and node.arguments and _last(node.function) in ("run", "run_until_complete"):
            first = node.arguments[0].value
            callee = naming.value(node.function)
            if isinstance(first, tree.Name) and first.id in parameters:
                return isinstance(callee, Library) and callee.path in _RUNNERS
    return False


def _engine(
    analysis: Analysis, work: FunctionInfo, makes: Lookup, uses_asyncpg: Callable[[Made], bool]
) -> tuple[str, Made] | None:
    """The engine of a module that work uses, and the name by which; none where the work disposes of an engine."""
    waiting, seen = [work], {work.id}
    found: tuple[str, Made] | None = None
    while waiting and len(seen) < MOST_FUNCTIONS:
        info = waiting.pop(0)
        naming = _Names(analysis, info)
        called = {node.name for node in tree.walk(info.node.body) if isinstance(node, tree.Attribute)}
        if "dispose" in called:
            return None
        for node in tree.walk(info.node.body):
            if not isinstance(node, tree.Name | tree.Attribute):
                continue
            for value in options(naming.value(node) or Library("")):
                match value:
                    case FunctionOf(function=function):
                        waiting += _unseen(seen, [analysis.functions[function]])
                    case ClassOf(cls=cls) | Instance(cls=cls):
                        methods = [names.method(analysis, cls, name) for name in ("__init__", "__aenter__", *called)]
                        waiting += _unseen(seen, [method for method in methods if method is not None])
                    case Factory(site=site) | Engine(site=site) if site and found is None:
                        engine = _made_at(site, makes)
                        if engine is not None and uses_asyncpg(engine):
                            found = (_last(node), engine)
    return found


def _unseen(seen: set[str], functions: list[FunctionInfo]) -> list[FunctionInfo]:
    new = [info for info in functions if info.id not in seen]
    seen.update(info.id for info in new)
    return new


def _made_at(site: str, makes: Lookup, depth: int = 2) -> Made | None:
    """The engine that is made at a site (`path:line`), or that the sessionmaker made there is bound to."""
    path, _, line = site.rpartition(":")
    made = next((one for one in makes(path) if str(one.span[0]) == line), None)
    if made is None or not depth:
        return None
    if made.kind == "async engine":
        return made
    if "sessionmaker" in made.kind:
        binds = {_bind(way.arguments) for way in made.ways}
        bind = binds.pop() if len(binds) == 1 else ""
        return _made_at(bind, makes, depth - 1) if bind else None
    return None


def _bind(given: Arguments) -> str:
    value = given.get("bind", 0)
    engine = certain(value) if value is not None else None
    return engine.site if isinstance(engine, Engine) else ""
