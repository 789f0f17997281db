"""An engine on asyncpg is given an option of libpq, such as `sslmode`, which asyncpg does not take.

## What it does
Reports engines whose URL has the driver asyncpg and, in its query or in `connect_args`, an option that only libpq and
the drivers built on it know: `sslmode`, `sslrootcert`, `channel_binding`, `connect_timeout`, `application_name`,
`options` and others. Hosts of managed databases hand out such URLs. asyncpg parses a DSN by itself when it is called
directly, so `asyncpg.create_pool` with such a DSN is fine. The default of a settings field or an environment variable
counts, unless a validator may rewrite it.

## Why is this bad?
SQLAlchemy passes the options on as keywords, and the first connection raises
`TypeError: connect() got an unexpected keyword argument 'sslmode'`. The engine is made without a complaint, so the
service starts and every request fails.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@db.example.com/app?sslmode=require")
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@db.example.com/app?ssl=require")
```

## Fix safety
`drop-conflicting-option` writes `ssl` for `sslmode`, and in `connect_args` also `timeout` for `connect_timeout`, and
leaves out options of an address that only tune the connection. It is safe, as nothing could connect before. None is
offered for options that belong into `server_settings` or an `ssl` context, and where the option is not written in the
call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_poolhold.flow.pools.addresses import address
from flake8_poolhold.flow.pools.values import Options, certain
from flake8_poolhold.flow.repairing import settings
from flake8_poolhold.registry import rule
from flake8_poolhold.rules import _pools

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding
    from flake8_poolhold.flow.analysis import Flow
    from flake8_poolhold.flow.pools.makers import Way

INSTEAD = {
    "sslmode": "write `ssl` for it",
    "connect_timeout": "write `timeout` for it",
    "application_name": "pass it in `connect_args={'server_settings': …}`",
    "options": "pass its settings in `connect_args={'server_settings': …}`",
    "sslrootcert": "pass an `ssl` context in `connect_args`",
    "sslcert": "pass an `ssl` context in `connect_args`",
    "sslkey": "pass an `ssl` context in `connect_args`",
    "sslcrl": "pass an `ssl` context in `connect_args`",
    "sslnegotiation": "write `direct_tls` for it",
    "channel_binding": "drop it",
    "gssencmode": "drop it",
    "requiressl": "write `ssl` for it",
    "client_encoding": "drop it",
    "keepalives": "drop it",
    "keepalives_idle": "drop it",
    "keepalives_interval": "drop it",
    "keepalives_count": "drop it",
    "tcp_user_timeout": "drop it",
    "fallback_application_name": "drop it",
    "pgbouncer": "drop it",
}
"""By option: what takes its place."""


@rule(code="PHL505", fixes=("drop-conflicting-option",))
def libpq_option_in_asyncpg_url(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        ways = made.ways if made.kind == "async engine" else ()
        found = next(((way, name) for way in ways for name in _refused(way)), None)
        if found is not None:
            way, name = found
            message = (
                f"asyncpg does not take `{name}` (TypeError at the first connection of this `{made.name}`); "
                f"{INSTEAD[name]}"
            )
            refused = {one: INSTEAD[one] for one in _refused(way)}
            remedies = [settings.without_libpq(made, refused)] if flow.repairs else []
            yield _pools.at_call("PHL505", "libpq-option-in-asyncpg-url", message, made, way, remedies=remedies)


def _refused(way: Way) -> Iterator[str]:
    url = address(way.arguments.get("url", 0))
    if url is None or url.driver != "asyncpg":
        return
    arguments = certain(way.arguments.get("connect_args") or Options())
    given = [name for name, _ in url.options]
    given += [name for name, _ in arguments.items] if isinstance(arguments, Options) else []
    yield from (name for name in given if name in INSTEAD)
