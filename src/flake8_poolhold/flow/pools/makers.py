"""The calls that make engines, pools and sessionmakers, with their arguments on every way to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.values import UNKNOWN, ClassOf, FunctionOf, Instance, Library
from flake8_poolhold.flow.naming import names, types
from flake8_poolhold.flow.pools import lookups, making, reading, running
from flake8_poolhold.flow.pools.bodies import Arguments, Body, Reader
from flake8_poolhold.flow.pools.courses import Course, changed
from flake8_poolhold.flow.pools.values import Setting
from flake8_poolhold.flow.pools.worlds import TooManyWorldsError, World, mentioned
from flake8_poolhold.source.paths import is_test

_WORDS = (b"engine", b"sessionmaker", b"Sessionmaker", b"create_pool", b"ConnectionPool")

_LAST = re.compile(rb"[\w.]*")
_LONGEST = 64
"""What stands right before a word, read backwards, so far."""

MOST_CALLERS = 8
"""A function that makes an engine and is called at more places than this is seen without its callers."""


class Way(msgspec.Struct, frozen=True):
    """One way to a call: its arguments, and where the function around it was called from, if that mattered."""

    arguments: Arguments
    caller: tuple[str, tree.Span] | None = None


class Made(msgspec.Struct, frozen=True, eq=False):
    """A call that makes an engine, a pool or a sessionmaker; `function` is the function around it, if there is one."""

    kind: str
    path: str
    call: tree.Call
    function: FunctionInfo | None
    ways: tuple[Way, ...]

    @property
    def name(self) -> str:
        """What is called, as it is spelled."""
        return _last(self.call.function)

    @property
    def span(self) -> tree.Span:
        return self.call.span


class _Root(msgspec.Struct, frozen=True, eq=False):
    """A body that is run by itself, the calls in it that may make something, and the names that matter for them."""

    body: list[tree.Statement]
    function: FunctionInfo | None
    calls: list[tree.Call]
    course: Course
    followed: frozenset[str]


def makers(reader: Reader, path: str) -> list[Made]:
    """What the file at `path` makes, in the order of the source."""
    project = reader.analysis.project
    data = project.bytes_of(path)
    module = project.module(path) if any(word in data for word in _WORDS) else None
    if module is None:
        return []
    index = project.index(path)
    renamed = {one.name for one in index.imports if isinstance(one, tree.ImportFrom) and one.symbol in making.KINDS}
    spelled = renamed.union(making.KINDS)
    if spelled.isdisjoint(index.calls):
        return []
    found = [made for root in _roots(reader, path, module.body, spelled) for made in _of_root(reader, path, root)]
    return sorted(found, key=lambda made: made.span)


def _roots(reader: Reader, path: str, body: list[tree.Statement], spelled: set[str]) -> Iterator[_Root]:
    """The bodies of the module, its classes and functions that call something of these names."""
    found = reader.analysis.project.index(path).calls
    calling = {id(around[1]) for name in spelled for around, _ in found.get(name, ()) if around is not None}
    owners = {
        id(node): (name, names.class_info(reader.analysis, path, owner, scope.classes[owner]).key if owner else "")
        for scope in (reader.analysis.project.scope(path),)
        for name, node, owner in scope.functions
    }
    waiting: list[tuple[list[tree.Statement], tree.Function | None]] = [(body, None)]
    while waiting:
        block, function = waiting.pop(0)
        calls: list[tree.Call] = []
        for node in tree.own(block):
            if isinstance(node, tree.Function):
                if id(node) in calling or id(node) not in owners:
                    waiting.append((node.body, node))
            elif isinstance(node, tree.Class):
                waiting.append((node.body, None))
            elif isinstance(node, tree.Call) and _last(node.function) in spelled:
                calls.append(node)
        if calls:
            info = None
            if function is not None:
                name, owner = owners.get(id(function), (function.name, ""))
                info = names.function_info(reader.analysis, path, name, function, owner)
            course = Course(block, frozenset(id(call) for call in calls))
            yield _Root(block, info, calls, course, course.needed(name for call in calls for name in mentioned(call)))


def _last(callee: tree.Expression) -> str:
    match callee:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name
        case _:
            return ""


class _Recording:
    """What the calls of a body were found to call, and with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[tree.Call, Setting, Arguments]] = []

    def __call__(self, node: tree.Call, callee: Setting, given: Arguments) -> None:
        self.calls.append((node, callee, given))


def _of_root(reader: Reader, path: str, root: _Root) -> list[Made]:
    kinds: dict[int, str] = {}
    ways: dict[int, dict[Way, None]] = {}
    for caller, world in _starts(reader, path, root):
        for node, callee, given in _run(reader, path, root, world):
            kind = making.kind_of(callee.path) if isinstance(callee, Library) else ""
            if kind:
                kinds[id(node)] = kind
                ways.setdefault(id(node), {})[Way(given, caller)] = None
    return [
        Made(kinds[id(call)], path, call, root.function, tuple(ways[id(call)]))
        for call in root.calls
        if id(call) in kinds
    ]


def _run(reader: Reader, path: str, root: _Root, world: World) -> list[tuple[tree.Call, Setting, Arguments]]:
    """The calls of a body with their callees and arguments; with no more than literal ones where it is too branched."""
    recording = _Recording()
    module = reader.analysis.project.module(path)
    is_module = module is not None and root.body is module.body
    body = Body(reader, path, root.followed, root.course, is_module=is_module, record=recording)
    try:
        running.run(body, [world], root.body)
        left = [call for call in root.calls if not any(call is node for node, _, _ in recording.calls)]
    except TooManyWorldsError:
        recording.calls.clear()
        left = root.calls
    blank = _blank(reader, path, root)
    for call in left:
        reading.evaluate(body, blank.copy(), call)
    return recording.calls


def _blank(reader: Reader, path: str, root: _Root) -> World:
    """The world in which nothing is known of what a body binds, but for what it imports."""
    world = World()
    for parameter in root.function.node.parameters if root.function is not None else ():
        world.env[parameter.name] = UNKNOWN
    for statement in statements(root.body):
        for name in changed(statement):
            world.env[name] = UNKNOWN
            if isinstance(statement, tree.Import | tree.ImportFrom) and name != "*":
                world.env[name] = names.imported(reader.analysis, path, statement)
    return world


def _starts(reader: Reader, path: str, root: _Root) -> Iterator[tuple[tuple[str, tree.Span] | None, World]]:
    """The worlds in which a body starts: one for each call of its function, when its parameters matter."""
    info = root.function
    if info is None:
        yield None, World()
        return
    body = Body(reader, path, frozenset())
    given = {parameter.name for parameter in info.node.parameters[1 if info.owner else 0 :]}
    callers = _callers(reader, info) if given & root.followed else []
    for place, arguments, receiver in callers:
        yield place, lookups.bind(body, info, arguments, receiver)
    if not callers:
        yield None, lookups.start(body, info)


_Caller = tuple[tuple[str, tree.Span], Arguments, Setting | None]


def _callers(reader: Reader, info: FunctionInfo) -> list[_Caller]:
    """The calls of a function in the project, tests aside; none when there are too many, or when it is handed about."""
    simple = info.name.rpartition(".")[2]
    if simple == "__init__":
        simple = info.name.split(".")[-2]
    found: list[_Caller] = []
    for path in reader.analysis.project.naming(simple, simple):
        module = reader.analysis.project.module(path) if path.endswith(".py") and not is_test(path) else None
        if module is None or (path != info.path and not _may_call(reader, path, simple)):
            continue
        for root in _roots(reader, path, module.body, {simple}):
            if root.function is not None and root.function.id == info.id:
                continue
            start = lookups.start(Body(reader, path, frozenset()), root.function) if root.function else World()
            for node, callee, given in _run(reader, path, root, start):
                receiver = _receiver(reader, info, callee)
                if receiver is not None:
                    found.append(((path, node.span), given, receiver[0]))
        if len(found) > MOST_CALLERS:
            return []
    return found


def _may_call(reader: Reader, path: str, name: str) -> bool:
    """Whether a file may call something of this name that is not its own: many scripts have a `main`."""
    if _is_elsewhere(reader, path, name):
        return False
    index = reader.analysis.project.index(path)
    calls = index.calls.get(name, ())
    own = reader.analysis.project.scope(path).names.get(name, ())
    is_own = (
        own and all(isinstance(one, tree.Function) for one in own) and all(one.name != name for one in index.imports)
    )
    return any(isinstance(call.function, tree.Attribute) or not is_own for _, call in calls)


def _is_elsewhere(reader: Reader, path: str, name: str) -> bool:
    """Whether the text tells that the name stands for the file's own function, or for a library's: `asyncio.run(`."""
    project = reader.analysis.project
    own = project.scope(path).names.get(name, ())
    is_own = bool(own) and all(isinstance(one, tree.Function) for one in own)
    data = project.bytes_of(path)
    for found in re.finditer(rb"%s\b(\(?)" % re.escape(name.encode()), data):
        before = _LAST.match(data[max(0, found.start() - _LONGEST) : found.start()][::-1])
        owner = before[0][::-1].decode() if before is not None else ""
        if owner.endswith("."):
            if not _is_library(reader, path, owner[:-1]):
                return False
        elif not owner and not (is_own and found[1]):
            return False
    return name.isascii()


def _is_library(reader: Reader, path: str, name: str) -> bool:
    """Whether the name of a module is imported, and is none of the project's."""
    project = reader.analysis.project
    bindings = project.scope(path).names.get(name, ())
    return bool(bindings) and all(
        isinstance(one, tree.Import) and project.find(one.module, path) is None for one in bindings
    )


def _receiver(reader: Reader, info: FunctionInfo, callee: Setting) -> tuple[Setting | None] | None:
    """Whether a callee is the function, and what it is bound to."""
    match callee:
        case FunctionOf(function=function, receiver=receiver) if function == info.id:
            return (receiver,)
        case ClassOf(cls=cls):
            constructor = names.method(reader.analysis, cls, "__init__")
            if constructor is not None and constructor.id == info.id:
                return (Instance(cls, types.global_place("", cls)),)
    return None
