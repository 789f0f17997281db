"""A session or connection is made, and some path out of the function does not close it.

## What it does
Reports a session or connection that a function makes without `async with` or `with`, checks out a connection with, and
leaves open on a path on which the function returns or raises an `Exception`. So is one that a function of the project
makes and returns: it is its caller's to close. A session that is returned, yielded, stored in an object or in a
container of one or of the module, handed to an exit stack or, in a `finally`, to any function is somebody else's to
close; one that is bound to a connection has none of its own. A log line and, where it cleans up, a `close()` or a
`rollback()` are taken not to fail. In a module that is run as a script, in a command and in what a service runs once
when it starts, an exception ends the process, and its connections with it. `raw_connection()` of a sync engine gives a
connection that goes back with its last reference.

## Why is this bad?
The connection does not come back when the variable goes out of scope: an async session is freed only by the cyclic
garbage collector, which then destroys the connection, and it does not come in time for a pool that runs dry. Each
failed request takes one connection away.

## Example
```python
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def count() -> int:
    db = sessions()
    total = await db.scalar(select(User.id))
    await db.close()
    return total
```

## Use instead
```python
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

sessions = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/app"))

async def count() -> int:
    async with sessions() as db:
        return await db.scalar(select(User.id))
```

## Fix safety
`with-block` opens the session with `async with`, or `with`, where it is made, and indents all that uses it; a `close()`
at the end of the block, or right before a `return` or `raise` in it, goes. A sync session's block also covers what uses
the objects that it has loaded, as these may load more. It is safe where every use of the session lies inside the new
block, no function inside uses it, and a sync session that was never closed loads nothing that leaves the function. None
is offered where the session is used outside of the block of code that makes it, is scoped, is given another value or
kept by another variable, is async in a plain function, or is a connection of a driver, and where a result that is not
read yet leaves the function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Step
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow


@rule(code="PHL401", fixes=("with-block",))
def session_never_closed(flow: Flow) -> Iterator[Finding]:
    for event in flow.unclosed:
        when = "an exception leaves" if event.raising else "the function returns on some path"
        block = "with" if flow.is_sync(event.holder) else "async with"
        trail = [Step(event.function.path, event.span[0], event.span[1], "made here", "note")]
        if event.used is not None:
            trail.append(event.used)
        fixes, why_not = _wording.mended(
            event.function.path, event.function.name, flow.openings(event.function, event.holder, perhaps=event.perhaps)
        )
        yield _wording.finding(
            "PHL401",
            "session-never-closed",
            f"`{event.name}` keeps its connection when {when}; open it with `{block}` or close it in a `finally`",
            event.function,
            event.span,
            trail=tuple(trail),
            notes=why_not,
            fixes=fixes,
        )
