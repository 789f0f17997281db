"""asyncpg goes through PgBouncer with its statement cache on.

## What it does
Reports an engine on asyncpg, or a pool of asyncpg, whose address leads through PgBouncer while the statement cache is
not switched off. What counts as PgBouncer: port 6432, port 6543 (Supabase's pooler), or a host with `pgbouncer` in its
name, in the address itself, in the default of a setting, or, when the address is not literal, in a database address in
an `.env` or compose file beside the code. Silent where `pool_mode` is `session` or `max_prepared_statements` is above
0. asyncpg before 0.31 needs SQLAlchemy's `prepared_statement_cache_size=0` too, before 0.30 also a
`prepared_statement_name_func`; the version is read from the lock file or the requirements.

## Why is this bad?
asyncpg prepares each statement under a name on the server. In transaction mode the next transaction runs on another
server connection, which does not know the name, or knows it for another worker's statement: `prepared statement
"__asyncpg_stmt_1__" does not exist`, `… already exists`, or the wrong statement is run.

## Example
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@pgbouncer:6432/app")
```

## Use instead
```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    "postgresql+asyncpg://app@pgbouncer:6432/app", connect_args={"statement_cache_size": 0}
)
```

## Fix safety
`statement-cache-off` passes the option that is missing. It is safe: statements are parsed each time. None is offered
where the settings are not written in the call, and for `prepared_statement_name_func`. Where PgBouncer is 1.21 or
newer, `max_prepared_statements` above 0 is the other way out.
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


@rule(code="PHL504", fixes=("statement-cache-off",))
def prepared_statements_behind_pgbouncer(flow: Flow) -> Iterator[Finding]:
    for made in flow.pools.made:
        found = flow.pools.cached_statements(made)
        if found is not None:
            way, evidence, missing = found
            where = "`connect_args`" if made.kind == "async engine" else f"`{made.name}`"
            message = (
                f"asyncpg keeps prepared statements behind PgBouncer ({evidence}), where they get lost between "
                f"transactions; pass `{missing[0]}` in {where}"
            )
            name = "prepared-statements-behind-pgbouncer"
            remedies = [settings.without_statement_cache(made, missing)] if flow.repairs else []
            yield _pools.at_call("PHL504", name, message, made, way, remedies=remedies)
