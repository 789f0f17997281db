"""An object of an async session is read after a commit or rollback has expired it.

## What it does
Reports two things. A column or relationship of a mapped object that is read after `await session.rollback()`, in the
same function and before it is loaded again: rollback expires all loaded objects under every setting. And an
`async_sessionmaker` without `expire_on_commit=False`, when some function of the project reads an object after
`await session.commit()` without a refresh; the trail shows the first such read. A new object that is rolled back keeps
its values and is not reported, nor is anything behind an awaited call that may have loaded it again. Silent in tests.

## Why is this bad?
An async session cannot load an attribute when it is read: the read raises `MissingGreenlet`, even for the primary key,
and checks a connection out besides. After a rollback this happens in the error handler, where it hides the first error.

## Example
```python
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

async def rename(db: AsyncSession, user_id: int, name: str) -> str:
    user = await db.get(User, user_id)
    user.name = name
    try:
        await db.flush()
    except IntegrityError:
        await db.rollback()
        return f"{user.name} is taken"
    return "renamed"
```

## Use instead
```python
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

async def rename(db: AsyncSession, user_id: int, name: str) -> str:
    user = await db.get(User, user_id)
    user.name = name
    try:
        await db.flush()
    except IntegrityError:
        await db.rollback()
        return f"{name} is taken"
    return "renamed"
```

## Fix safety
`expire-on-commit-false` passes `expire_on_commit=False` to the sessionmaker. It is never safe: all objects of its
sessions keep the values that they were loaded with, also where a query would have read them again after a commit. None
is offered for a read after `rollback()`, which expires whatever the setting says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.finding import Step
from flake8_poolhold.flow.repairing import settings
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools, _wording

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.expiry.reads import Read


@rule(code="PHL503", fixes=("expire-on-commit-false",))
def expire_on_commit_in_async(flow: Flow) -> Iterator[Finding]:
    for read in flow.pools.rolled_back:
        message = (
            f"`{read.name}.{read.attribute}` is read after `rollback()` has expired it (MissingGreenlet); "
            "keep the value in a variable before, or refresh the object"
        )
        name = "expire-on-commit-in-async"
        yield _wording.finding("PHL503", name, message, read.function, read.span, trail=(_expired(read),))
    for made in flow.pools.made:
        found = flow.pools.read_after_commit(made)
        if found is not None:
            where = f"{found.function.path}:{found.span[0]}"
            message = (
                f"sessions of this `{made.name}` expire what they loaded at each commit, and "
                f"`{found.name}.{found.attribute}` is read after one ({where}, MissingGreenlet); "
                "pass `expire_on_commit=False`"
            )
            path, span = found.function.path, found.span
            step = Step(path, span[0], span[1], f"`{found.name}.{found.attribute}` is read", "note")
            trail = (_expired(found), step)
            name = "expire-on-commit-in-async"
            remedies = [settings.expire_on_commit(made)] if flow.repairs else []
            yield _pools.at_call("PHL503", name, message, made, made.ways[0], trail=trail, remedies=remedies)


def _expired(read: Read) -> Step:
    line, column = read.expiry.span[:2]
    return Step(read.function.path, line, column, f"{read.expiry.method} expires `{read.name}`", "release")
