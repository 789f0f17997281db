"""Engines and pools that a function makes: whether somebody keeps them, or each call makes one more."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import ending
from flake8_poolhold.flow.effects.origins import is_script
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.lifetimes import PoolPerCall
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    BoundArgument,
    Engine,
    Factory,
    Holder,
    Instance,
    Library,
    Literally,
    Method,
    Place,
    Unknown,
    Value,
    holders_in,
    options,
    parts,
)
from flake8_poolhold.flow.naming import caching

USERS = ("sqlalchemy", "sqlmodel", "pandas", "alembic", "logging")
"""Libraries that use an engine and do not keep it."""

_NO_ENGINE = frozenset({Unknown, Literally, Library, Instance, Holder})
_NO_SITES = frozenset[str]()
_UNPOOLED = ("NullPool", "StaticPool")


def made(frame: Frame, site: str, span: tree.Span, arguments: tuple[BoundArgument, ...]) -> None:
    """An engine is made at `site`. One without a pool leaves nothing behind."""
    if frame.function is None or frame.muted:
        return
    if not any(str(argument.value).find(name) >= 0 for argument in arguments for name in _UNPOOLED):
        frame.engines.setdefault(site, (span, frozenset({site})))


def bound(frame: Frame, site: str, arguments: tuple[BoundArgument, ...]) -> None:
    """A sessionmaker is made at `site` on an engine: who keeps it keeps the engine."""
    for argument in arguments:
        for option in options(argument.value):
            known = frame.engines.get(option.site) if isinstance(option, Engine) else None
            if known is not None and isinstance(option, Engine):
                frame.engines[option.site] = (known[0], known[1] | {site})


def opened(frame: Frame, place: Place, value: Value) -> None:
    """A session or connection is made on an engine or by a sessionmaker: who keeps it keeps the engine."""
    sites = frozenset(_sites(value))
    if sites:
        frame.opened_on[place] = frame.opened_on.get(place, frozenset()) | sites


def stored(frame: Frame, value: Value) -> None:
    """The value is put into an object or a container: an engine itself, or what was opened on it."""
    kept(frame, value)
    for holder in holders_in(value):
        frame.kept_engines.update(frame.opened_on.get(holder.place, ()))


def given(frame: Frame, value: Value, arguments: tuple[BoundArgument, ...]) -> None:
    """A function of the project got the arguments and returned `value`: a sessionmaker on an engine, or who knows."""
    if isinstance(value, Factory) and value.site:
        bound(frame, value.site, arguments)
    else:
        for argument in arguments:
            kept(frame, argument.value)


def received(frame: Frame, sites: frozenset[str], span: tree.Span) -> None:
    """A call of a project's function made an engine and returned it, or a sessionmaker on it."""
    if not frame.muted and sites:
        frame.engines.setdefault(min(sites), (span, sites))


def connects(frame: Frame, value: Value) -> None:
    """Something is done with the value that may make its pool connect; to read its dialect or URL does not."""
    if type(value) not in _NO_ENGINE:
        frame.connecting.update(_sites(value))


def kept(frame: Frame, value: Value) -> None:
    """The value goes where it outlives the call: into an object, a global, a container, an unknown function."""
    if type(value) not in _NO_ENGINE:
        frame.kept_engines.update(_sites(value))


def returned(frame: Frame, returns: Value) -> frozenset[str]:
    """The sites, of engines and sessionmakers on them, that the function made, returns, and has not kept."""
    if not frame.engines or (frame.function is not None and caching.is_cached(frame.function.node)):
        return _NO_SITES  # a cached one is one for all callers
    sites = set(_sites(returns))
    found = [known for _, known in frame.engines.values() if known & sites and not known & frame.kept_engines]
    return frozenset().union(*found)


def at_exit(frame: Frame, normal: State | None, returns: Value) -> None:
    """Report the engines that nobody keeps and nobody disposes of."""
    if not frame.engines or frame.function is None or not frame.reporting:
        return
    if caching.is_cached(frame.function.node) or is_script(frame):
        return
    state = normal or frame.raised or State()
    fields = {site for held in state.heap.values() for value in held.values() for site in _sites(value)}
    alive = set(_sites(returns)) | fields | frame.kept_engines
    for yielded in frame.yields:
        alive |= set(_sites(yielded))
    for place in _kept_holders(state, (returns, *frame.yields)):
        alive |= frame.opened_on.get(place, _NO_SITES)
    for span, sites in frame.engines.values():
        if sites & frame.connecting and not sites & alive and ending.repeats(frame.analysis, frame.function):
            frame.analysis.events.engines.append(PoolPerCall(frame.function, span))


def _kept_holders(state: State, given: tuple[Value, ...]) -> Iterator[Place]:
    """The holders in objects that outlive the function: in what it gives, and in what it puts into older objects."""
    older = [value for owner, fields in state.heap.items() if owner.origin.how != "new" for value in fields.values()]
    for value in (*given, *older):
        yield from _holders_inside(state, value)


def _holders_inside(state: State, value: Value, depth: int = 4) -> Iterator[Place]:
    for option in options(value):
        if isinstance(option, Instance) and depth:
            for held in state.heap.get(option.place, {}).values():
                yield from (one.place for one in holders_in(held))
                yield from _holders_inside(state, held, depth - 1)


def _sites(value: Value, depth: int = 3) -> list[str]:
    """The engines and sessionmakers in a value; a method of one is not the engine."""
    if type(value) is Engine or type(value) is Factory:
        return [value.site]
    inside = parts(value) if depth and type(value) is not Method else ()
    return [site for item in inside for site in _sites(item, depth - 1)] if inside else []
