"""Pools that are used without SQLAlchemy: asyncpg's and psycopg's own."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any
from unittest import mock

Note = Callable[[Any], None]


def checkouts(stack: ExitStack, out: Note, back: Note) -> None:
    """Call `out(connection)` when such a pool hands out a connection and `back(connection)` when it gets it back."""

    def acquiring(original: Any) -> Any:
        @functools.wraps(original)
        async def call(*args: Any, **kwargs: Any) -> Any:
            connection = await original(*args, **kwargs)
            out(connection)
            return connection

        return call

    def returning(original: Any) -> Any:
        @functools.wraps(original)
        async def call(self: Any, connection: Any, *args: Any, **kwargs: Any) -> Any:
            back(connection)
            return await original(self, connection, *args, **kwargs)

        return call

    def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        stack.enter_context(mock.patch.object(owner, name, make(getattr(owner, name))))

    with suppress(ModuleNotFoundError):
        pool = importlib.import_module("asyncpg.pool").Pool
        replace(pool, "_acquire", acquiring)
        replace(pool, "release", returning)
    with suppress(ModuleNotFoundError):
        pool = importlib.import_module("psycopg_pool").AsyncConnectionPool
        replace(pool, "getconn", acquiring)
        replace(pool, "putconn", returning)
