"""Functions that a library is given to run on something: a key to sort by, what `map` calls, a callback of a stack.

What they wait for is not told by that; what they write is.
"""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import calls, contexts
from flake8_poolhold.flow.interpreting.arguments import Arguments
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import SOME_OBJECT, WRITTEN_OBJECT, State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    FunctionOf,
    Holder,
    Loaded,
    Method,
    Series,
    Value,
    join,
    options,
)


def run(frame: Frame, state: State, arguments: Arguments, span: tree.Span) -> None:
    """Mark the holders that the functions among the arguments may write to, if they are run on the others."""
    functions = [option for one in arguments for option in options(one.value) if _can_run(frame, option)]
    if not functions:
        return
    rest = [one.value for one in arguments if not any(_can_run(frame, option) for option in options(one.value))]
    given = join([contexts.element(value) if isinstance(value, Series) else value for value in rest])
    for function in functions:
        if not _matters(function, given):
            continue
        trial, aside = state.copy(), Frame(frame.analysis, frame.path, frame.function, frame.mode, reporting=False)
        aside.muted, aside.known = True, dict(frame.known)
        calls.call(aside, trial, function, (BoundArgument(given),) * _count(frame, function), span)
        _marked(state, trial)


def _can_run(frame: Frame, value: Value) -> bool:
    match value:
        case FunctionOf(function=function):
            return not frame.analysis.functions[function].node.is_async
        case Method(target=Holder()):
            return True
        case _:
            return False


def _matters(function: Value, given: Value) -> bool:
    """Whether there is anything that the function could write."""
    inside = [given]
    match function:
        case FunctionOf(captured=captured, bound=bound):
            inside += [value for _, value in captured] + [one.value for one in bound]
        case _:
            return True
    return any(isinstance(option, Loaded | Holder) for value in inside for option in options(value))


def _count(frame: Frame, function: Value) -> int:
    """How many arguments the function takes."""
    if not isinstance(function, FunctionOf):
        return 1
    positional = [
        one for one in frame.analysis.functions[function.function].node.parameters if one.kind == "positional"
    ]
    return max(len(positional) - len(function.bound) - (function.receiver is not None), 0)


def _marked(state: State, trial: State) -> None:
    for place, after in trial.holders.items():
        before = state.holder(place)
        if place in (SOME_OBJECT, WRITTEN_OBJECT):
            state.holders.setdefault(place, after)
            continue
        dirty, unsure, lock = before.dirty or after.dirty, before.unsure or after.unsure, before.lock or after.lock
        if (dirty, unsure, lock) != (before.dirty, before.unsure, before.lock):
            state.holders[place] = msgspec.structs.replace(before, dirty=dirty, unsure=unsure, lock=lock)
