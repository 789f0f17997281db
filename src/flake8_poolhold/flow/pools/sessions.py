"""What a sessionmaker makes: by its class, by its engine."""

from __future__ import annotations

from typing import Literal

from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.values import ClassOf, Engine, Library, Literally
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import certain

SessionKind = Literal["async", "sync on async", ""]


def kind(analysis: Analysis, given: Arguments) -> SessionKind:
    """Whether a plain `sessionmaker` makes async sessions, or sync ones on an async engine; empty for all else."""
    known = analysis.holders.classes
    match certain(given.get("class_") or Literally(None)):
        case Library(path=path):
            found = analysis.holders.class_at(path)
            return "async" if found is not None and found[1].is_async else ""
        case ClassOf(cls=cls):
            base = names.holder_base(analysis, cls)
            return "async" if base is not None and known[base].is_async else ""
        case Literally(value=None) if not given.keywords.open:
            bind = certain(given.get("bind", 0) or Literally(None))
            return "sync on async" if isinstance(bind, Engine) and known[bind.kind].is_async else ""
        case _:
            return ""


def makes_async(analysis: Analysis, made: Made) -> bool:
    """Whether a call is a sessionmaker of async sessions."""
    if made.kind == "async sessionmaker":
        return True
    return made.kind == "sessionmaker" and any(kind(analysis, way.arguments) == "async" for way in made.ways)


def expires(made: Made) -> bool:
    """Whether a sessionmaker's commits expire what was loaded, on every way to it."""
    return all(
        not way.arguments.keywords.open
        and certain(way.arguments.get("expire_on_commit") or Literally(True)) == Literally(True)
        for way in made.ways
    )
