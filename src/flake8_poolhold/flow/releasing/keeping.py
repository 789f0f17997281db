"""Whether each async session of the project keeps what it has loaded: then it does not matter whose one is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.model.states import GIVEN
from flake8_poolhold.flow.releasing.habits import name_of

_OWN = frozenset({"sqlalchemy", "sqlmodel"})
_MAKE_NONE = frozenset({"alembic", "geoalchemy2", "opentelemetry", "sentry_sdk", "sqladmin", "sqlalchemy_utils"})
"""Libraries for SQLAlchemy that make no session, or give the project's functions none of theirs."""

_IMPORTS = re.compile(rb"^[ \t]*(?:from|import)[ \t]+(\w[\w.]*(?:alchemy|sqla)[\w.]*|\w*(?:alchemy|sqla)[\w.]*)", re.M)
_MAKERS = ("sessionmaker", "AsyncSession", "expire_on_commit")
"""What the text of a file has that makes or sets up sessions."""

_CLASSES = frozenset({"AsyncSession", "async_sessionmaker"})
_ASK = frozenset(
    {
        "AsyncMock",
        "Injected",
        "MagicMock",
        "Mock",
        "NewType",
        "TypeVar",
        "cast",
        "create_autospec",
        "get",
        "isinstance",
        "issubclass",
    }
)
"""Calls that are given a class to know it, not to make objects of it; an injector's `get` uses what provides some."""


def all_keep(analysis: Analysis) -> bool:
    """Whether all async sessions are made with `expire_on_commit=False`, wherever that is in the project.

    Sync sessions have too many makers for that. Libraries that make sessions are not looked into: a project that
    imports one has none that is proved.
    """
    with analysis.tracker.finding(("keeping",)):
        if analysis.keeping is None:
            analysis.keeping = _all_keep(analysis)
        return analysis.keeping


def of(analysis: Analysis, hold: Hold) -> bool | None:
    """Whether the session of a hold keeps what it has loaded.

    One that comes from outside is one of the project's. Of one that the function opens in a way that is not understood
    nothing else is known either: whether it is new, or in which transaction it is.
    """
    known = analysis.holders.classes.get(analysis.kinds.get(hold.place) or hold.kind)
    is_session = known is not None and known.is_async and known.kind == "session"
    comes_in = hold.place.origin.how != "new" or hold.state.carries or GIVEN in hold.state.kinds
    return True if hold.keeps_loaded is None and is_session and comes_in and all_keep(analysis) else hold.keeps_loaded


def _all_keep(analysis: Analysis) -> bool:
    if _libraries_make_some(analysis):
        return False
    paths = sorted({path for word in _MAKERS for path in analysis.project.naming(word)})
    found = [verdict for path in paths for verdict in _verdicts(analysis, path)]
    return bool(found) and all(found)


def _libraries_make_some(analysis: Analysis) -> bool:
    """Whether the project imports what may make sessions of its own: what is built on SQLAlchemy, or was taught."""
    known = analysis.holders
    sessions = [path for path, kind in known.factories.items() if known.classes[kind].kind == "session"]
    taught = {path.partition(".")[0] for path in (*sessions, *analysis.project.settings.holders)} - _OWN
    if any(analysis.project.naming(f"import {one}") or analysis.project.naming(f"from {one}") for one in taught):
        return True
    for path in sorted({path for word in ("alchemy", "sqla") for path in analysis.project.naming(word)}):
        for found in _IMPORTS.finditer(analysis.project.bytes_of(path)):
            module = found[1].decode()
            if module.partition(".")[0] not in _OWN | _MAKE_NONE and analysis.project.find(module, path) is None:
                return True
    return False


def _verdicts(analysis: Analysis, path: str) -> Iterator[bool]:
    """For each call in a file that makes sessions, or what makes them: whether they keep what they have loaded."""
    module = analysis.project.module(path)
    if module is None:
        yield False
        return
    nodes = list(walk(module.body))
    types = {id(one) for one in walk([_annotations(node) for node in nodes])}
    for node in nodes:
        if any(name_of(_plain(one)) in _CLASSES for one in _kept(node) if id(one) not in types):
            yield False  # what becomes of it is not looked into
        match node:
            case tree.ImportFrom(symbol="AsyncSession" | "async_sessionmaker" | "sessionmaker" as symbol, name=name):
                if name != symbol:
                    yield False  # by another name it is not found
            case tree.Class(bases=bases) if any(name_of(_plain(one)) == "AsyncSession" for one in bases):
                yield False
            case tree.Call(function=function, arguments=arguments):
                given = [one.value for one in arguments if one.keyword == "expire_on_commit"]
                if given or _makes_async(_plain(function), arguments) or _hands_on(function, arguments):
                    yield bool(given) and all(isinstance(one, tree.Constant) and one.value is False for one in given)
            case _:
                pass


def _plain(function: tree.Expression) -> tree.Expression:
    """`async_sessionmaker[AsyncSession]` without what is in its brackets."""
    return function.value if isinstance(function, tree.Subscript) else function


def _makes_async(function: tree.Expression, arguments: list[tree.Argument]) -> bool:
    """Whether a call makes an async session, or what makes some."""
    match name_of(function):
        case "async_sessionmaker" | "AsyncSession":
            return True
        case "sessionmaker":
            positional = [one for one in arguments if one.keyword is None]
            return len(positional) > 1 or any(one.keyword == "class_" or one.star for one in arguments)
        case _:
            return False


def _kept(node: tree.Node) -> list[tree.Expression]:
    """The values that a node gives to a variable or a caller."""
    match node:
        case tree.Assign(value=value) | tree.Return(value=value) | tree.Parameter(default=value):
            return [value] if value is not None else []
        case tree.Mapping(values=values):
            return values
        case tree.Either(parts=parts):
            return parts
        case tree.Conditional(body=body, otherwise=otherwise):
            return [body, otherwise]
        case _:
            return []


def _annotations(node: tree.Node) -> list[tree.Expression]:
    """What a node says of types: `AsyncSession | None` there chooses nothing."""
    match node:
        case tree.Assign(annotation=said) | tree.Parameter(annotation=said) | tree.Function(returns=said):
            return [said] if said is not None else []
        case _:
            return []


def _hands_on(function: tree.Expression, arguments: list[tree.Argument]) -> bool:
    """Whether a call is given what makes async sessions, and may call it: `partial(AsyncSession, engine)`."""
    name = name_of(function)
    if name in _ASK or name == "sessionmaker":
        return False
    return any(name_of(_plain(one.value)) in _CLASSES for one in arguments)
