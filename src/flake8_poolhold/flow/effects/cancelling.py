"""Cancellation: what is given back on every good path and on every `Exception`, and not when a task is cancelled."""

from __future__ import annotations

from typing import Literal

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import waits
from flake8_poolhold.flow.interpreting import summaries
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo, Interruption
from flake8_poolhold.flow.model.lifetimes import Cancellable
from flake8_poolhold.flow.model.states import GIVEN, HELD, State
from flake8_poolhold.flow.model.values import Holder, Place

_CANCELLERS = ("fail_after(", "move_on_after(", "CancelScope")
"""What cancels a task again and again, so that its `close()` is cancelled as well: the scopes of anyio."""

_MIDDLEWARE = ("BaseHTTPMiddleware", ".middleware(")
_CANCELS_AFTERWARDS = (("starlette", (0, 21)), ("fastapi", (0, 87)))
"""Before Starlette 0.21, of FastAPI 0.87, a middleware cancels what is left of a request when it has answered."""

EXIT_IS_SHIELDED = (1, 4, 40)
"""The first SQLAlchemy of which `async with` shields its exit: before, nothing but a newer one helps."""

CLOSE_IS_SHIELDED = (2, 0, 33)
"""The first SQLAlchemy of which a `close()` that is cancelled gives the connection back all the same."""


def at_exit(frame: Frame, places: dict[Place, tuple[tree.Span, str]]) -> None:
    """Report the holders at `places`, which the function makes and gives back, that a cancellation leaves out."""
    info = frame.function
    if info is None or not places or not info.node.is_async or info.node.is_generator:
        return
    for interruption, how in _ways(frame.analysis, info):
        left = summaries.interrupted(frame.analysis, info, "call", interruption)
        for place, (span, name) in places.items():
            if left is not None and place in left.holders and HELD in left.holders[place].kinds:
                event = Cancellable(info, span, name or "the session", how, frame.known.get(place))
                frame.analysis.events.cancellable.append(event)
                return


def of_provider(analysis: Analysis, info: FunctionInfo, holder: Holder, span: tree.Span) -> Cancellable | None:
    """How a provider that gives its session back otherwise leaves it out when the request is cancelled."""
    if not info.node.is_async:
        return None
    for interruption, how in _ways(analysis, info):
        left = summaries.interrupted(analysis, info, "exit", interruption)
        if left is not None and left.holder(holder.place).kinds & {GIVEN, HELD}:
            return Cancellable(info, span, info.name.rpartition(".")[2], how, holder)
    return None


def thrown(frame: Frame, state: State, place: Place, span: tree.Span) -> None:
    """A generator gives its connection back in `except GeneratorExit`."""
    info = frame.function
    if frame.muted or not frame.reporting or info is None or not info.node.is_generator:
        return
    name = waits.spelled(state, place) or waits.named(state, place)
    frame.analysis.events.cancellable.append(Cancellable(info, span, name, "thrown"))


def _ways(analysis: Analysis, info: FunctionInfo) -> list[tuple[Interruption, Literal["skipped", "interrupted"]]]:
    """The questions to ask: only what has handlers can tell a cancellation from an `Exception`."""
    if not any(isinstance(node, tree.Try) for node in walk(info.node.body)):
        return []
    version = versions.exact(analysis.project, info.path, "sqlalchemy")
    is_old = version is not None and EXIT_IS_SHIELDED <= version < CLOSE_IS_SHIELDED
    if is_old and _cancels_twice(analysis, info.path):
        return [("cancelled", "skipped"), ("cancelled-old", "interrupted")]
    return [("cancelled", "skipped")]


def _cancels_twice(analysis: Analysis, path: str) -> bool:
    if any(map(analysis.project.naming, _CANCELLERS)):
        return True
    if not any(map(analysis.project.naming, _MIDDLEWARE)):
        return False
    used = [(versions.newest(analysis.project, path, package), first) for package, first in _CANCELS_AFTERWARDS]
    return any(version is not None and version < first for version, first in used)
