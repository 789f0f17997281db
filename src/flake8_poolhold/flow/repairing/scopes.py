"""`function-scope`: the dependency that gives the session exits when the handler has returned, before the response."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.remedies import Remedy

NAME = "function-scope"
SINCE = (0, 121)
"""The first FastAPI that knows `Depends(..., scope="function")`."""

_MARKERS = frozenset({"Depends", "Security"})
_HANDS_OVER = frozenset({"add_task", "BackgroundTask", "create_task", "ensure_future"})
_BY_HAND = "commit or close it first"


def of_session(analysis: Analysis, hold: Hold) -> Remedy:
    """Judge `scope="function"` for the session of a handler whose response is sent while it is held."""
    provider = analysis.functions.get(hold.provider)
    version = versions.oldest(analysis.project, hold.function.path, "fastapi")
    if version is None or version < SINCE:
        return Remedy(NAME, refused=f"FastAPI may be older than 0.121; {_BY_HAND}")
    if any(
        isinstance(one, tree.Call) and "websocket" in name_of(one.function) for one in hold.function.node.decorators
    ):
        return Remedy(NAME, refused=f"a websocket keeps its session in every scope; {_BY_HAND}")
    marker = _marker(hold)
    if provider is None or marker is None:
        return Remedy(NAME, refused=f"the session does not come from a `Depends` of the handler's own; {_BY_HAND}")
    if any(one.function.id != hold.provider for one in hold.asked):
        return Remedy(NAME, refused=f"other dependencies of the request may share the session; {_BY_HAND}")
    if any(keyword.keyword for keyword in marker.arguments):
        return Remedy(NAME, refused=f"its `Depends` has settings of its own; {_BY_HAND}")
    if _is_used_later(hold):
        return Remedy(NAME, refused=f"the response uses the session while it is sent; {_BY_HAND}")
    name = provider.name.rpartition(".")[2]
    return Remedy(
        NAME,
        f'let `{name}` exit before the response is sent, by `scope="function"` at line {marker.span[0]}',
        doubts=tuple(_doubts(hold)),
        parts=(
            Part(hold.function.path, *marker.span[:2], "call"),
            Part(hold.function.path, 0, 0, "add", 'scope="function"'),
        ),
    )


def _marker(hold: Hold) -> tree.Call | None:
    """`Depends(get_db)` in the signature of the handler, where it is written for this session."""
    for parameter in hold.function.node.parameters:
        if parameter.name == hold.expression:
            for node in walk([parameter.default, parameter.annotation]):
                if isinstance(node, tree.Call) and name_of(node.function) in _MARKERS:
                    return node
    return None


def _is_used_later(hold: Hold) -> bool:
    """Whether what runs while the response is sent can reach the session: a function inside, what is given it."""
    names = {hold.expression, *hold.carriers}
    for node in walk(hold.function.node.body):
        later = isinstance(node, tree.Function | tree.Lambda) or (
            isinstance(node, tree.Comprehension) and node.kind == "generator"
        )
        handed = isinstance(node, tree.Call) and name_of(node.function) in _HANDS_OVER
        if (later or handed) and _mentions(node, names):
            return True
    return any(_mentions(node, names) for node in _returned(hold))


def _returned(hold: Hold) -> Iterator[tree.Node]:
    """What the handler returns, and what the variables in it were given."""
    body = hold.function.node.body
    values = [node.value for node in walk(body) if isinstance(node, tree.Return) and node.value is not None]
    names = {node.id for node in walk(values) if isinstance(node, tree.Name)}
    yield from values
    for node in walk(body):
        is_it = isinstance(node, tree.Assign) and any(
            isinstance(target, tree.Name) and target.id in names for target in node.targets
        )
        if is_it and isinstance(node, tree.Assign) and isinstance(node.value, tree.Call):
            yield from (argument.value for argument in node.value.arguments)


def _mentions(node: object, names: set[str]) -> bool:
    return any(isinstance(one, tree.Name) and one.id in names for one in walk(node))


def _doubts(hold: Hold) -> Iterator[str]:
    if hold.loaded and any(_mentions(node, set(hold.loaded)) for node in _returned(hold)):
        yield "what the session has loaded is read when it is closed"
    if hold.state.dirty or hold.state.unsure:
        yield "what is committed on exit is committed before the response, and may fail it"
