"""Library calls whose meaning the analysis must know: makers of holders, markers, task starters, wrappers."""

from __future__ import annotations

import functools
from collections.abc import Callable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import (
    blocking,
    callers,
    concurrency,
    engines,
    escapes,
    fanout,
    holding,
    queries,
    tasks,
    waits,
)
from flake8_poolhold.flow.fastapi import background
from flake8_poolhold.flow.interpreting import calls, contexts, expressions
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    BoundArgument,
    ClassOf,
    Depends,
    Engine,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Literally,
    Method,
    Router,
    Series,
    Suspended,
    Table,
    Value,
    holders_in,
    join,
    options,
)
from flake8_poolhold.flow.naming import dispatch, names, objects, types

Arguments = tuple[BoundArgument, ...]
_Special = Callable[[Frame, State, Arguments, tree.Span], Value]

_CONCURRENT = frozenset(
    {
        "asyncio.gather", "asyncio.wait", "asyncio.wait_for", "asyncio.shield", "asyncio.as_completed", "anyio.gather",
        "asyncio.timeouts.wait_for",
    }
)  # fmt: skip
_TASKS = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup.create_task",
          "asyncio.get_event_loop().create_task",
          "asyncio.get_running_loop().create_task")  # fmt: skip
_THREADS = frozenset(
    {
        "asyncio.to_thread", "starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool",
        "anyio.to_thread.run_sync", "asgiref.sync.sync_to_async",
    }
)  # fmt: skip
_EXECUTORS = ("concurrent.futures.ThreadPoolExecutor.", "concurrent.futures.thread.ThreadPoolExecutor.")
_WORKERS = frozenset(
    {
        "threading.Thread", "concurrent.futures.ThreadPoolExecutor.submit",
        "concurrent.futures.thread.ThreadPoolExecutor.submit",
    }
)  # fmt: skip
_ENDINGS = frozenset({"sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit", "typing.assert_never"})
"""Functions that never return."""

_CONTAINER = (".get", ".resolve", ".create_object", ".get_instance")
"""Methods of dependency containers: given a class, they return an instance of it, the same for everybody."""

_LOGGING = ("logging.", "structlog.", "loguru.")
"""Loggers swallow what goes wrong in them."""

_QUIET = (
    "builtins.",
    "logging.",
    "structlog.",
    "loguru.",
    "warnings.",
    "typing.",
    "copy.",
    "json.",
    "inspect.",
    "weakref.",
)


def positional(arguments: Arguments) -> list[Value]:
    """The positional arguments of a call."""
    return [argument.value for argument in arguments if argument.keyword is None and not argument.star]


def keyword(arguments: Arguments, name: str) -> Value | None:
    """The keyword argument `name`, looked up through `**` of a literal dict too."""
    for argument in arguments:
        if argument.keyword == name:
            return argument.value
        if argument.star == "**" and isinstance(argument.value, Table):
            value = argument.value.get(name)
            if value != UNKNOWN:
                return value
    return None


def keeps_loaded(expire_on_commit: Value) -> bool | None:
    """Whether loaded objects outlive a commit, by the value given for `expire_on_commit`."""
    return not expire_on_commit.value if isinstance(expire_on_commit, Literally) else None


def call(frame: Frame, state: State, callee: Library, arguments: Arguments, span: tree.Span) -> Value:
    """A call of a library's callable."""
    path = callee.path
    if path in _ENDINGS:
        frame.may_raise(state)
        state.dead = True
        return UNKNOWN
    if path in frame.analysis.project.settings.release_functions:
        for holder in (one for argument in arguments for one in holders_in(argument.value)):
            waits.used(frame, state, holder.place)
            holding.release(state, holder.place, closed=False)
        return UNKNOWN
    if path in callers.TOOLS:
        callers.given(frame, state, path, arguments, span)
    special = _SPECIAL.get(path)
    if special is not None:
        return special(frame, state, arguments, span)
    if path == "contextlib.ExitStack.enter_context" and arguments:
        return contexts.enter_stacked(frame, state, arguments[0].value, span, is_async=False)
    if path in (
        "contextlib.AsyncExitStack.push_async_callback",
        "contextlib.ExitStack.callback",
        "contextlib.AsyncExitStack.callback",
    ):
        _stack_callbacks(frame, arguments)
        return UNKNOWN
    if path == "contextlib.AsyncExitStack.enter_async_context":
        return Suspended("coroutine", callee, arguments)
    if path in _CONCURRENT or path in _THREADS:
        return Suspended("coroutine", callee, arguments)
    if path in _WORKERS or path.endswith(".run_in_executor"):
        worker = Suspended("coroutine", callee, arguments)
        tasks.start(frame, state, worker, span, "thread", path.rpartition(".")[2])
        return worker
    if path in _TASKS or path.endswith((".create_task", ".start_soon")):
        return _start(frame, state, callee, arguments, span)
    if path.startswith(_EXECUTORS) and path.endswith(".map") and arguments:
        return Suspended("coroutine", arguments[0].value, arguments[1:])
    if escapes.is_queue(path):
        escapes.enqueue(frame, state, path, arguments, span)
    if escapes.is_handover(path):
        escapes.hand_over(frame, state, arguments, span)
        background.add(frame, state, arguments[0].value if arguments else UNKNOWN, span)
        return Library(path if path.rpartition(".")[2][:1].isupper() else f"{path}()")
    if path.endswith(waits.STREAMS):
        escapes.stream(frame, state, arguments, span)
    made = _maker(frame, state, path, arguments, span)
    if made is not None:
        return made
    wait = frame.analysis.knowledge.wait_of_blocking_call(path)
    if wait is not None:
        waits.reach(frame, state, wait, path, span)
        blocking.library(frame, state, wait, path, span)
    if path.startswith(_QUIET):
        for argument in arguments:  # a named tuple keeps them
            frame.escaped.update(holder.place for holder in holders_in(argument.value))
        if not path.startswith(_LOGGING):
            frame.may_raise(state)
        return Library(f"{path}()") if not path.startswith("builtins.") else UNKNOWN
    return _ordinary(frame, state, callee, arguments, span)


def _stack_callbacks(frame: Frame, arguments: Arguments) -> None:
    """`stack.push_async_callback(db.close)`: leaving the stack closes the holder."""
    for argument in arguments:
        for holder in holders_in(argument.value):
            frame.managed.add(holder.place)
            if isinstance(argument.value, Method) and argument.value.name in ("close", "aclose", "rollback", "commit"):
                frame.stacked.append(functools.partial(holding.release, place=holder.place, closed=True))


def _ordinary(frame: Frame, state: State, callee: Library, arguments: Arguments, span: tree.Span) -> Value:
    path = callee.path
    for argument in arguments:
        engines.connects(frame, argument.value)
        if not path.startswith(engines.USERS):
            engines.kept(frame, argument.value)
    is_class = path.rpartition(".")[2][:1].isupper()
    held = list(callee.holders)
    if is_class:
        for argument in arguments:
            for holder in holders_in(argument.value):
                frame.known.setdefault(holder.place, holder)
                frame.escaped.add(holder.place)
                held.append(holder.place)
    else:
        held += holding.touched_by_unknown(frame, state, arguments, span, path)
        for place in callee.holders:  # a method of a library's object that has the session
            if place in state.holders:
                unsure = (frame.step(span, f"{waits.display(path)}, which is not understood", "note"),)
                state.holders[place] = msgspec.structs.replace(state.holders[place], unsure=unsure)
    frame.may_raise(state)
    if path.endswith(_CONTAINER) and len(arguments) == 1 and isinstance(arguments[0].value, ClassOf):
        wanted = arguments[0].value
        return types.instance(frame.analysis, wanted, types.global_place(path, wanted.cls))
    returned = frame.analysis.knowledge.returns(path)
    made, locks = queries.built(callee, returned or (path if is_class else f"{path}()"), arguments)
    return Library(made, tuple(dict.fromkeys(held)), locks)


def resume(frame: Frame, state: State, target: Library, arguments: Arguments, span: tree.Span) -> Value:
    """Await a library coroutine that runs what it was given: a gather, a timeout, a thread."""
    path = target.path
    values = positional(arguments)
    if path == "contextlib.AsyncExitStack.enter_async_context" and values:
        return contexts.enter_stacked(frame, state, values[0], span, is_async=True)
    if path in _THREADS or path.endswith(".run_in_executor"):
        frame.may_be_cancelled(state)
        return _in_thread(frame, state, arguments, span, skipped=1 if path.endswith(".run_in_executor") else 0)
    if path == "threading.Thread" or path.endswith(".submit"):
        return _in_worker(frame, state, path, arguments, span)
    if path.endswith((".gather", ".wait", ".as_completed")):
        ways = concurrency.branches(frame, arguments)
        concurrency.together(frame, state, ways, span, path.rpartition(".")[2])
    started = {value: frame.started[value] for value in values if value in frame.started and value in frame.shelved}
    results: list[Value] = []
    for argument in arguments:
        for option in options(argument.value):
            if isinstance(option, Series) and not expressions.is_few(option):
                for item in option.items:
                    fanout.started(frame, state, item, span)
        if argument.star == "*":
            items = argument.value.items if isinstance(argument.value, Series) else (contexts.element(argument.value),)
            results.extend(_awaited(frame, state, item, span) for item in items)
    is_shield = path.endswith(".shield")
    frame.shields += is_shield
    results = [*(_awaited(frame, state, value, span) for value in values), *results]
    frame.shields -= is_shield
    if is_shield:
        frame.started |= started  # whoever waits for it may be cancelled, and it goes on for the others
    if path.endswith((".gather", ".wait", ".as_completed")):
        flat = [
            item
            for result in results
            for item in (result.items if isinstance(result, Series) and len(results) == 1 else (result,))
        ]
        exact = all(not argument.star for argument in arguments)
        return Series(tuple(flat), exact)
    return results[0] if results else UNKNOWN


def _awaited(frame: Frame, state: State, value: Value, span: tree.Span) -> Value:
    if isinstance(value, Suspended | Series) or (isinstance(value, Library) and value.path.endswith("()")):
        return calls.await_value(frame, state, value, span)
    return UNKNOWN


def _in_worker(frame: Frame, state: State, path: str, arguments: Arguments, span: tree.Span) -> Value:
    """`Thread(target=f, args=(a, b))`, `executor.submit(f, a, b)`: what it runs."""
    if path.endswith(".submit"):
        return _in_thread(frame, state, arguments, span, skipped=0)
    target, given = keyword(arguments, "target"), keyword(arguments, "args")
    items = given.items if isinstance(given, Series) else ()
    if target is None:
        return UNKNOWN
    return _in_thread(frame, state, tuple(BoundArgument(value) for value in (target, *items)), span, skipped=0)


def _in_thread(frame: Frame, state: State, arguments: Arguments, span: tree.Span, skipped: int) -> Value:
    """A function run in a thread: its waits hold what the caller holds, but they do not block the loop."""
    rest = arguments[skipped:]
    if not rest:
        return UNKNOWN
    threaded, frame.threaded = frame.threaded, True
    try:
        kept = tuple(
            argument for argument in rest[1:] if argument.keyword not in ("cancellable", "limiter", "abandon_on_cancel")
        )
        return calls.call(frame, state, rest[0].value, kept, span)
    finally:
        frame.threaded = threaded


def _start(frame: Frame, state: State, callee: Library, arguments: Arguments, span: tree.Span) -> Value:
    """A task is started: it runs beside the caller and counts where it is awaited."""
    values = positional(arguments)
    if not values:
        return UNKNOWN
    first = values[0]
    if callee.path.endswith(".start_soon") and isinstance(first, FunctionOf):
        first = Suspended("coroutine", first, arguments[1:])
    is_grouped = callee.path.startswith(("asyncio.TaskGroup.", "anyio.", "trio."))
    if not is_grouped or frame.grouped is not None:  # somebody else's group may be open for as long as it likes
        tasks.start(frame, state, first, span, "task", "TaskGroup" if is_grouped else "create_task")
    if frame.in_loop:
        fanout.started(frame, state, first, span)
    if frame.grouped is not None and is_grouped:
        frame.grouped.append(first)
        return UNKNOWN  # it has ended when the group is left
    return first if isinstance(first, Suspended) else UNKNOWN


def _maker(frame: Frame, state: State, path: str, arguments: Arguments, span: tree.Span) -> Value | None:
    """Calls that make holders, sessionmakers and engines."""
    known = frame.analysis.holders
    found = known.class_at(path)
    if found is not None and found[1].kind == "session":
        given = positional(arguments)[:1]
        if given and isinstance(given[0], Holder) and known.classes[given[0].kind].kind == "session":
            return given[0]  # a `NewType` of a session is that session
        if "scoped" in found[0]:
            return _scoped(frame, found[0], arguments, span)
        bound = any(isinstance(v, Holder) and known.classes[v.kind].kind == "connection" for v in _binds(arguments))
        for bind in _binds(arguments):
            engines.connects(frame, bind)
        keeps = keyword(arguments, "expire_on_commit")
        return holding.made(
            frame, state, found[0], span, keeps=keeps_loaded(keeps) if keeps is not None else False, bound=bound
        )
    kind = known.factories.get(path)
    if kind is None:
        return None
    site = f"{frame.path}:{span[0]}"
    if known.classes[kind].kind == "engine":
        engines.made(frame, site, span, arguments)
        return Engine(kind, site)
    if "scoped" in path.lower():
        return _scoped(frame, kind, arguments, span)
    engines.bound(frame, site, arguments)
    return _sessionmaker(frame, kind, arguments, site)


def _binds(arguments: Arguments) -> list[Value]:
    return [argument.value for argument in arguments if argument.keyword in (None, "bind")]


def _scoped(frame: Frame, kind: str, arguments: Arguments, span: tree.Span) -> Value:
    for argument in arguments:
        engines.kept(frame, argument.value)  # a registry lives on
    return Holder(kind, types.global_place(frame.path, f"{span[0]}:{span[1]}"))


def _sessionmaker(frame: Frame, kind: str, arguments: Arguments, site: str) -> Value:
    wanted = keyword(arguments, "class_")
    if wanted is not None:
        made = types.instance(frame.analysis, wanted, types.global_place(frame.path, site))
        if isinstance(made, Holder):
            kind = made.kind
    expire = keyword(arguments, "expire_on_commit")
    opaque = any(argument.star == "**" and not isinstance(argument.value, Table) for argument in arguments)
    keeps = keeps_loaded(expire) if expire is not None else None if opaque else False
    bound = any(isinstance(v, Holder) for v in _binds(arguments))
    return Factory(kind, keeps, bound, site)


def _depends(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    target = values[0] if values else keyword(arguments, "dependency")
    cached = keyword(arguments, "use_cache") != Literally(False)
    return Depends(None if target == NONE else target, cached, keyword(arguments, "scope") == Literally("function"))


def _partial(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if not values or not isinstance(values[0], FunctionOf):
        return values[0] if values and isinstance(values[0], Library | Factory | ClassOf) else UNKNOWN
    function = values[0]
    return FunctionOf(function.function, function.receiver, function.captured, function.bound + arguments[1:])


def _second(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return values[1] if len(values) > 1 else UNKNOWN


def _cast(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`cast(T, x)`: an instance of a class of the project is one of `T`; what is known of others stays."""
    values = positional(arguments)
    if len(values) > 1 and isinstance(values[0], ClassOf):
        wanted = values[0].cls
        found = [option for option in options(values[1]) if isinstance(option, Instance)]
        same = [option for option in found if wanted in names.mro(frame.analysis, option.cls)[0]]
        if found:
            return join(same) if same else Instance(wanted, found[0].place)
    if len(values) < 2 or values[1] != UNKNOWN:
        return _second(frame, state, arguments, span)
    return types.instance(frame.analysis, values[0], types.global_place(frame.path, f"cast:{span[0]}"))


def _first(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return values[0] if values else UNKNOWN


def _collected(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if not values:
        return Series((), exact=False)
    if isinstance(values[0], Series):
        return values[0]
    return contexts.item_of(frame, state, values[0], span, is_async=False)


def _next(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`next(get_db())`: the generator is driven by hand up to its `yield`."""
    values = positional(arguments)
    if values and isinstance(values[0], Suspended) and values[0].kind == "generator":
        target = values[0].target
        if isinstance(target, FunctionOf) and frame.analysis.functions[target.function].node.is_async:
            frame.may_raise(state)
            return UNKNOWN  # a TypeError, whatever was meant
        return contexts.drive(frame, state, values[0], "__next__", span)
    return contexts.element(values[0]) if values else UNKNOWN


def _anext(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if values and isinstance(values[0], Suspended) and values[0].kind == "generator":
        return contexts.drive(frame, state, values[0], "__anext__", span)
    return values[0] if values else UNKNOWN


def _getattr(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if len(values) > 1 and isinstance(values[1], Literally) and isinstance(values[1].value, str):
        return join((objects.attribute(frame, state, values[0], values[1].value, span), *values[2:3]))
    return dispatch.member(frame, values[0], values[1]) if len(values) > 1 else UNKNOWN


def _import_module(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return dispatch.import_module(frame, values[0]) if values else UNKNOWN


def _by_path(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    return dispatch.by_path(frame, values[0]) if values else UNKNOWN


def _changed(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """`setattr(note, name, value)`"""
    for value in positional(arguments)[:1]:
        for option in options(value):
            objects.change(state, option, frame.step(span, "setattr()", "note"))
    return UNKNOWN


def _super(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    info = frame.function
    if info is None or not info.owner or not info.node.parameters:
        return UNKNOWN
    receiver = state.env.get(info.node.parameters[0].name, UNKNOWN)
    above = names.mro(frame.analysis, info.owner)[0][1:]
    if not above:
        return receiver if isinstance(receiver, Holder) else UNKNOWN
    if isinstance(receiver, Instance):
        return Instance(above[0], receiver.place)
    return ClassOf(above[0]) if isinstance(receiver, ClassOf) else receiver


def _run(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    """A coroutine runs on a loop of its own: what blocks that one does not block the caller's."""
    values = positional(arguments)
    threaded, frame.threaded = frame.threaded, True
    try:
        return calls.await_value(frame, state, values[0], span) if values else UNKNOWN
    finally:
        frame.threaded = threaded


def _run_function(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    if not arguments:
        return UNKNOWN
    coroutine = calls.call(frame, state, arguments[0].value, arguments[1:], span)
    return _run(frame, state, (BoundArgument(coroutine),), span)


def _text(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    values = positional(arguments)
    if values and isinstance(values[0], Literally) and isinstance(values[0].value, str):
        return queries.of_text(values[0].value)
    return Library(queries.TEXT)


def _closing(path: str) -> _Special:
    def closing(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
        held = [holder for argument in arguments for holder in holders_in(argument.value)]
        for holder in held:
            frame.known.setdefault(holder.place, holder)
        if held:
            return Library(path, tuple(holder.place for holder in held))
        return _first(frame, state, arguments, span)

    return closing


def _router(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    listed = keyword(arguments, "dependencies")
    depends = tuple(item for item in listed.items if isinstance(item, Depends)) if isinstance(listed, Series) else ()
    return Router(f"{frame.path}:{span[0]}:{span[1]}", depends)


def _sleep(path: str) -> _Special:
    def sleep(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
        if positional(arguments)[:1] == [Literally(0)]:
            return UNKNOWN  # lets others run and goes on
        return _ordinary(frame, state, Library(path), arguments, span)

    return sleep


def _range(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    match positional(arguments):
        case [Literally(value=int(count))] if count > 0:
            return Library("builtins.range(+)")
        case values if any(value == _LENGTH for value in values):
            return UNKNOWN
        case _:
            return Library("builtins.range(?)")


_LENGTH = Library("builtins.len()")


def _len(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> Value:
    return _LENGTH


_SPECIAL: dict[str, _Special] = {
    "builtins.range": _range,
    "builtins.len": _len,
    "fastapi.APIRouter": _router,
    "fastapi.FastAPI": _router,
    "fastapi.routing.APIRouter": _router,
    "fastapi.applications.FastAPI": _router,
    "fastapi.Depends": _depends,
    "fastapi.Security": _depends,
    "fastapi.params.Depends": _depends,
    "fastapi.params.Security": _depends,
    "functools.partial": _partial,
    "typing.NewType": _second,
    "typing.cast": _cast,
    "builtins.setattr": _changed,
    "builtins.delattr": _changed,
    "sqlalchemy.orm.attributes.flag_modified": _changed,
    "builtins.super": _super,
    "builtins.getattr": _getattr,
    "builtins.next": _next,
    "builtins.anext": _anext,
    "builtins.list": _collected,
    "builtins.tuple": _collected,
    "builtins.set": _collected,
    "builtins.sorted": _collected,
    "builtins.reversed": _collected,
    "builtins.iter": _first,
    "builtins.aiter": _first,
    "importlib.import_module": _import_module,
    "pydoc.locate": _by_path,
    "werkzeug.utils.import_string": _by_path,
    "django.utils.module_loading.import_string": _by_path,
    "asyncio.sleep": _sleep("asyncio.sleep"),
    "anyio.sleep": _sleep("anyio.sleep"),
    "asyncio.run": _run,
    "asyncio.run_coroutine_threadsafe": _run,
    "anyio.run": _run_function,
    "anyio.from_thread.run": _run_function,
    "asgiref.sync.async_to_sync": _first,
    "contextlib.nullcontext": _closing("contextlib.nullcontext()"),
    "contextlib.aclosing": _closing("contextlib.aclosing()"),
    "contextlib.closing": _closing("contextlib.closing()"),
    "contextlib.asynccontextmanager": _first,
    "contextlib.contextmanager": _first,
    "sqlalchemy.text": _text,
    "sqlalchemy.sql.text": _text,
    "sqlalchemy.sql.expression.text": _text,
    "sqlmodel.text": _text,
}
