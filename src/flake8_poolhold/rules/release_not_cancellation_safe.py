"""Only a cancellation leaves the connection out: every good path and every `Exception` gives it back.

## What it does
Reports a function or provider that makes a session or connection and closes it on all paths that return and in
`except Exception`, but not when its task is cancelled; on SQLAlchemy from 1.4.40 to 2.0.32 (as the lock file or the
pinned requirement says, and where the project has what cancels again and again: a scope of anyio, or a middleware
with Starlette before 0.21) also one whose `close()` in a `finally` is neither shielded nor the exit of an `async
with`; and a generator that releases in `except GeneratorExit`. The exit of `async with` is shielded by SQLAlchemy:
what it surrounds is silent, a second `close()` in it too, which costs nothing.

## Why is this bad?
`CancelledError` is no `Exception`. A client that goes away from a websocket or a stream, a timeout, a shutdown cancel
the task where it waits; if that is while the connection is held, no handler runs and the connection stays out until the
garbage collector destroys it. A generator is thrown away in the middle of whatever it did: a rollback there may send
its command into an answer that is still being read.

## Example
```python
import asyncio

from sqlalchemy import func, select

async def count() -> int:
    db = sessions()
    try:
        total = await db.scalar(select(func.count(User.id)))
        await asyncio.to_thread(print, total)
    except Exception:
        await db.close()
        raise
    await db.close()
    return total or 0
```

## Use instead
```python
import asyncio

from sqlalchemy import func, select

async def count() -> int:
    async with sessions() as db:
        total = await db.scalar(select(func.count(User.id)))
        await db.commit()
        await asyncio.to_thread(print, total)
    return total or 0
```

## Fix safety
`with-block` opens the session with `async with` where it is made, and indents all that uses it; a `finally` that only
closed it goes. It is safe where every use of the session lies inside the new block, its variable is given no other
value, and no function inside uses it. None is offered where the session is used outside of the block of code that makes
it, or is scoped, and for a generator that releases in `except GeneratorExit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_HOW = {
    "skipped": "keeps its connection when the task is cancelled, no `Exception`; use `async with` or a `finally`",
    "interrupted": "keeps its connection when its `close()` is cancelled (SQLAlchemy before 2.0.33); use `async with`",
    "thrown": "is released while its generator is thrown away, in the middle of anything; use a `with` block",
}


@rule(code="PHL405", fixes=("with-block",))
def release_not_cancellation_safe(flow: Flow) -> Iterator[Finding]:
    for event in flow.cancellable:
        remedies = flow.openings(event.function, event.holder) if event.how != "thrown" else []
        fixes, why_not = _wording.mended(event.function.path, event.function.name, remedies)
        yield _wording.finding(
            "PHL405",
            "release-not-cancellation-safe",
            f"`{event.name}` {_HOW[event.how]}",
            event.function,
            event.span,
            notes=why_not,
            fixes=fixes,
        )
