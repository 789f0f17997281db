"""Whether each async session of the project keeps what it has loaded: then it does not matter whose one is."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.releasing.habits import name_of

_MAKERS = ("sessionmaker", "AsyncSession", "expire_on_commit")
"""What the text of a file has that makes or sets up sessions."""


def all_keep(analysis: Analysis) -> bool:
    """Whether all async sessions are made with `expire_on_commit=False`, wherever that is in the project.

    Sync sessions have too many makers for that, and libraries that make sessions are not looked into.
    """
    with analysis.tracker.finding(("keeping",)):
        if analysis.keeping is None:
            analysis.keeping = _all_keep(analysis)
        return analysis.keeping


def _all_keep(analysis: Analysis) -> bool:
    own = ("sqlalchemy.", "sqlmodel.")
    foreign = {path.partition(".")[0] for path in analysis.holders.factories if not path.startswith(own)}
    if any(analysis.project.naming(f"import {one}") or analysis.project.naming(f"from {one}") for one in foreign):
        return False
    paths = sorted({path for word in _MAKERS for path in analysis.project.naming(word)})
    found = [verdict for path in paths for verdict in _verdicts(analysis, path)]
    return bool(found) and all(found)


def _verdicts(analysis: Analysis, path: str) -> Iterator[bool]:
    """For each call in a file that makes sessions, or what makes them: whether they keep what they have loaded."""
    module = analysis.project.module(path)
    if module is None:
        yield False
        return
    for node in walk(module.body):
        match node:
            case tree.ImportFrom(symbol="AsyncSession" | "async_sessionmaker" | "sessionmaker" as symbol, name=name):
                if name != symbol:
                    yield False  # by another name it is not found
            case tree.Class(bases=bases) if any(name_of(_plain(one)) == "AsyncSession" for one in bases):
                yield False
            case tree.Call(function=function, arguments=arguments):
                given = [one.value for one in arguments if one.keyword == "expire_on_commit"]
                if given or _makes_async(_plain(function), arguments):
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
