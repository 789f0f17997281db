"""Library calls that make holders, sessionmakers and engines."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import engines, holding
from flake8_poolhold.flow.interpreting.arguments import Arguments, keeps_loaded, keyword, positional
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Engine, Factory, Holder, Table, Value
from flake8_poolhold.flow.naming import types


def made(frame: Frame, state: State, path: str, arguments: Arguments, span: tree.Span) -> Value | None:
    """What a call makes: a holder, a sessionmaker or an engine; `None` when it makes none of these."""
    known = frame.analysis.holders
    found = known.class_at(path)
    if found is not None and found[1].kind == "session":
        given = positional(arguments)[:1]
        if given and isinstance(given[0], Holder) and known.classes[given[0].kind].kind == "session":
            return given[0]  # a `NewType` of a session is that session
        if "scoped" in found[0]:
            return _scoped(frame, found[0], arguments, span)
        bound = any(isinstance(v, Holder) and known.classes[v.kind].kind == "connection" for v in _binds(arguments))
        for bind in _binds(arguments):
            engines.connects(frame, bind)
            if bound and isinstance(bind, Holder):
                frame.escaped.add(bind.place)  # `session.bind.close()` closes it
            engines.opened(frame, holding.made_at(frame, span), bind)
        keeps = keyword(arguments, "expire_on_commit")
        return holding.made(
            frame, state, found[0], span, keeps=keeps_loaded(keeps) if keeps is not None else False, bound=bound
        )
    kind = known.factories.get(path)
    if kind is None:
        return None
    site = f"{frame.path}:{span[0]}"
    if known.classes[kind].kind == "engine":
        engines.made(frame, site, span, arguments)
        return Engine(kind, site)
    if "scoped" in path.lower():
        return _scoped(frame, kind, arguments, span)
    engines.bound(frame, site, arguments)
    return _sessionmaker(frame, kind, arguments, site)


def _binds(arguments: Arguments) -> list[Value]:
    return [argument.value for argument in arguments if argument.keyword in (None, "bind")]


def _scoped(frame: Frame, kind: str, arguments: Arguments, span: tree.Span) -> Value:
    for argument in arguments:
        engines.kept(frame, argument.value)  # a registry lives on
    return Holder(kind, types.global_place(frame.path, f"{span[0]}:{span[1]}"))


def _sessionmaker(frame: Frame, kind: str, arguments: Arguments, site: str) -> Value:
    wanted = keyword(arguments, "class_")
    if wanted is not None:
        made = types.instance(frame.analysis, wanted, types.global_place(frame.path, site))
        if isinstance(made, Holder):
            kind = made.kind
    expire = keyword(arguments, "expire_on_commit")
    opaque = any(argument.star == "**" and not isinstance(argument.value, Table) for argument in arguments)
    keeps = keeps_loaded(expire) if expire is not None else None if opaque else False
    bound = any(isinstance(v, Holder) for v in _binds(arguments))
    return Factory(kind, keeps, bound, site)
