"""Coroutines of holders and engines that are made and never awaited."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.lifetimes import Unawaited
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Engine, Holder, Method, Suspended, Value, options

_COROUTINES = frozenset(
    {
        "aclose", "close", "commit", "connection", "delete", "dispose", "exec", "execute", "executemany", "fetch",
        "fetchrow", "fetchval", "flush", "get", "get_one", "invalidate", "merge", "refresh", "release", "remove",
        "reset", "rollback", "run_sync", "scalar", "scalars", "stream", "stream_scalars",
    }
)  # fmt: skip


_ENDINGS = frozenset({"aclose", "close", "dispose", "release", "remove", "rollback"})
"""What code that cannot await likes to call when it cleans up."""


def dropped(frame: Frame, state: State, node: tree.Expression, value: Value) -> None:
    """An expression statement leaves `value` behind: report the coroutines in it."""
    if frame.muted or not frame.reporting or frame.function is None or not isinstance(node, tree.Call):
        return
    found = [method for option in options(value) for method in _method_of(option)]
    if len(found) < len(options(value)):
        found = []  # `AsyncSession | Session`: the function is there for the sync one
    if not found and isinstance(node.function, tree.Attribute) and node.function.name in ("dispose", "close"):
        owner = _owner(frame, state, node.function.value)
        found = [(option, node.function.name) for option in options(owner) if isinstance(option, Engine)]
    known = frame.analysis.holders.classes
    may_await = frame.function.node.is_async
    for owner, name in found:
        if isinstance(owner, Holder | Engine) and known[owner.kind].is_async and name in _COROUTINES:
            if not may_await and name not in _ENDINGS:
                return  # nothing here can be awaited: code that queries so was written for a sync session
            frame.analysis.events.unawaited.append(Unawaited(frame.function, node.span, _spell(node), name))
            return


def _owner(frame: Frame, state: State, node: tree.Expression) -> Value:
    """What an expression is whose effects have been taken in already."""
    frame.muted = True
    try:
        return expressions.evaluate(frame, state.copy(), node)
    finally:
        frame.muted = False


def _method_of(value: Value) -> list[tuple[Value, str]]:
    match value:
        case Suspended(kind="coroutine", target=Method(target=owner, name=name)):
            return [(owner, name)]
        case _:
            return []


def _spell(node: tree.Call) -> str:
    """The call as it stands there: `self.db.close`."""
    parts: list[str] = []
    part: tree.Expression = node.function
    while isinstance(part, tree.Attribute):
        parts.append(part.name)
        part = part.value
    if isinstance(part, tree.Name):
        parts.append(part.id)
    return ".".join(reversed(parts))
