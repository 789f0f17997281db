"""What the rules about engines and pools predict is what the installed SQLAlchemy, asyncpg and PgBouncer do."""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oracle.poolers import running_pgbouncer
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from flake8_poolhold import engine
from flake8_poolhold.config import Settings
from flake8_poolhold.finding import Finding
from flake8_poolhold.flow.model.values import Literally
from flake8_poolhold.flow.pools.addresses import ASYNC_DRIVERS, SYNC_DRIVERS, address
from flake8_poolhold.registry import rules
from flake8_poolhold.rules.libpq_option_in_asyncpg_url import INSTEAD

FIXTURES = Path(__file__).parent / "fixtures"
NOWHERE = "postgresql+asyncpg://poolhold@127.0.0.1:1/postgres"

Load = Callable[[Path], dict[str, Any]]


def fixtures(code: str, *, right: bool = False) -> list[Any]:
    """The single-file fixtures of a rule: those with a finding, or the look-alikes."""
    found = [path for path in sorted((FIXTURES / code).glob("*.py")) if path.name.startswith("ok_") is right]
    return [pytest.param(path, id=f"{code}-{path.stem}") for path in found]


def finding(path: Path, folder: Path) -> Finding:
    """The one finding in a fixture."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    code = path.parent.name
    select = (code,) if rules()[code].opt_in else ()
    (found,) = engine.check([copy], Settings(extend_select=select), root=folder, cache=False).findings
    return found


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Run a fixture's module; libraries that wrap or wait are stood in for."""
    model, adapter, queue = (types.ModuleType(name) for name in ("openai", "mangum", "celery"))
    model.AsyncOpenAI = lambda **_: None  # type: ignore[attr-defined]
    adapter.Mangum = lambda app: app  # type: ignore[attr-defined]
    queue.Celery = lambda: types.SimpleNamespace(task=lambda function: function)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "celery", queue)
    monkeypatch.setitem(sys.modules, "openai", model)
    monkeypatch.setitem(sys.modules, "mangum", adapter)
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    monkeypatch.setenv("POOL_SIZE", "5")
    monkeypatch.chdir(tmp_path)
    return lambda path: runpy.run_path(str(path))


@pytest.mark.parametrize("path", [*fixtures("PHL502"), *fixtures("PHL304")])
def test_fails_at_start(path: Path, load: Load, tmp_path: Path) -> None:
    (predicted,) = re.findall(r"\((\w+) at start\)", finding(path, tmp_path).message)
    with pytest.raises((TypeError, ValueError, SQLAlchemyError)) as raised:
        load(path)
    assert raised.type.__name__ == predicted


@pytest.mark.parametrize(
    "path",
    [
        path
        for code in (
            "PHL304",
            "PHL501",
            "PHL502",
            "PHL504",
            "PHL505",
            "PHL506",
            "PHL507",
            "PHL508",
            "PHL509",
            "PHL510",
            "PHL511",
        )
        for path in fixtures(code, right=True)
    ],
)
def test_look_alikes_start(path: Path, load: Load) -> None:
    assert load(path)


@pytest.mark.parametrize("path", fixtures("PHL505"))
def test_asyncpg_refuses_options_of_libpq(path: Path, load: Load, tmp_path: Path) -> None:
    (option,) = re.findall(r"does not take `(\w+)`", finding(path, tmp_path).message)
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        asyncio.run(connect(load(path)["engine"]))


@pytest.mark.parametrize("option", INSTEAD)
def test_every_listed_option_is_refused(option: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        asyncio.run(connect(create_async_engine(f"{NOWHERE}?{option}=x")))


def test_asyncpg_takes_what_is_written_instead() -> None:
    with pytest.raises((OSError, DBAPIError)):
        asyncio.run(connect(create_async_engine(f"{NOWHERE}?ssl=require", connect_args={"timeout": 1})))


async def connect(engine: AsyncEngine) -> None:
    async with engine.connect():
        pass


@pytest.mark.parametrize("driver", sorted(ASYNC_DRIVERS | SYNC_DRIVERS))
def test_drivers_are_what_the_table_says(driver: str) -> None:
    known = False
    for dialect in ("postgresql", "sqlite", "mysql", "mariadb", "mssql", "oracle"):
        url = make_url(f"{dialect}+{driver}://host/name")
        try:
            loaded = url._get_entrypoint().get_async_dialect_cls(url)
        except NoSuchModuleError:
            continue
        known = True
        assert loaded.is_async is (driver in ASYNC_DRIVERS), url
    assert known or driver == "mssqlpython"  # new in SQLAlchemy 2.1


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite", "mysql", "mariadb", "mssql", "oracle"])
def test_default_drivers(dialect: str) -> None:
    import sqlalchemy

    major, minor = (int(part) for part in sqlalchemy.__version__.split(".")[:2])
    known = address(Literally(f"{dialect}://host/name"))
    assert known is not None
    assert known.driver_of((major, minor)) == make_url(f"{dialect}://host/name")._get_entrypoint().driver


def test_a_plain_sessionmaker_makes_async_sessions_by_its_class_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    asyncio.run(runpy.run_path(str(FIXTURES / "PHL508" / "async_class.py"))["use"]())
    with pytest.raises(SQLAlchemyError, match=r"greenlet|await"):
        runpy.run_path(str(FIXTURES / "PHL508" / "no_class.py"))["use"]()


@pytest.mark.parametrize("path", [*fixtures("PHL503"), *fixtures("PHL503", right=True)])
def test_expired_objects_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    module = runpy.run_path(str(path))
    if path.name.startswith("ok_"):
        asyncio.run(module["use"]())
        return
    message = finding(path, tmp_path).message
    assert "MissingGreenlet" in message
    with pytest.raises(SQLAlchemyError, match=r"greenlet_spawn has not been called") as raised:
        asyncio.run(module["use"]())
    assert "MissingGreenlet" in (raised.type.__name__, type(getattr(raised.value, "orig", None)).__name__)


def test_the_default_pool_is_what_the_message_says(load: Load, tmp_path: Path) -> None:
    path = FIXTURES / "PHL501" / "default_pool.py"
    pool = load(path)["engine"].pool
    assert f"{pool.size()} + {pool._max_overflow}" in finding(path, tmp_path).message


def test_minus_one_is_no_limit(load: Load) -> None:
    assert load(FIXTURES / "PHL501" / "no_limit.py")["engine"].pool._max_overflow == -1


@pytest.mark.parametrize("path", fixtures("PHL507"))
def test_the_wait_is_as_long_as_the_message_says(path: Path, load: Load, tmp_path: Path) -> None:
    seconds = load(path)["engine"].pool.timeout()
    assert f"up to {seconds:.0f} s" in finding(path, tmp_path).message


def test_a_pool_outlives_the_request_of_a_function(postgres: str, monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)

    async def kept(engine: AsyncEngine) -> int:
        await connect(engine)
        count = engine.pool.checkedin() if hasattr(engine.pool, "checkedin") else 0  # NullPool keeps nothing
        await engine.dispose()
        return count

    assert asyncio.run(kept(load(FIXTURES / "PHL509" / "engine_in_other_file" / "db.py")["engine"])) == 1
    assert asyncio.run(kept(load(FIXTURES / "PHL509" / "ok_null_pool.py")["engine"])) == 0


def test_an_untested_connection_may_be_dead(postgres: str, monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    untested = load(FIXTURES / "PHL511" / "untested.py")["engine"]
    tested = load(FIXTURES / "PHL511" / "ok_tested.py")["engine"]

    async def after_a_restart(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        other = create_async_engine(postgres)
        async with other.connect() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
        await other.dispose()
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        finally:
            await engine.dispose()

    asyncio.run(after_a_restart(tested))
    with pytest.raises(DBAPIError):
        asyncio.run(after_a_restart(untested))


def test_a_connection_of_another_loop_is_refused(postgres: str, monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    use = load(FIXTURES / "PHL510" / "task_of_celery.py")["use"]
    assert use() == 1
    with pytest.raises(Exception, match=r"attached to a different loop|another operation|loop is closed"):
        use()
    right = load(FIXTURES / "PHL510" / "ok_tasks.py")["use"]
    assert [right(), right()] == [2, 2]


def test_the_server_refuses_more_connections_than_it_takes(
    postgres: str, monkeypatch: pytest.MonkeyPatch, load: Load, tmp_path: Path
) -> None:
    path = FIXTURES / "PHL506" / "pool_of_one_process.py"
    message = finding(path, tmp_path).message
    url = make_url(postgres)
    monkeypatch.setenv("DATABASE_USER", str(url.username))
    monkeypatch.setenv("DATABASE_HOST", f"{url.host}:{url.port}")

    async def rush() -> tuple[int, str]:
        admin = create_async_engine(postgres, isolation_level="AUTOCOMMIT")
        async with admin.connect() as connection:
            await connection.execute(text("CREATE DATABASE app"))
        await admin.dispose()
        engine = load(path)["make_engine"]()
        assert f"= {engine.pool.size() + engine.pool._max_overflow} connections" in message
        opened = []
        try:
            while True:
                opened.append(await engine.connect())
        except DBAPIError as error:
            return len(opened), str(error)
        finally:
            for connection in opened:
                await connection.close()
            await engine.dispose()

    count, error = asyncio.run(rush())
    assert "too many clients" in error or "remaining connection slots" in error
    assert count <= 100


@pytest.fixture(scope="module")
def pgbouncer(postgres: str) -> Any:
    with running_pgbouncer(postgres) as port:
        yield port


async def alternate(engines: AsyncEngine, statement: str) -> None:
    """Run a statement on connections whose transactions take turns on the server's two connections."""
    async with engines.connect() as one, engines.connect() as two:
        for turn in range(20):
            first, second = (one, two) if turn % 2 else (two, one)
            await first.execute(text(statement))
            await second.execute(text(statement))
            await (second if turn % 3 else first).commit()
            await (first if turn % 3 else second).commit()


def on_port(path: Path, port: int, folder: Path) -> Path:
    copy = folder / path.name
    copy.write_text(path.read_text().replace("6432", str(port)))
    return copy


def test_prepared_statements_get_lost(pgbouncer: int, load: Load, tmp_path: Path) -> None:
    async def run() -> None:
        engine = load(on_port(FIXTURES / "PHL504" / "port_of_pgbouncer.py", pgbouncer, tmp_path))["engine"]
        try:
            await alternate(engine, "SELECT 1")
        finally:
            await engine.dispose()

    with pytest.raises(DBAPIError, match="prepared statement"):
        asyncio.run(run())


def test_without_the_cache_they_do_not(pgbouncer: int, load: Load, tmp_path: Path) -> None:
    async def run() -> None:
        engine = load(on_port(FIXTURES / "PHL504" / "ok_no_cache.py", pgbouncer, tmp_path))["engine"]
        await alternate(engine, "SELECT 1")
        await engine.dispose()

    asyncio.run(run())


def test_asyncpg_alone_loses_them_too(pgbouncer: int, load: Load, tmp_path: Path) -> None:
    import asyncpg

    async def turns(path: Path) -> None:
        pool = await load(on_port(path, pgbouncer, tmp_path))["connect"]()
        async with pool.acquire() as one, pool.acquire() as two:
            for turn in range(20):
                first, second = (one, two) if turn % 2 else (two, one)
                outer, inner = first.transaction(), second.transaction()
                await outer.start()
                await inner.start()
                await first.fetch("SELECT 1")
                await second.fetch("SELECT 1")
                for transaction in (outer, inner) if turn % 3 else (inner, outer):
                    await transaction.commit()
        await pool.close()

    asyncio.run(turns(FIXTURES / "PHL504" / "ok_no_cache.py"))
    with pytest.raises(asyncpg.PostgresError, match="prepared statement"):
        asyncio.run(turns(FIXTURES / "PHL504" / "asyncpg_pool.py"))
