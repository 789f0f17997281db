"""A coroutine of a session, connection or engine is made and never awaited.

## What it does
Reports a statement that calls `close`, `commit`, `rollback`, `execute`, `dispose` or another coroutine method of an
async session, connection or engine without `await`.

## Why is this bad?
The call only makes a coroutine; nothing runs. A close that is not awaited leaves the connection checked out until the
garbage collector destroys it, a commit that is not awaited saves nothing. Python tells of it in a `RuntimeWarning`, in
the log, some time later.

## Example
```python
from sqlalchemy import func, select

async def count() -> int:
    async with sessions() as db:
        total = await db.scalar(select(func.count(User.id)))
        db.commit()
        return total or 0
```

## Use instead
```python
from sqlalchemy import func, select

async def count() -> int:
    async with sessions() as db:
        total = await db.scalar(select(func.count(User.id)))
        await db.commit()
        return total or 0
```

## Fix safety
`add-await` awaits the call. It is safe for a close that is the last use of the session, connection or engine; a commit,
flush or rollback that was never done is done from then on. None is offered in a function that is not `async`, as its
callers have to change too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow

_LOST = {
    "close": "the connection stays out",
    "aclose": "the connection stays out",
    "remove": "the connection stays out",
    "release": "the connection stays out",
    "commit": "nothing is saved",
    "flush": "nothing is written",
    "rollback": "nothing is rolled back here",
    "dispose": "the pool stays open",
}


@rule(code="PHL404", fixes=("add-await",))
def close_not_awaited(flow: Flow) -> Iterator[Finding]:
    for event in flow.unawaited:
        lost = _LOST.get(event.method, "nothing runs")
        way_out = "await it" if event.function.node.is_async else "await it in an `async def`"
        fixes, why_not = _wording.mended(event.function.path, event.function.name, flow.awaits(event))
        yield _wording.finding(
            "PHL404",
            "close-not-awaited",
            f"`{event.name}()` makes a coroutine that is never awaited: {lost}; {way_out}",
            event.function,
            event.span,
            notes=why_not,
            fixes=fixes,
        )
