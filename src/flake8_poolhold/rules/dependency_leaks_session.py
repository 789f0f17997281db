"""A provider gives a session, and does not close it on every way out.

## What it does
Reports a generator that yields a session or connection (a FastAPI dependency, a context manager function) and closes it
never, or only when all went well: it yields outside of `async with`, `with` and `try ... finally`. Also a dependency
that returns the session which it made: FastAPI closes nothing that is returned. A generator that yields a session which
somebody else closes, a middleware or an outer block, is silent. So is a dependency whose users close what they get.

## Why is this bad?
An exception in the request is raised at the `yield`. What stands behind the `yield` is skipped, the session keeps its
connection until the garbage collector destroys it, and each failed request takes one connection from the pool.

## Example
```python
async def get_session():
    db = sessions()
    yield db
    await db.close()
```

## Use instead
```python
async def get_session():
    async with sessions() as db:
        yield db
```

## Fix safety
`with-block` opens the session with `async with`, or `with`, where it is made, around the `yield` and all else that uses
it; the `close()` at its end goes. It is safe where every use of the session lies inside the new block. None is offered
for a dependency that returns its session, which would have to become a generator, and for a scoped session.
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
    "never": "never closes the session that it yields: each request keeps a connection until garbage is collected",
    "failing": "closes its session only when nothing is raised at the `yield`: each failed request keeps a connection",
    "returned": "returns a session that nobody closes: each request keeps a connection until garbage is collected",
}


@rule(code="PHL402", fixes=("with-block",))
def dependency_leaks_session(flow: Flow) -> Iterator[Finding]:
    for leaking in flow.leaking:
        name = leaking.function.name.rpartition(".")[2]
        remedies = flow.openings(leaking.function, leaking.holder) if leaking.how != "returned" else []
        fixes, why_not = _wording.mended(leaking.function.path, leaking.function.name, remedies)
        yield _wording.finding(
            "PHL402",
            "dependency-leaks-session",
            f"`{name}` {_HOW[leaking.how]}; yield inside `async with`, or close in a `finally`",
            leaking.function,
            leaking.span,
            notes=why_not,
            fixes=fixes,
        )
