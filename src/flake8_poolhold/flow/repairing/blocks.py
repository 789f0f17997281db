"""`with-block`: a session that is made by a plain call is opened by a `with` block around all that uses it.

The block ends where the session was closed before, else behind its last use. Leaving the block does what the `close()`
did, and does it on every path.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import blocks, statements
from flake8_poolhold.flow.model.values import Holder
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import binds
from flake8_poolhold.flow.repairing import results
from flake8_poolhold.flow.repairing.results import Made

NAME = "with-block"

_FIRST = (1, 4)
"""The first SQLAlchemy whose sessions are context managers."""
_CONNECTIONS = frozenset({"AsyncConnection", "Connection"})
_CLOSES = frozenset({"close", "aclose"})
_ENTERS = ("__aenter__", "__enter__", "__aexit__", "__exit__")
_LAZY_ASYNC = ("stream", "stream_scalars", "run_sync")
_BY_HAND = "open it with `{block}` around everything that uses it"


def around_uses(analysis: Analysis, function: FunctionInfo, holder: Holder | None, *, perhaps: bool) -> Remedy:
    """Judge a block around all uses of a holder that `function` makes, or does not make each time: `perhaps`."""
    known = analysis.holders.classes.get(holder.kind) if holder is not None else None
    if holder is None or known is None:
        return Remedy(NAME, refused=f"it is not known what kind of session this is; {_by_hand(function)}")
    by_hand = _BY_HAND.format(block="async with" if known.is_async else "with")
    made = made_by(function, holder)
    if made is None:
        return Remedy(NAME, refused=f"it is not made by an assignment to a variable; {by_hand}")
    reason = "the call may give a session that somebody else closes" if perhaps else ""
    reason = reason or _refusal(analysis, function, holder, made, is_async=known.is_async)
    closes = list(_closes(made.rest, made.name))
    covered, ends = _covered(made, closes)
    reason = reason or ("" if ends else unread(made, is_async=known.is_async))
    if reason:
        return Remedy(NAME, refused=f"{reason}; {by_hand}")
    objects = (
        frozenset()
        if ends or not needs_objects(analysis, made.rest, is_async=known.is_async)
        else results.derived(made.name, made.rest)
    )
    start = made.span
    parts = [Part(function.path, start[0], start[1], "open", _header(known.is_async, holder, made))]
    parts += [Part(function.path, *at, "close") for at in _superfluous(covered, made, closes)]
    line = start[0]
    return Remedy(
        NAME,
        f"open `{made.name}` with `{'async with' if known.is_async else 'with'}` at line {line}, around what uses it",
        doubts=tuple(doubts(analysis, function, made, objects, is_async=known.is_async, ends=ends)),
        session=(made.name,),
        objects=tuple(sorted(objects)),
        parts=tuple(parts),
    )


def made_by(function: FunctionInfo, holder: Holder) -> Made | None:
    """The assignment of the call that makes the holder, if it stands in the function and assigns to one variable."""
    origin = holder.place.origin
    if origin.how != "new" or origin.where != function.id or holder.place.path:
        return None
    for body in bodies(function.node.body):
        for index, statement in enumerate(body):
            if not isinstance(statement, tree.Assign) or len(statement.targets) != 1 or statement.value is None:
                continue
            target, value = statement.targets[0], statement.value
            call = value.value if isinstance(value, tree.Await) else value
            spans = [one.span for one in (value, call) if isinstance(one, tree.Await | tree.Call)]
            span = next((span for span in spans if f"{span[0]}:{span[1]}" == origin.name), None)
            if isinstance(target, tree.Name) and span is not None:
                return Made(target.id, statement, span, isinstance(value, tree.Await), body[index + 1 :])
    return None


def bodies(body: list[tree.Statement]) -> Iterator[list[tree.Statement]]:
    """A body and all blocks in it, but not those of the functions and classes in it."""
    yield body
    for statement in statements(body):
        yield from blocks(statement)


def _by_hand(function: FunctionInfo) -> str:
    return _BY_HAND.format(block="async with" if function.node.is_async else "with")


def _refusal(analysis: Analysis, function: FunctionInfo, holder: Holder, made: Made, *, is_async: bool) -> str:
    """Why a block would not do what the code does, or could not be written."""
    if "scoped" in holder.kind:
        return "a scoped session belongs to whatever runs in its scope, so that it may be used elsewhere"
    kind = analysis.holders.classes[holder.kind].kind
    if kind == "connection" and (holder.kind not in _CONNECTIONS or _method(made) != "connect"):
        return "leaving a block does more than close this connection"
    version = versions.newest(analysis.project, function.path, "sqlalchemy")
    if version is not None and version < _FIRST:
        return "sessions of this SQLAlchemy cannot be entered"
    if is_async and not function.node.is_async:
        return "an async session cannot be entered in a plain function"
    if holder.cls and any(names.method(analysis, holder.cls, one) is not None for one in _ENTERS):
        return "its class has a `with` block of its own"
    return misused(function, made)


def unread(made: Made, *, is_async: bool) -> str:
    """Why the block would end too early: somebody reads from the session when the function has returned."""
    lazy = results.unfetched(made, is_async=is_async)
    return (
        "a result that is not read yet leaves the function"
        if results.leaves(made.rest, lazy, made.name, is_async)
        else ""
    )


def misused(function: FunctionInfo, made: Made) -> str:
    """Why not all uses of the session can lie in one block."""
    name, node = made.name, function.node
    if any(isinstance(one, tree.Global) and name in one.names for one in statements(node.body)):
        return f"`{name}` is a global variable"
    inside = {id(one) for one in walk([made.assign, made.rest])}
    if any(_names(one, name) and id(one) not in inside for one in walk(node.body)):
        return f"`{name}` is used outside of the block of code in which it is made"
    if any(binds(one, name) for one in walk(made.rest)):
        return f"`{name}` is given another value later"
    if any(_keeps(one, name) for one in walk(made.rest)):
        return f"`{name}` is given to somebody who keeps it"
    return ""


def _method(made: Made) -> str:
    """The method that makes the holder: `connect` of `await engine.connect()`."""
    call = made.assign.value.value if isinstance(made.assign.value, tree.Await) else made.assign.value
    function = call.function if isinstance(call, tree.Call) else None
    return function.name if isinstance(function, tree.Attribute) else ""


def _names(node: tree.Node, name: str) -> bool:
    return isinstance(node, tree.Name) and node.id == name


def _keeps(node: tree.Node, name: str) -> bool:
    """Whether another variable, an attribute or a container gets the session, or it is returned."""
    match node:
        case tree.Assign(value=value) | tree.Return(value=value):
            items = value.items if isinstance(value, tree.Sequence) else [value]
            return any(item is not None and _names(item, name) for item in items)
        case _:
            return False


def _header(is_async: bool, holder: Holder, made: Made) -> str:
    """What opens the block; `!` says that the `await` of the assignment goes."""
    drops = made.awaited and holder.kind in _CONNECTIONS
    return f"{'async with' if is_async else 'with'}{'!' if drops else ''}"


def _closes(body: list[tree.Statement], name: str) -> Iterator[tuple[list[tree.Statement], int, tuple[int, int]]]:
    """The statements that do nothing but close the session: their block, their index in it and their place."""
    for inner in bodies(body):
        for index, statement in enumerate(inner):
            if not isinstance(statement, tree.Evaluate):
                continue
            value = statement.value
            call = value.value if isinstance(value, tree.Await) else value
            match call:
                case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name=method), arguments=[]):
                    if owner == name and method in _CLOSES:
                        span = value.span if isinstance(value, tree.Await) else call.span
                        yield inner, index, span[:2]
                case _:
                    pass


_Closes = list[tuple[list[tree.Statement], int, tuple[int, int]]]


def _covered(made: Made, closes: _Closes) -> tuple[list[tree.Statement], bool]:
    """What the block has to cover as far as the session itself goes, and whether the session was closed at its end."""
    last = max((index for index, one in enumerate(made.rest) if _mentions(one, made.name)), default=-1)
    covered = made.rest[: last + 1]
    if not covered:
        return [], False
    if any(body is made.rest and index == last for body, index, _ in closes):
        return covered, True
    final = covered[-1].final if isinstance(covered[-1], tree.Try) else []
    return covered, any(body is final for body, _, _ in closes)


def _mentions(part: object, name: str) -> bool:
    return any(_names(one, name) for one in walk([part]))


def _superfluous(covered: list[tree.Statement], made: Made, closes: _Closes) -> Iterator[tuple[int, int]]:
    """The closes right before the block is left anyway: at its end, or before a `return` or `raise` that waits not."""
    for body, index, at in closes:
        following = body[index + 1] if index + 1 < len(body) else None
        if body is made.rest:
            if index == len(covered) - 1 and index > 0:
                yield at
        elif isinstance(covered[-1], tree.Try) and body is covered[-1].final:
            if len(body) == 1 and len(covered) == 1:
                yield at
        elif isinstance(following, tree.Return | tree.Raise) and not any(
            isinstance(one, tree.Await) for one in walk([following])
        ):
            yield at


def needs_objects(analysis: Analysis, body: list[tree.Statement], *, is_async: bool) -> bool:
    """Whether what was loaded may need the session where it is read: an async one never loads without being asked.

    Code that asks an object for its session needs it, too.
    """
    if not is_async or analysis.project.naming("awaitable_attrs") or analysis.project.naming("object_session"):
        return True
    return any(isinstance(one, tree.Attribute) and one.name in _LAZY_ASYNC for one in walk(body))


def doubts(
    analysis: Analysis,
    function: FunctionInfo,
    made: Made,
    objects: frozenset[str],
    *,
    is_async: bool,
    ends: bool = False,
) -> Iterator[str]:
    """What is not proved about the block."""
    inner = [one for one in walk(made.rest) if isinstance(one, tree.Function)]
    if any(_mentions(one, made.name) for one in inner):
        yield "a function inside uses it, and may run when the block is left"
    if ends:
        return
    inside = {id(one) for one in walk(made.rest)}
    if any(
        isinstance(one, tree.Name) and one.id in objects and id(one) not in inside for one in walk(function.node.body)
    ):
        yield "what it has loaded is used behind the block"
    if (not is_async or analysis.project.naming("awaitable_attrs")) and results.leaves(
        made.rest, results.derived(made.name, made.rest)
    ):
        yield "what it has loaded leaves the function, and can load no more then"
