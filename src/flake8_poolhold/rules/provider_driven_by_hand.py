"""A provider, a generator that gives a session, is driven by hand.

## What it does
Reports `next(get_db())` and `await anext(get_db())` without a `finally` that finishes the generator; an
`async for db in get_db():` that is left by `return` or `break`; one whose session is yielded on; and a context manager
function that is called and used as a session without being entered. `next` is silent where what it gave is closed.

## Why is this bad?
A provider does its work on its way out, and nothing drives this one there. `await anext(get_db())` drops the generator
while the session is in use: its exit runs in between, and of twenty inserts that were committed without an error, six
to eight rows were there afterwards. `next(get_db())` drops a sync one at once: its exit closes the session before the
first use, which then checks out a connection that nothing gives back. A commit behind the `yield` never runs. A loop
that is left early leaves the exit to a task that runs some time later, without what stands behind the `yield`.

## Example
```python
from sqlalchemy import func, select

async def count() -> int:
    db = await anext(get_db())
    return await db.scalar(select(func.count(User.id))) or 0
```

## Use instead
```python
from contextlib import asynccontextmanager

from sqlalchemy import func, select

session = asynccontextmanager(get_db)

async def count() -> int:
    async with session() as db:
        return await db.scalar(select(func.count(User.id))) or 0
```

## Fix safety
`drive-with-context-manager` enters the provider as `asynccontextmanager(get_db)()`, or as the context manager that its
own file makes of it, in place of a loop over it or around all that uses what `anext` or `next` gave. It is safe where
the provider yields once, raises what it catches again, and only closes or rolls back behind its `yield`; what else it
does there, such as a commit, was skipped before and is done by the block. None is offered for a provider that swallows
exceptions or yields more than once, where a loop is left in the middle of its body, and where the generator is used for
anything else.

`aclosing` puts such a loop into `async with aclosing(get_db()) as generator:`, which closes the provider when the loop
is left, and not some time later. It is safe where the provider does nothing else in its `finally`, and nothing that its
exit expires is read behind the loop. It is not offered where what stands behind the `yield` would be skipped as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.model.lifetimes import Driven

_WAY_OUT = "use `async with asynccontextmanager(...)()`, or `aclosing` around the loop"
_SYNC_WAY_OUT = "use `with contextmanager(...)()`"


@rule(code="PHL403", fixes=("drive-with-context-manager", "aclosing"))
def provider_driven_by_hand(flow: Flow) -> Iterator[Finding]:
    for driven in flow.driven:
        name = driven.provider.rpartition(".")[2]
        fixes, why_not = _wording.mended(driven.function.path, driven.function.name, flow.entries_of(driven))
        yield _wording.finding(
            "PHL403",
            "provider-driven-by-hand",
            f"`{name}` {_outcome(driven)}",
            driven.function,
            driven.span,
            notes=why_not,
            fixes=fixes,
        )


def _outcome(driven: Driven) -> str:
    match driven.how:
        case "unentered":
            return "is a context manager and was not entered: what it returns is no session; use it in a `with` block"
        case "delegate":
            return f"is not finished when an exception is raised at this `yield`; {_WAY_OUT}"
        case "loop":
            skipped = ", without what follows its `yield`" if driven.skips else ", when the loop gets to it"
            return f"is left in the middle: its exit runs later{skipped}; {_WAY_OUT}"
        case "anext" if not driven.bound:
            return "is dropped while its session is in use: its exit runs in between and loses writes; " + _WAY_OUT
        case "next" if not driven.bound:
            given_back = "not given back on every path" if driven.closes else "never given back"
            return (
                "is dropped at once: its exit runs before the session is used, and what that checks out is "
                f"{given_back}; {_SYNC_WAY_OUT}"
            )
        case _:
            return (
                "is never driven to its end: the session is closed only when the generator is destroyed, and what "
                f"follows its `yield` never runs; {_SYNC_WAY_OUT if driven.how == 'next' else _WAY_OUT}"
            )
