"""An async engine is made with the address of a synchronous driver: it fails at start.

## What it does
Reports `create_async_engine` with a URL whose driver is synchronous: `postgresql+psycopg2://`, `mysql+pymysql://`,
`sqlite://`, and `postgresql://` where the project runs on a SQLAlchemy before 2.1 (from 2.1 on it means psycopg, which
is async too; the version is read from the lock file or the requirements). URLs are followed through variables,
f-strings, `URL.create`, settings classes and helper functions. The default of an environment variable or of a settings
field counts as well, unless a validator may rewrite it: the service then fails wherever the variable is not set.

## Why is this bad?
`create_async_engine` raises `InvalidRequestError: The asyncio extension requires an async driver to be used`.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+psycopg2://localhost/app")
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://localhost/app")
```

## Fix safety
No fix is offered: which async driver is installed is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.pools.addresses import SYNC_DRIVERS, Address, address
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.pools.makers import Made, Way

_ASYNC = {
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "mysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
    "mssql": "mssql+aioodbc",
    "oracle": "oracle+oracledb",
}


@rule(code="PHL304")
def sync_url_for_async_engine(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        if made.kind == "async engine":
            found = _sync_url(flow, made)
            if found is not None:
                way, url, driver = found
                default = ", the default," if url.assumed else ""
                message = (
                    f"`{made.name}` gets `{url.scheme}://`{default} whose driver {driver} is not async "
                    f"(InvalidRequestError at start); write `{_ASYNC.get(url.dialect, url.dialect)}://`"
                )
                yield _pools.at_call("PHL304", "sync-url-for-async-engine", message, made, way)


def _sync_url(flow: Flow, made: Made) -> tuple[Way, Address, str] | None:
    version = flow.pools.newest(made.path, "sqlalchemy")
    for way in made.ways:
        url = address(way.arguments.get("url", 0))
        driver = url.driver_of(version) if url is not None else ""
        if url is not None and driver in SYNC_DRIVERS:
            return way, url, driver
    return None
