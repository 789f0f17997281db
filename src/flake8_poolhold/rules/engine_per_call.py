"""Each call of a function makes an engine or pool that nobody keeps or disposes of.

## What it does
Reports a function that makes an engine or a driver's pool (itself, or through a helper that returns one or a
sessionmaker on one), uses it, and neither disposes of it nor keeps it: it is not returned, not stored in an object, a
global or a container, not handed on. An engine with `NullPool` is silent, and so is a function whose result is
cached. Silent, too, is what a process does once: a command of a command line, one that pyproject.toml installs, a
task of nox or invoke, what a service runs when it starts, a worker of `multiprocessing` that takes one piece of a
job, a script, and a function that only these and tests call.

## Why is this bad?
An engine is a pool. Its connections stay open after the session on them is closed, and the next call opens its own:
nothing is reused, each call pays for a connect, and the server runs out of connections long before the garbage
collector comes.

## Example
```python
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

async def count(url: str) -> int:
    engine = create_async_engine(url)
    async with async_sessionmaker(engine)() as db:
        return await db.scalar(select(func.count(User.id))) or 0
```

## Use instead
```python
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

async def count(url: str) -> int:
    engine = create_async_engine(url)
    try:
        async with async_sessionmaker(engine)() as db:
            return await db.scalar(select(func.count(User.id))) or 0
    finally:
        await engine.dispose()
```

Better still is one engine for the process, made at import or at its start.

## Fix safety
No fix is offered: where the engine belongs is a decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL406")
def engine_per_call(flow: Flow) -> Iterator[Finding]:
    for event in flow.engines:
        name = event.function.name.rpartition(".")[2]
        yield _wording.finding(
            "PHL406",
            "engine-per-call",
            f"each call of `{name}` makes a pool of its own, whose connections stay open; "
            "make the engine once for the process, or dispose of it in a `finally`",
            event.function,
            event.span,
        )
