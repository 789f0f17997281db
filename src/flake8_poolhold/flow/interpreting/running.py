"""Library calls that run what they are given: at once, beside the caller, in a thread, on a loop of its own."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import concurrency, fanout, tasks
from flake8_poolhold.flow.interpreting import calls, contexts, expressions
from flake8_poolhold.flow.interpreting.arguments import Arguments, keyword, positional
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    BoundArgument,
    FunctionOf,
    Library,
    Series,
    Suspended,
    Value,
    options,
)

CONCURRENT = frozenset(
    {
        "asyncio.gather", "asyncio.wait", "asyncio.wait_for", "asyncio.shield", "asyncio.as_completed", "anyio.gather",
        "asyncio.timeouts.wait_for",
    }
)  # fmt: skip

TASKS = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup.create_task",
          "asyncio.get_event_loop().create_task",
          "asyncio.get_running_loop().create_task")  # fmt: skip

THREADS = frozenset(
    {
        "asyncio.to_thread", "starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool",
        "anyio.to_thread.run_sync", "asgiref.sync.sync_to_async",
    }
)  # fmt: skip

EXECUTORS = ("concurrent.futures.ThreadPoolExecutor.", "concurrent.futures.thread.ThreadPoolExecutor.")

WORKERS = frozenset(
    {
        "threading.Thread", "concurrent.futures.ThreadPoolExecutor.submit",
        "concurrent.futures.thread.ThreadPoolExecutor.submit",
    }
)  # fmt: skip


def resume(frame: Frame, state: State, target: Library, arguments: Arguments, span: tree.Span) -> Value:
    """Await a library coroutine that runs what it was given: a gather, a timeout, a thread."""
    path = target.path
    values = positional(arguments)
    if path == "contextlib.AsyncExitStack.enter_async_context" and values:
        return contexts.enter_stacked(frame, state, values[0], span, is_async=True)
    if path in THREADS or path.endswith(".run_in_executor"):
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


def start(frame: Frame, state: State, callee: Library, arguments: Arguments, span: tree.Span) -> Value:
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


LOOPS = {
    "asyncio.run": _run,
    "asyncio.run_coroutine_threadsafe": _run,
    "anyio.run": _run_function,
    "anyio.from_thread.run": _run_function,
}
"""Calls that run something on a loop of its own."""
