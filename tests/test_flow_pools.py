"""Pools without SQLAlchemy, generators closed by hand, containers, imports, recursion: whole small projects."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, holds, marks, write

from flake8_poolhold import engine
from flake8_poolhold.config import Settings

POOLS = [
    case(
        "a connection of asyncpg is held for its block",
        """
        import asyncpg

        async def block(pool: asyncpg.Pool):
            async with pool.acquire() as connection:
                await connection.fetch("select 1")
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "ending a transaction of asyncpg gives nothing back, releasing does",
        """
        import asyncpg

        async def by_hand():
            pool = await asyncpg.create_pool("postgresql://localhost/app")
            connection = await pool.acquire()
            try:
                async with connection.transaction():
                    await connection.execute("select 1")
                await client.get("/")  # error: PHL101
            finally:
                await pool.release(connection)
            await client.get("/")
    """,
    ),
    case(
        "a pool's own fetch holds nothing afterwards",
        """
        import asyncpg

        async def fetch(pool: asyncpg.Pool):
            await pool.fetch("select 1")
            await client.get("/")
    """,
    ),
    case(
        "a connection of psycopg_pool",
        """
        from psycopg_pool import AsyncConnectionPool

        pool = AsyncConnectionPool("postgresql://localhost/app")

        async def block():
            async with pool.connection() as connection:
                await connection.execute("select 1")
                await connection.commit()
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
]
OTHERS = [
    case(
        "a provider that is closed by hand",
        """
        async def f():
            provider = get_db()
            db = await provider.__anext__()
            try:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
            finally:
                await provider.aclose()
            await client.get("/")
    """,
    ),
    case(
        "a container gives what it is asked for",
        """
        from injector import Injector

        injector = Injector()

        class Model:
            async def ask(self):
                await client.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await injector.get(Model).ask()  # error: PHL101
    """,
    ),
    case(
        "a module that is called like the library it wraps",
        {
            "app/__init__.py": "",
            "app/httpx.py": "from httpx import AsyncClient\n\nclient = AsyncClient()\n",
            "app/main.py": """
                from sqlalchemy import select
                from sqlalchemy.ext.asyncio import AsyncSession
                from app.httpx import client

                async def f(db: AsyncSession):
                    await db.execute(select(1))
                    await client.get("/")  # error: PHL101
            """,
        },
    ),
    case(
        "a module without a package that is called like the library it wraps",
        {
            "app/injector.py": "from injector import Injector\n\ncontainer = Injector()\n",
            "app/main.py": """
                import httpx
                from sqlalchemy import select
                from sqlalchemy.ext.asyncio import AsyncSession
                from app.injector import container

                class Model:
                    async def ask(self):
                        await httpx.AsyncClient().get("/")

                async def f(db: AsyncSession):
                    await db.execute(select(1))
                    await container.get(Model).ask()  # error: PHL101
            """,
        },
    ),
    case(
        "calls into a module that can hold nothing, with and without a function that can",
        {
            "app/__init__.py": "",
            "app/plain.py": "def twice(x):\n    return x\n\n\nasync def run(work):\n    await work()\n",
            "app/main.py": """
                import httpx
                from sqlalchemy import select
                from sqlalchemy.ext.asyncio import AsyncSession
                from app.plain import run, twice

                async def ask():
                    await httpx.AsyncClient().get("/")

                async def f(db: AsyncSession):
                    await db.execute(select(twice(1)))
                    await run(ask)  # error: PHL101
            """,
        },
    ),
]


@pytest.mark.parametrize(("files", "select"), [*POOLS, *OTHERS])
def test_small_projects(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_one_session_behind_several_services_is_one_finding(tmp_path: Path) -> None:
    source = """
class Users:
    def __init__(self, db: AsyncSession):
        self.db = db

class Orders:
    def __init__(self, db: AsyncSession):
        self.db = db

class Service:
    def __init__(self, users: Users, orders: Orders):
        self.users, self.orders = users, orders

    async def f(self):
        await self.users.db.execute(select(1))
        await self.orders.db.execute(select(1))
        await client.get("/")
"""
    (hold,) = holds(tmp_path, source)
    assert hold.name == "self.users.db"


RECURSION = {
    "a.py": """
        from httpx import AsyncClient
        from sqlalchemy.ext.asyncio import AsyncSession
        from b import pong

        async def ping(db: AsyncSession, client: AsyncClient, n: int):
            if n:
                await pong(db, client, n - 1)
            await client.get("/")
    """,
    "b.py": """
        from httpx import AsyncClient
        from sqlalchemy.ext.asyncio import AsyncSession
        from a import ping

        async def pong(db: AsyncSession, client: AsyncClient, n: int):
            if n:
                await ping(db, client, n - 1)
            await db.execute("select 1")

        async def top(db: AsyncSession, client: AsyncClient):
            await db.execute("select 1")
            await pong(db, client, 3)
    """,
}


def test_a_recursion_is_the_same_wherever_it_is_entered(tmp_path: Path) -> None:
    write(tmp_path, RECURSION)
    whole = engine.check([tmp_path], Settings(), root=tmp_path, cache=False).findings
    alone = [
        finding
        for name in ("b.py", "a.py")
        for finding in engine.check([tmp_path / name], Settings(), root=tmp_path, cache=False).findings
    ]
    assert {(one.path, one.line, one.code) for one in whole} == {("a.py", 9, "PHL101"), ("b.py", 13, "PHL101")}
    assert sorted(alone, key=lambda one: (one.path, one.line)) == list(whole)
