"""Closures: nested functions and lambdas, with what they capture of the function around them."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Value
from flake8_poolhold.flow.naming import names


def define(frame: Frame, state: State, node: tree.Function) -> Value:
    """The function that a nested `def` or a `lambda` makes at this point."""
    outer = frame.function.name + ".<locals>." if frame.function is not None else ""
    info = names.function_info(frame.analysis, frame.path, outer + node.name, node, "")
    value = FunctionOf(info.id, captured=_capture(frame, info.id, node, state))
    if frame.function is not None:
        frame.nested[info.id] = value
    return value


def recapture(frame: Frame, state: State, value: FunctionOf) -> FunctionOf:
    """A closure sees the variables as they are when it runs, not as they were when it was defined."""
    if value.function not in frame.nested:
        return value
    node = frame.analysis.functions[value.function].node
    return FunctionOf(value.function, value.receiver, _capture(frame, value.function, node, state), value.bound)


def _capture(frame: Frame, identity: str, node: tree.Function, state: State) -> tuple[tuple[str, Value], ...]:
    wanted = frame.analysis.captures.get(identity)
    if wanted is None:
        wanted = frame.analysis.captures[identity] = _free_names(node)
    return tuple((name, state.env[name]) for name in sorted(wanted) if name in state.env)


def _free_names(node: tree.Function) -> frozenset[str]:
    """Names that the function mentions, its own parameters excepted."""
    head = [part for one in node.parameters for part in (one.default, one.annotation)]
    mentioned = {part.id for part in walk([node.body, node.decorators, head]) if isinstance(part, tree.Name)}
    return frozenset(mentioned - {parameter.name for parameter in node.parameters})
