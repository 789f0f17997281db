"""Providers: what becomes of the holder that they give when the request is done, and when it fails."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import cancelling
from flake8_poolhold.flow.effects.closing import gives_up, hands_on, yielded
from flake8_poolhold.flow.effects.origins import is_made
from flake8_poolhold.flow.interpreting import expressions, summaries
from flake8_poolhold.flow.model.frames import Analysis, Effects, FunctionInfo, Summary
from flake8_poolhold.flow.model.lifetimes import Cancellable, Leaking
from flake8_poolhold.flow.model.states import CLOSED, GIVEN, HELD, UNTOUCHED, State
from flake8_poolhold.flow.model.values import FunctionOf, Holder, Place, holders_in, options
from flake8_poolhold.flow.naming import caching, names

_MARKERS = ("Depends", "Security")


def leaks(analysis: Analysis, info: FunctionInfo) -> Leaking | None:
    """How a provider leaks the holder that it gives; `None` for any other function."""
    return _of_generator(analysis, info) if info.node.is_generator else _of_returning(analysis, info)


def _of_generator(analysis: Analysis, info: FunctionInfo) -> Leaking | None:
    entered = summaries.summary(analysis, summaries.general(info.id, "enter"))
    given = [option for option in options(entered.returns) if isinstance(option, Holder)]
    yields = [node for node in walk(info.node.body) if isinstance(node, tree.Yield)]
    first = min(yields, key=lambda node: node.span, default=None)
    if not given or first is None or entered.normal is None or _is_handed_on(info):
        return None
    if first.delegates:
        return None  # what the inner generator leaks is told of there
    left = summaries.summary(analysis, summaries.general(info.id, "exit"))
    thrown = None if _is_resumed(analysis, info) else summaries.interrupted(analysis, info, "exit", "failed")
    for holder in given:
        if entered.normal.holders.get(holder.place, UNTOUCHED).bound:
            continue  # the connection is somebody else's
        own = is_made(holder.place) and holder.place in entered.normal.holders and not _is_kept(entered, holder)
        finished = _kinds(left.normal, holder.place)
        failed = thrown.holder(holder.place).kinds if thrown is not None else frozenset()
        if own and finished & {GIVEN, HELD} and CLOSED not in finished:  # a condition may well be about whose it is
            return Leaking(info, _yield_of(analysis, info, holder, first.span), "never", holder)
        # A session that belongs to somebody else may well be given back by them; one that is closed here is ours.
        if (own or finished == {CLOSED}) and failed & {GIVEN, HELD} and CLOSED not in failed:
            return Leaking(info, _yield_of(analysis, info, holder, first.span), "failing", holder)
    return None


def _yield_of(analysis: Analysis, info: FunctionInfo, holder: Holder, otherwise: tree.Span) -> tree.Span:
    """The first `yield` that gives the holder; `otherwise` where none can be told."""
    spans = summaries.yields(analysis, info).get(holder.place, ())
    return min(spans, default=otherwise)


def _is_resumed(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a container sends what went wrong to the provider, as dishka does, and throws nothing at its `yield`."""
    frame = names.module_frame(analysis, info.path)
    for decorator in info.node.decorators:
        target = tree.undressed(decorator)
        if names.library_name(expressions.evaluate(frame, State(), target)).startswith("dishka."):
            return True
    return False


def _is_kept(entered: Summary, holder: Holder) -> bool:
    """Whether the provider has put what it gives into an object, which may give it again."""
    if entered.normal is None:
        return False
    return any(
        kept.place == holder.place
        for fields in entered.normal.heap.values()
        for value in fields.values()
        for kept in holders_in(value)
    )


def _is_handed_on(info: FunctionInfo) -> bool:
    """Whether a `finally` gives the variable that is yielded to a function that may close it, or closes it perhaps."""
    return gives_up(info) or any(hands_on(finals, name) for finals, name in yielded(info))


def cancellable(analysis: Analysis, info: FunctionInfo) -> Cancellable | None:
    """How a provider, which leaks nothing otherwise, leaves its session out when the request is cancelled."""
    if not info.node.is_generator or _is_handed_on(info):
        return None
    entered = summaries.summary(analysis, summaries.general(info.id, "enter"))
    span = next((node.span for node in walk(info.node.body) if isinstance(node, tree.Yield)), None)
    for option in options(entered.returns):
        if isinstance(option, Holder) and is_made(option.place) and span is not None and entered.normal is not None:
            found = cancelling.of_provider(analysis, info, option, span)
            if found is not None and option.place in entered.normal.holders:
                return found
    return None


def _kinds(effects: Effects | None, place: Place) -> frozenset[str]:
    """The states in which a holder may be left; none for an exit that is never taken."""
    if effects is None:
        return frozenset()
    holder = effects.holders.get(place)
    return holder.kinds if holder is not None else frozenset({GIVEN})


def _of_returning(analysis: Analysis, info: FunctionInfo) -> Leaking | None:
    """A dependency that returns the session that it made: FastAPI closes nothing."""
    result = analysis.results.get(summaries.general(info.id))  # a handler has none
    if info.owner or result is None or caching.is_cached(info.node):
        return None
    if not any(isinstance(option, Holder) and is_made(option.place) for option in options(result.returns)):
        return None
    users = list(_users(analysis, info))
    if not users or any(_closes(node, parameter) for node, parameter in users):
        return None
    span = next((node.span for node in walk(info.node.body) if isinstance(node, tree.Return)), info.node.span)
    return Leaking(info, span, "returned")


def _users(analysis: Analysis, info: FunctionInfo) -> Iterator[tuple[tree.Function, str]]:
    """The functions that depend on the provider, each with the parameter that it fills."""
    name = info.name.rpartition(".")[2]
    for path in dict.fromkeys(
        path for marker in _MARKERS for path in analysis.project.naming(f"{marker}({name}", name)
    ):
        if names.module_name(analysis, path, name) != FunctionOf(info.id):
            continue
        for _, node, _ in analysis.project.scope(path).functions:
            for parameter in node.parameters:
                if any(_depends_on(part, name) for part in walk([parameter.default, parameter.annotation])):
                    yield node, parameter.name


def _depends_on(node: tree.Node, name: str) -> bool:
    match node:
        case tree.Call(arguments=[tree.Argument(value=tree.Name(id=target)), *_]):
            return target == name
        case _:
            return False


def _closes(node: tree.Function, name: str) -> bool:
    for part in walk(node.body):
        match part:
            case tree.WithItem(value=tree.Name(id=entered)) if entered == name:
                return True
            case tree.Call(function=tree.Attribute(value=tree.Name(id=owner), name="close" | "aclose")) if (
                owner == name
            ):
                return True
            case _:
                pass
    return False
