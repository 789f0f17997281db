"""Roles: calls of functions of which the user has said what they do, in place of what their bodies tell."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import blocking, escapes, holding, waits
from flake8_poolhold.flow.model.frames import Frame, FunctionInfo, Mode, Role
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Holder, Value


def play(
    frame: Frame, state: State, role: Role, info: FunctionInfo, given: list[Value], span: tree.Span, mode: Mode
) -> Holder | None:
    """A call of `info` with the values `given`: it waits, releases what it was given, or gives a holder."""
    if role.wait is not None and mode != "exit":
        waits.reach(frame, state, role.wait, role.wait.library, span)
        if not info.node.is_async:
            blocking.library(frame, state, role.wait, role.wait.library, span)
    if role.releases and mode != "exit":
        for value in given:
            for _, place in escapes.carried(frame, state, value):
                waits.used(frame, state, place)
                holding.release(state, place, closed=False)
    if not role.gives:
        return None
    if mode == "exit":
        holding.release(state, holding.made_at(frame, span), closed=True)
        return None
    holder = holding.made(frame, state, role.gives, span, keeps=None, bound=False)
    if mode == "enter":
        frame.managed.add(holder.place)
    return holder
