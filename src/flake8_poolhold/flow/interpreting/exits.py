"""The ways out of a block, and the exceptions that are caught on them."""

from __future__ import annotations

from collections.abc import Callable

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State, merge

EVERYTHING = ("Exception", "BaseException")
"""The exceptions that every other one is, or nearly every."""


class Exits:
    """Where control leaves a block other than by falling off its end, collected to run a `finally` on each way out."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._outer = (frame.returned_at, frame.breaks, frame.continues)
        frame.returned_at, frame.breaks, frame.continues = [], [], []
        frame.handlers.append(None)

    def swap_raised(self) -> State | None:
        """The state in which exceptions left so far; collecting begins anew."""
        raised, self._frame.handlers[-1] = self._frame.handlers[-1], None
        return raised

    def raise_again(self, raised: State) -> None:
        """An exception leaves in this state."""
        self._frame.handlers[-1] = raised

    def close(self, final: Callable[[State], State | None]) -> None:
        """Run `final` on every way out and hand the ways to the block around."""
        frame = self._frame
        ways = (frame.returned_at, frame.breaks, frame.continues)
        raised = frame.handlers.pop()
        frame.returned_at, frame.breaks, frame.continues = self._outer
        for outer, states in zip(self._outer, ways, strict=True):
            joined: State | None = None
            for state in states:
                joined = merge(joined, state)
            after = final(joined) if joined is not None else None
            if after is not None:
                outer.append(after)
        if raised is not None:
            outside, frame.unwinding = frame.unwinding, True
            after = final(raised)
            frame.unwinding = outside
            if after is not None:
                frame.goes_on(after)


def only_closes(body: list[tree.Statement]) -> bool:
    """Whether a block does nothing but close: a close that raises has given the connection back all the same."""
    match body:
        case [tree.Evaluate(value=tree.Await(value=tree.Call() as call)) | tree.Evaluate(value=tree.Call() as call)]:
            inner = [argument.value for argument in call.arguments if isinstance(argument.value, tree.Call)]
            functions = [one.function for one in (call, *inner)]
            return any(isinstance(one, tree.Attribute) and one.name in ("close", "aclose") for one in functions)
        case _:
            return False


def is_generator_exit(handler: tree.Handler) -> bool:
    """Whether a handler is for a generator that is thrown away."""
    return isinstance(handler.types, tree.Name) and handler.types.id == "GeneratorExit"


def catches_cancellation(handler: tree.Handler) -> bool:
    """Whether a handler gets a cancellation, which is no `Exception`."""
    types = handler.types.items if isinstance(handler.types, tree.Sequence) else [handler.types]
    caught = [one.id if isinstance(one, tree.Name) else getattr(one, "name", "") for one in types]
    return handler.types is None or "BaseException" in caught or "CancelledError" in caught


def catches_all(handler: tree.Handler) -> bool:
    """Whether a handler gets every exception but, perhaps, a cancellation."""
    match handler.types:
        case None:
            return True
        case tree.Name(id=name):
            return name in EVERYTHING
        case tree.Sequence(items=items):
            return any(isinstance(item, tree.Name) and item.id in EVERYTHING for item in items)
        case _:
            return False
