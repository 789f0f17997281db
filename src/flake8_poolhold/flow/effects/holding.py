"""What the methods of holders do: checkouts, releases, locks and writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import blocking, cancelling, engines, loaded, queries, sharing, waits
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import (
    CLOSED,
    FRESH,
    HELD,
    RELEASED,
    SOME_OBJECT,
    WRITTEN_OBJECT,
    HolderState,
    State,
)
from flake8_poolhold.flow.model.values import (
    ANY_KEY,
    UNKNOWN,
    BoundArgument,
    Engine,
    Factory,
    Holder,
    Literally,
    Loaded,
    Method,
    Opening,
    Origin,
    Place,
    QueryOf,
    Series,
    Suspended,
    Table,
    Unknown,
    Value,
    holders_in,
    join,
    options,
)
from flake8_poolhold.knowledge.holders import Effect, HolderClass

_WRITING = frozenset({"add", "add_all", "delete", "delete_all", "merge", "merge_all", "flush"})
_WRITING_BULK = frozenset({"bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"})
_STATEMENTS = frozenset({"execute", "scalar", "scalars", "exec", "stream", "stream_scalars", "exec_driver_sql"})
_DRIVER_STATEMENTS = frozenset({"executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table", "prepare"})


def made_at(frame: Frame, span: tree.Span) -> Place:
    """The place of the holder that a call at `span` makes."""
    if frame.function is not None:
        return Place(Origin("new", frame.function.id, f"{span[0]}:{span[1]}"))
    return Place(Origin("global", frame.path, f"{span[0]}:{span[1]}"))


def made(
    frame: Frame, state: State, kind: str, span: tree.Span, *, keeps: bool | None, bound: bool, cls: str = ""
) -> Holder:
    """A new holder, open and never checked out."""
    place = made_at(frame, span)
    holder = Holder(kind, place, cls, keeps)
    frame.known[place] = holder
    if frame.function is not None:
        state.holders[place] = HolderState(frozenset({FRESH}), bound=bound)
        frame.made.setdefault(place, (span, ""))
    if frame.reporting and not frame.muted:
        frame.analysis.events.holders.setdefault(frame.path, set()).add(span[:2])
    return holder


def given(frame: Frame, state: State) -> None:
    """A function starts: one that is given a holder counts as a place where one was recognised."""
    info = frame.function
    if info is None or not frame.reporting or frame.muted:
        return
    for parameter in info.node.parameters:
        if any(isinstance(option, Holder) for option in options(state.env.get(parameter.name, UNKNOWN))):
            frame.analysis.events.holders.setdefault(info.path, set()).add((info.node.span[0], info.node.span[1]))


def call(frame: Frame, state: State, method: Method, arguments: tuple[BoundArgument, ...], span: tree.Span) -> Value:
    """A call of a holder's, engine's, factory's or result's method. Coroutines take effect when they are awaited."""
    target = method.target
    match target:
        case Holder(kind=kind):
            known = frame.analysis.holders.classes[kind]
            if method.name == "configure":
                _configured(frame, arguments)
            if method.name in ("begin", "begin_nested", "transaction"):
                return _begin(frame, state, target, method.name)
            if known.is_async and method.name in known.methods and not _plain(method.name):
                return Suspended("coroutine", method, arguments)
            return run(frame, state, target, method.name, arguments, span)
        case Engine():
            engines.connects(frame, target)
            if method.name in ("dispose", "close", "aclose", "terminate", "sync_engine"):
                engines.kept(frame, target)
            if method.name in ("release", "putconn"):
                for holder in (one for argument in arguments for one in holders_in(argument.value)):
                    release(state, holder.place, closed=True)
            return _engine(frame, state, target, method.name, span)
        case Factory() if method.name == "configure":
            _configured(frame, arguments)
            return UNKNOWN
        case Factory() if method.name == "begin":
            engines.connects(frame, target)
            holder = made(frame, state, target.kind, span, keeps=target.keeps_loaded, bound=target.bound)
            return Opening(holder, acquires=False, transaction=True, owned=True)
        case QueryOf(holder=holder):
            return _query(frame, state, holder, method.name, span)
        case Table():
            return _table(target, method.name, arguments)
        case Opening() if method.name in ("start", "__aenter__", "__enter__"):
            return Suspended("coroutine", method, arguments)
        case _:
            return UNKNOWN


def _configured(frame: Frame, arguments: tuple[BoundArgument, ...]) -> None:
    """A sessionmaker, or a registry on one, is configured: who keeps it keeps the engine."""
    for argument in arguments:
        engines.kept(frame, argument.value)


def _query(frame: Frame, state: State, holder: Holder, name: str, span: tree.Span) -> Value:
    """A method of a `Query`: builders stay lazy, fetching ones check out."""
    effect = frame.analysis.holders.classes["Query"].methods.get(name, "neutral")
    if name == "with_for_update":
        waits.used(frame, state, holder.place)
        before = state.holder(holder.place)
        lock = before.lock or (frame.step(span, "takes a row lock", "lock"),)
        state.holders[holder.place] = msgspec.structs.replace(before, lock=lock)
    if name == "yield_per":
        waits.used(frame, state, holder.place)
        state.holders[holder.place] = msgspec.structs.replace(state.holder(holder.place), streaming=True)
    if effect == "neutral" and name not in frame.analysis.holders.fetching:
        return QueryOf(holder)
    fetch(frame, state, holder, span, f"Query.{name}")
    if name in ("update", "delete"):
        written = (frame.step(span, f"runs Query.{name}", "note"),)
        state.holders[holder.place] = msgspec.structs.replace(state.holder(holder.place), dirty=written)
    frame.may_raise(state)
    return Loaded(holder.place)


def fetch(frame: Frame, state: State, holder: Holder, span: tree.Span, what: str) -> None:
    """The sync holder runs a statement."""
    waits.used(frame, state, holder.place)
    blocking.statement(frame, state, holder, what, span)
    checkout(frame, state, holder.place, span, "connection checked out")


def _table(table: Table, name: str, arguments: tuple[BoundArgument, ...]) -> Value:
    """A method of a dict."""
    match name:
        case "get" | "pop" | "setdefault":
            key = arguments[0].value if arguments else UNKNOWN
            found = table.get(key.value) if isinstance(key, Literally) and isinstance(key.value, str) else table.any()
            return join((found, *(argument.value for argument in arguments[1:])))
        case "values":
            return Series((table.any(),), exact=False, few=True)
        case "items":
            return Series((Series((UNKNOWN, table.any()), exact=True),), exact=False, few=True)
        case _:
            return UNKNOWN


_TEXTUAL = frozenset({"execute", "scalar", "scalars", "stream", "stream_scalars"})

_PLAIN = frozenset(
    {"add", "add_all", "expunge", "expunge_all", "expire", "expire_all", "is_modified", "get_bind", "in_transaction"}
)


def _plain(name: str) -> bool:
    """Methods of async sessions that are not coroutines."""
    return name in _PLAIN


def _begin(frame: Frame, state: State, holder: Holder, name: str) -> Value:
    return Opening(holder, acquires=False, transaction=name == "begin", owned=False)


def _engine(frame: Frame, state: State, engine: Engine, name: str, span: tree.Span) -> Value:
    known = frame.analysis.holders.classes[engine.kind]
    effect = known.methods.get(name)
    if effect not in ("acquires_on_enter", "acquires"):
        return UNKNOWN
    connection = known.gives or ("AsyncConnection" if known.is_async else "Connection")
    holder = made(frame, state, connection, span, keeps=None, bound=False)
    engines.opened(frame, holder.place, engine)
    blocking.connect(frame, state, engine, holder, name, span)
    if name == "raw_connection" and not known.is_async:
        frame.escaped.add(holder.place)  # in no cycle, unlike a session: it goes back with its last reference
    if not known.is_async and effect == "acquires":
        checkout(frame, state, holder.place, span, "connection checked out")
        return Opening(holder, acquires=False, transaction=name == "begin", owned=True) if name == "begin" else holder
    return Opening(holder, acquires=True, transaction=name == "begin", owned=True)


def run(
    frame: Frame, state: State, holder: Holder, name: str, arguments: tuple[BoundArgument, ...], span: tree.Span
) -> Value:
    """The method takes effect. An unknown method of a holder does nothing."""
    known = frame.analysis.holders.classes[holder.kind]
    effect = known.methods.get(name)
    place = holder.place
    if effect is None:
        return UNKNOWN
    if name in _TEXTUAL and _is_plain_text(frame, known, arguments):
        frame.may_raise(state)
        state.dead = True
        return UNKNOWN
    if known.kind == "connection" and effect == "neutral" and name in _STATEMENTS | _DRIVER_STATEMENTS:
        effect = "acquires"  # whoever acquired it: a connection that runs a statement is checked out
    if name == "run_sync" and arguments:
        return Suspended("coroutine", arguments[0].value, (BoundArgument(holder), *arguments[1:]))
    if frame.interrupted == "cancelled-old" and known.is_async and name in ("close", "aclose") and not frame.shields:
        frame.may_be_cancelled(state)  # before 2.0.33 a close that is cancelled closes nothing
    if frame.thrown and effect == "releases":
        cancelling.thrown(frame, state, place, span)
    if name == "commit":
        if _writes_objects(state, place):  # one that fails has lost them
            state.holders[place] = msgspec.structs.replace(state.holder(place), wrote=True)
        frame.may_raise(state)  # one that fails keeps the connection
    frame.known.setdefault(place, holder)
    frame.analysis.kinds[place] = holder.kind
    if name not in ("close", "detach", "invalidate"):
        frame.used_for.add(place)
    blocking.method(frame, state, holder, name, span)
    _apply(frame, state, place, name, effect, arguments, span)
    if not _plain(name):
        frame.may_raise(state)
    if name == "execution_options":
        return holder
    if name in ("query", "no_autoflush"):
        return QueryOf(holder) if name == "query" else UNKNOWN
    return Loaded(place, loaded.gives_entities(name))


def _is_plain_text(frame: Frame, known: HolderClass, arguments: tuple[BoundArgument, ...]) -> bool:
    """Whether a statement is a plain string, which SQLAlchemy 2 refuses before it asks for a connection."""
    if not arguments or not isinstance(arguments[0].value, Literally) or not isinstance(arguments[0].value.value, str):
        return False
    version = versions.oldest(frame.analysis.project, frame.path, "sqlalchemy")
    return known.names[0].startswith("sqlalchemy.") and version is not None and version >= (2, 0)


def _apply(
    frame: Frame,
    state: State,
    place: Place,
    name: str,
    effect: Effect,
    arguments: tuple[BoundArgument, ...],
    span: tree.Span,
) -> None:
    if effect in ("acquires", "may_acquire") or name in _WRITING or name == "commit":
        waits.used(frame, state, place, raced=name not in _PLAIN | {"delete"})  # reads for cascades only
    before = state.holder(place)
    match effect:
        case "acquires":
            checkout(frame, state, place, span, "connection checked out")
        case "may_acquire" if name not in ("flush", "begin_nested", "delete") or before.dirty or HELD in before.kinds:
            checkout(frame, state, place, span, "connection checked out")
        case "releases":
            release(state, place, closed=name in ("close", "aclose", "remove", "close_all"))
            sharing.release_shared(frame, state, place)
            return
        case "ends_tx_keeps":
            state.holders[place] = msgspec.structs.replace(before, dirty=(), lock=(), streaming=False)
            return
        case _:
            pass
    _mark(frame, state, place, name, arguments, span)


def checkout(frame: Frame, state: State, place: Place, span: tree.Span, text: str) -> None:
    """From here on the holder has a connection."""
    before = state.holder(place)
    if before.kinds == {HELD}:
        return
    is_own = place in frame.made or (place in frame.providers and not frame.guesses)
    if is_own and HELD not in before.kinds and not before.bound:
        waits.queue_for_connection(frame, state, place, span)
    since = before.since or (frame.step(span, text, "checkout"),)
    state.holders[place] = msgspec.structs.replace(before, kinds=frozenset({HELD}), since=since, touched=True)


def release(state: State, place: Place, *, closed: bool) -> None:
    """The connection goes back to the pool; a holder bound to a connection has none to give."""
    before = state.holder(place)
    if before.bound:
        state.holders[place] = msgspec.structs.replace(before, dirty=(), touched=True)
        return
    wrote = _writes_objects(state, place) or before.wrote
    state.holders[place] = HolderState(
        frozenset({CLOSED if closed else RELEASED}),
        begun=before.begun,
        bound=before.bound,
        touched=True,
        raced=before.raced,
        sure=before.sure,
        wrote=wrote,
    )


def _writes_objects(state: State, place: Place) -> bool:
    """Whether objects that the function was given and has changed are now no longer to be written."""
    if SOME_OBJECT not in state.holders or place.origin.how == "new":
        return False
    state.holders[WRITTEN_OBJECT] = state.holders.pop(SOME_OBJECT)
    return True


def _mark(
    frame: Frame, state: State, place: Place, name: str, arguments: tuple[BoundArgument, ...], span: tree.Span
) -> None:
    """Writes, locks and open cursors that a release would publish or lose."""
    holder = state.holder(place)
    dirty, unsure, lock, streaming = holder.dirty, holder.unsure, holder.lock, holder.streaming
    first = next((argument.value for argument in arguments if argument.keyword in (None, "statement")), UNKNOWN)
    here = (frame.step(span, f"{name}()", "note"),)
    if (name in _WRITING and name != "flush") or name in _WRITING_BULK:
        dirty = dirty or here
    elif name in _STATEMENTS:
        verdict = queries.verdict(first)
        dirty = dirty or (here if verdict == "writes" else ())
        unsure = unsure or (here if verdict == "unknown" else ())
        if verdict == "locks":
            lock = lock or (frame.step(span, "takes a lock that must outlive the call", "lock"),)
        streaming = streaming or name in ("stream", "stream_scalars") or queries.streams(arguments)
    for locking in _locking(name, arguments):
        if isinstance(locking, Unknown):
            unsure = unsure or here
        elif locking not in (Literally(False), Literally(None)):
            lock = lock or (frame.step(span, "takes a row lock", "lock"),)
    unsure = unsure or (here if name == "connection" else ())
    if name == "connection" and arguments:
        lock = lock or (frame.step(span, "sets execution options of the transaction", "lock"),)
    state.holders[place] = msgspec.structs.replace(holder, dirty=dirty, unsure=unsure, lock=lock, streaming=streaming)


def _locking(name: str, arguments: tuple[BoundArgument, ...]) -> Iterator[Value]:
    """What `with_for_update` is in a call: by name, in a dict, or the third argument of `refresh`."""
    for index, argument in enumerate(arguments):
        if argument.keyword == "with_for_update" or (name == "refresh" and index == 2 and argument.keyword is None):
            yield argument.value
        elif argument.star == "**" and name in _LOCKING:
            known = argument.value if isinstance(argument.value, Table) else None
            if known is None or any(key in ("with_for_update", ANY_KEY) for key, _ in known.items):
                yield known.get("with_for_update") if known is not None else UNKNOWN


_LOCKING = frozenset({"get", "get_one", "refresh"})
"""Methods with an argument that makes them lock the row."""


def touched_by_unknown(
    frame: Frame, state: State, arguments: tuple[BoundArgument, ...], span: tree.Span, name: str
) -> list[Place]:
    """Holders passed to a callee that is not understood: a sync one may query at once, an async one when awaited."""
    if frame.analysis.watch is not None:
        passed = [holder.place for argument in arguments for holder in holders_in(argument.value)]
        frame.analysis.watch.missed(frame, state, passed, span)
    places = []
    for argument in arguments:
        for holder in holders_in(argument.value):
            frame.known.setdefault(holder.place, holder)
            frame.handed_on.add(holder.place)
            if not isinstance(argument.value, Holder) or _may_keep(frame.calling):
                frame.escaped.add(holder.place)  # who knows who closes it now
            if frame.analysis.holders.classes[holder.kind].is_async:
                places.append(holder.place)
            else:
                query_by_unknown(frame, state, holder.place, span, name)
    return places


_KEEPERS = re.compile(
    r"[A-Z]|^$|_*(close|aclose|add|append|attach|bind|callback|clean|discard|dispose|done|end|enter|exit|finish|give|init"
    r"|insert|put|push|register|release|remove|return|save|schedule|set|shutdown|spawn|start|stop|store|submit|teardown"
    r"|track|update|use|with|wrap)"
)
"""The beginnings of the names of what may keep or close what it is given; other calls use it and come back."""


def _may_keep(name: str) -> bool:
    return _KEEPERS.match(name) is not None


def query_by_unknown(frame: Frame, state: State, place: Place, span: tree.Span, name: str) -> None:
    """A callee that is not understood has the holder: it is taken as queried, and anything may have been written."""
    waits.used(frame, state, place)
    checkout(frame, state, place, span, f"passed to {waits.display(name) or 'unknown code'}, which may query")
    before = state.holder(place)
    unsure = before.unsure or (frame.step(span, f"{waits.display(name) or 'a call'}, which is not understood", "note"),)
    state.holders[place] = msgspec.structs.replace(before, unsure=unsure)
