"""`sessionmaker` makes async sessions, or sync ones on an async engine; `async_sessionmaker` is meant.

## What it does
Reports `sqlalchemy.orm.sessionmaker` with a `class_` that is an async session, or with an async engine and no
`class_`. Projects that run on SQLAlchemy 1.4, which has no `async_sessionmaker`, are left alone.

## Why is this bad?
`sessionmaker` is made for sync sessions, and its types say so: type checkers refuse the async engine, or are told to
look away, and then do not see a forgotten `await`. Only `class_` makes the sessions async. Without it they are sync,
and their first statement on an async engine fails.

## Example
```python
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://localhost/app")
sessions = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
```

## Use instead
```python
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
sessions = async_sessionmaker(engine, expire_on_commit=False)
```

## Fix safety
`async-sessionmaker` calls `async_sessionmaker` instead, without `class_` where that is its default, and changes the
imports. It is safe where `class_` says in the call that the sessions are async. Where they are sync ones on an async
engine, the code that uses them has to change too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.repairing import settings
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL508", fixes=("async-sessionmaker",))
def legacy_async_sessionmaker(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if made.kind != "sessionmaker":
            continue
        version = flow.pools.newest(made.path, "sqlalchemy")
        if version is not None and version < (2, 0):
            continue
        kinds = [flow.pools.session_kind(way.arguments) for way in made.ways]
        if not kinds or not all(kinds):
            continue
        if "async" in kinds:
            message = (
                "`sessionmaker` makes async sessions here by `class_` alone, its types are for sync ones; "
                "use `async_sessionmaker`"
            )
        else:
            message = (
                "`sessionmaker` makes sync sessions on an async engine here, whose first statement fails; "
                "use `async_sessionmaker`"
            )
        remedies = [settings.async_sessionmaker(made, is_async="async" in kinds)] if flow.repairs else []
        name = "legacy-async-sessionmaker"
        yield _pools.at_call("PHL508", name, message, made, made.ways[0], remedies=remedies)
