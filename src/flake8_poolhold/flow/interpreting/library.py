"""Library calls: what the analysis must know of a callable that is not the project's."""

from __future__ import annotations

import functools

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import blocking, callers, engines, escapes, holding, queries, tasks, waits
from flake8_poolhold.flow.fastapi import background
from flake8_poolhold.flow.interpreting import callbacks, contexts, makers, running, special
from flake8_poolhold.flow.interpreting.arguments import Arguments
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import UNKNOWN, ClassOf, Library, Method, Suspended, Value, holders_in
from flake8_poolhold.flow.naming import types

_ENDINGS = frozenset({"sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit", "typing.assert_never"})
"""Functions that never return."""

_CONTAINER = (".get", ".resolve", ".create_object", ".get_instance")
"""Methods of dependency containers: given a class, they return an instance of it, the same for everybody."""

LOGGERS = ("logging.", "structlog.", "loguru.")
"""Where the loggers of libraries come from: they swallow what goes wrong in them."""

_SORTING = frozenset({"builtins.sorted", "builtins.next", "builtins.iter"})
"""Functions with a meaning of their own that may be given another one."""

_SURE = frozenset(
    {
        "builtins.id",
        "builtins.print",
        "builtins.repr",
        "builtins.str",
        "builtins.type",
        "contextlib.suppress",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "time.monotonic",
        "time.perf_counter",
        "time.process_time",
        "time.time",
        "traceback.format_exc",
        "traceback.print_exc",
        "uuid.uuid4",
    }
)
"""Functions that raise nothing, and that code likes to call between what it cleans up and the cleaning."""

_QUIET = (
    "builtins.",
    *LOGGERS,
    "warnings.",
    "typing.",
    "copy.",
    "json.",
    "inspect.",
    "weakref.",
)


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
    if path in _SURE:
        return UNKNOWN if path.startswith("builtins.") else Library(f"{path}()")
    own = special.SPECIAL.get(path) or running.LOOPS.get(path)
    if own is not None:
        if path in _SORTING:
            callbacks.run(frame, state, arguments, span)
        return own(frame, state, arguments, span)
    if path == "contextlib.ExitStack.enter_context" and arguments:
        return contexts.enter_stacked(frame, state, arguments[0].value, span, is_async=False)
    if path in (
        "contextlib.AsyncExitStack.push_async_callback",
        "contextlib.ExitStack.callback",
        "contextlib.AsyncExitStack.callback",
    ):
        _stack_callbacks(frame, arguments)
        callbacks.run(frame, state, arguments, span)
        return UNKNOWN
    if path == "contextlib.AsyncExitStack.enter_async_context":
        return Suspended("coroutine", callee, arguments)
    if path in running.CONCURRENT or path in running.THREADS:
        return Suspended("coroutine", callee, arguments)
    if path in running.WORKERS or path.endswith(".run_in_executor"):
        worker = Suspended("coroutine", callee, arguments)
        tasks.start(frame, state, worker, span, "thread", path.rpartition(".")[2])
        return worker
    if path in running.TASKS or path.endswith((".create_task", ".start_soon")):
        return running.start(frame, state, callee, arguments, span)
    if path.startswith(running.EXECUTORS) and path.endswith(".map") and arguments:
        return Suspended("coroutine", arguments[0].value, arguments[1:])
    if escapes.is_queue(path):
        escapes.enqueue(frame, state, path, arguments, span)
    if escapes.is_handover(path):
        escapes.hand_over(frame, state, arguments, span)
        background.add(frame, state, arguments[0].value if arguments else UNKNOWN, span)
        return Library(path if path.rpartition(".")[2][:1].isupper() else f"{path}()")
    if path.endswith(waits.STREAMS):
        escapes.stream(frame, state, arguments, span)
    made = makers.made(frame, state, path, arguments, span)
    if made is not None:
        return made
    wait = frame.analysis.knowledge.wait_of_blocking_call(path)
    if wait is not None:
        waits.reach(frame, state, wait, path, span)
        blocking.library(frame, state, wait, path, span)
    callbacks.run(frame, state, arguments, span)
    if path.startswith(_QUIET):
        for argument in arguments:  # a named tuple keeps them
            frame.escaped.update(holder.place for holder in holders_in(argument.value))
        if not path.startswith(LOGGERS):
            frame.may_raise(state)
        return Library(f"{path}()") if not path.startswith("builtins.") else UNKNOWN
    return ordinary(frame, state, callee, arguments, span)


def _stack_callbacks(frame: Frame, arguments: Arguments) -> None:
    """`stack.push_async_callback(db.close)`: leaving the stack closes the holder."""
    for argument in arguments:
        for holder in holders_in(argument.value):
            frame.managed.add(holder.place)
            if isinstance(argument.value, Method) and argument.value.name in ("close", "aclose", "rollback", "commit"):
                frame.stacked.append(functools.partial(holding.release, place=holder.place, closed=True))


def ordinary(frame: Frame, state: State, callee: Library, arguments: Arguments, span: tree.Span) -> Value:
    """A call of which nothing is known but the path: holders that it is given may be used by it."""
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
    made, locks = queries.built(callee, returned or (path if is_class else _called(path)), arguments)
    return Library(made, tuple(dict.fromkeys(held)), locks)


def _called(path: str) -> str:
    """The path of what a call returns. A method of what the same method has returned adds nothing: a recursion over
    `node.get("children")` would have a longer one in each turn.
    """
    name = path.rpartition(".")[2]
    again = f".{name}().{name}"
    return path[: -len(name) - 1] if path.endswith(again) else f"{path}()"
