"""Fan-out: as many calls at once as there are items, each with a connection of its own."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import parameters, summaries, telling
from flake8_poolhold.flow.model.frames import FanOut, Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Library, Suspended, Unknown, Value, options

_LIMITERS = ("Semaphore", "BoundedSemaphore", "CapacityLimiter", "Lock", "AsyncLimiter")


def is_limiter(manager: Value) -> bool:
    """Whether entering `manager` lets few others run: a semaphore, or something of which nothing is known."""
    return isinstance(manager, Unknown) or (isinstance(manager, Library) and manager.path.endswith(_LIMITERS))


def started(frame: Frame, state: State, task: Value, span: tree.Span) -> None:
    """`task` is started, at `span`, as often as nobody knows: report it when it checks out by itself."""
    if frame.muted or not frame.reporting or frame.function is None or frame.guards:
        return
    for option in options(task):
        match option:
            case Suspended(kind="coroutine", target=FunctionOf() as function, arguments=arguments):
                info = frame.analysis.functions[function.function]
                bound = parameters.bind(info, function.receiver, function.bound + arguments)
                context = telling.context_of(frame, function, bound, state, "call")
                for waiting in summaries.summary(frame.analysis, context).waits:
                    if waiting.wait.kind == "checkout" and not waiting.limited:
                        event = FanOut(frame.function, span, info, waiting)
                        frame.analysis.events.fan_outs.append(event)
                        break
            case _:
                pass
