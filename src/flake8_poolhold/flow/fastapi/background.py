"""Background tasks: they run after the handler has returned, while what its dependencies gave it is still open."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import waits
from flake8_poolhold.flow.interpreting import summaries
from flake8_poolhold.flow.model.frames import Frame, Waiting
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import UNKNOWN, FunctionOf, Library, Table, Value, options

_TASKS = " background tasks"
"""The variable of a handler, which no code can name, that holds the tasks added so far, by the place of the call."""


def add(frame: Frame, state: State, task: Value, span: tree.Span) -> None:
    """`tasks.add_task(task)` or `BackgroundTask(task)` at `span`, in a handler."""
    if frame.streams and not frame.muted:
        known = [table for table in options(state.env.get(_TASKS, UNKNOWN)) if isinstance(table, Table)]
        items = dict(item for table in known for item in table.items)
        state.env[_TASKS] = Table((*items.items(), (" ".join(map(str, span)), task)))


def run(frame: Frame, state: State) -> None:
    """The handler has returned in `state`: the waits of its tasks meet what is still held."""
    mine = {place: held for place, held in state.holders.items() if place in frame.providers.keys() - frame.exited}
    for table in options(state.env.get(_TASKS, UNKNOWN)):
        for at, task in table.items if isinstance(table, Table) and mine else ():
            line, column, end_line, end_column = map(int, at.split())
            span = (line, column, end_line, end_column)
            for waiting in _waits(frame, task)[:1]:
                wait = msgspec.structs.replace(waiting.wait, kind="background")
                step = frame.step(span, "runs before the session is closed", "call")
                late = Waiting(wait, (step, *waiting.steps), (), frozenset())
                waits.meet(frame, State(state.env, state.heap, dict(mine)), late, span)


def _waits(frame: Frame, task: Value) -> list[Waiting]:
    """The waits of a task, the counted ones."""
    analysis, found = frame.analysis, list[Waiting]()
    for option in options(task):
        match option:
            case FunctionOf(function=function, captured=captured):
                found += summaries.summary(analysis, summaries.general(function, "call", captured)).waits
            case Library(path=path):
                wait = analysis.knowledge.wait_of_await(path) or analysis.knowledge.wait_of_blocking_call(path)
                found += [Waiting(wait, (), (), frozenset())] if wait is not None else []
            case _:
                continue
    flow_only = ("checkout", "consumer", "database", "client-stream")
    return [one for one in found if one.wait.kind not in flow_only and analysis.project.settings.counts(one.wait)]
