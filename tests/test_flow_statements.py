"""Statements and expressions: on which paths a connection is held when a wait starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, marks

STATEMENTS = [
    case(
        "query then call",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "call then query",
        """
        async def f(db: AsyncSession):
            await client.get("/")
            await db.execute(select(1))
    """,
    ),
    case(
        "commit between",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "an if without else may hold",
        """
        async def f(db: AsyncSession, x: int):
            if x > 1:
                await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "every arm releases",
        """
        async def f(db: AsyncSession, x: int):
            await db.execute(select(1))
            if x == 1:
                await db.commit()
            elif x == 2:
                await db.rollback()
            else:
                await db.close()
            await client.get("/")
    """,
    ),
    case(
        "one elif does not release",
        """
        async def f(db: AsyncSession, x: int):
            await db.execute(select(1))
            if x == 1:
                await db.commit()
            elif x == 2:
                pass
            else:
                await db.close()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "the arm that releases may call",
        """
        async def f(db: AsyncSession, x: int):
            await db.execute(select(1))
            if x:
                await db.commit()
                await client.get("/1")
            else:
                await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a release on a raising branch hides nothing",
        """
        async def f(db: AsyncSession, x: int):
            await db.execute(select(1))
            if x:
                await db.rollback()
                raise ValueError
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an early return ends its path",
        """
        async def f(db: AsyncSession, x: int):
            if x:
                await db.execute(select(1))
                return
            await client.get("/")
    """,
    ),
    case(
        "an early raise ends its path",
        """
        async def f(db: AsyncSession, x: int):
            if x:
                await db.execute(select(1))
                raise ValueError(x)
            await client.get("/")
    """,
    ),
    case(
        "a query late in the body holds at the top of the next turn",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await client.get(x)  # error: PHL101
                await db.execute(select(1))
    """,
    ),
    case(
        "each turn commits",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await client.get(x)
                await db.execute(select(1))
                await db.commit()
    """,
    ),
    case(
        "continue skips the commit",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await client.get(x)  # error: PHL101
                await db.execute(select(1))
                if x:
                    continue
                await db.commit()
    """,
    ),
    case(
        "break leaves before the commit",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await db.execute(select(1))
                if x:
                    break
                await db.commit()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "for else runs only without break",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await db.execute(select(1))
                if x:
                    break
                await db.commit()
            else:
                await client.get("/")
    """,
    ),
    case(
        "while with a condition",
        """
        async def f(db: AsyncSession, x: int):
            while x:
                await client.get("/")  # error: PHL101
                await db.execute(select(x))
                x -= 1
    """,
    ),
    case(
        "while else after a release in each turn",
        """
        async def f(db: AsyncSession, x: int):
            while x:
                await db.execute(select(x))
                await db.commit()
                x -= 1
            else:
                await client.get("/")
    """,
    ),
    case(
        "what follows an endless loop without break is never reached",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            while True:
                pass
            await client.get("/")
    """,
    ),
    case(
        "an endless loop is left by break only",
        """
        async def f(db: AsyncSession, x: int):
            while True:
                await db.execute(select(1))
                if x:
                    await db.commit()
                    break
            await client.get("/")
    """,
    ),
    case(
        "while tests a call that waits",
        """
        async def f(db: AsyncSession):
            while await client.get("/"):  # error: PHL101
                await db.execute(select(1))
    """,
    ),
    case(
        "while whose test always raises",
        """
        def broken():
            raise ValueError

        async def f(db: AsyncSession):
            await db.execute(select(1))
            while broken():
                pass
            await client.get("/")
    """,
    ),
    case(
        "if whose test always raises",
        """
        def broken():
            raise ValueError

        async def f(db: AsyncSession):
            await db.execute(select(1))
            if broken():
                pass
            await client.get("/")
    """,
    ),
    case(
        "a loop whose body always returns",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                await db.execute(select(1))
                return
            await client.get("/")
    """,
    ),
    case(
        "a handler starts with what was held",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
                await db.commit()
            except Exception:
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a handler that rolls back first",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            except Exception:
                await db.rollback()
                await client.get("/")
    """,
    ),
    case(
        "behind a handler that does not end",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
                await db.commit()
            except Exception:
                pass
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "behind a handler that raises again",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
                await db.commit()
            except Exception:
                raise
            await client.get("/")
    """,
    ),
    case(
        "try else holds",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            except ValueError:
                await db.rollback()
            else:
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "finally releases on every way",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            finally:
                await db.close()
            await client.get("/")
    """,
    ),
    case(
        "a call in finally before the release",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            finally:
                await client.get("/")  # error: PHL101
                await db.close()
    """,
    ),
    case(
        "return in try runs finally",
        """
        async def inner(db: AsyncSession):
            try:
                await db.execute(select(1))
                return 1
            finally:
                await db.commit()

        async def f(db: AsyncSession):
            await inner(db)
            await client.get("/")
    """,
    ),
    case(
        "return in finally swallows the exception",
        """
        async def inner(db: AsyncSession):
            try:
                await db.execute(select(1))
                raise ValueError
            finally:
                return

        async def f(db: AsyncSession):
            await inner(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "break and continue run finally",
        """
        async def f(db: AsyncSession, xs: list):
            for x in xs:
                try:
                    await db.execute(select(1))
                    if x:
                        break
                    continue
                finally:
                    await db.commit()
            await client.get("/")
    """,
    ),
    case(
        "a bare except catches all",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            try:
                await db.commit()
                raise ValueError
            except:
                await db.rollback()
            await client.get("/")
    """,
    ),
    case(
        "a tuple with Exception catches all",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            try:
                raise ValueError
            except (KeyError, Exception) as error:
                await db.rollback()
            await client.get("/")
    """,
    ),
    case(
        "an exception that no handler of the helper catches reaches the caller",
        """
        async def helper(db: AsyncSession):
            try:
                await db.execute(select(1))
            except KeyError:
                await db.rollback()
            await db.commit()

        async def f(db: AsyncSession):
            try:
                await helper(db)
            except Exception:
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "except star",
        """
        async def f(db: AsyncSession):
            try:
                await db.execute(select(1))
            except* ValueError:
                await client.get("/")  # error: PHL101
                await db.rollback()
    """,
    ),
    case(
        "a helper that always raises ends the path",
        """
        def fail():
            raise ValueError

        async def f(db: AsyncSession):
            await db.execute(select(1))
            fail()
            await client.get("/")
    """,
    ),
    case(
        "return of a helper that always raises",
        """
        def fail():
            raise ValueError

        async def helper(db: AsyncSession):
            await db.execute(select(1))
            return fail()

        async def f(db: AsyncSession):
            await helper(db)
            await client.get("/")
    """,
    ),
    case(
        "nested blocks leave in order",
        """
        async def f():
            async with maker() as a:
                async with maker() as b:
                    await a.execute(select(1))
                    await a.commit()
                    await b.execute(select(1))
                await client.get("/")
    """,
    ),
    case(
        "one with for two sessions",
        """
        async def f():
            async with maker() as a, maker() as b:
                await b.execute(select(1))
                await client.get("/")  # error: PHL101
            await client.get("/")
    """,
    ),
    case(
        "return inside a block closes it",
        """
        async def load():
            async with maker() as db:
                return await db.scalar(select(1))

        async def f():
            await load()
            await client.get("/")
    """,
    ),
    case(
        "the wait in the head of a block",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with client.stream("GET", "/") as response:  # error: PHL101
                pass
    """,
    ),
    case(
        "with over a call that always raises",
        """
        def broken():
            raise ValueError

        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with broken():
                await client.get("/")
            await client.get("/")
    """,
    ),
    case(
        "with over a context manager that always raises",
        """
        @contextlib.asynccontextmanager
        async def broken():
            raise ValueError
            yield

        async def f(db: AsyncSession):
            await db.execute(select(1))
            async with broken():
                await client.get("/")
    """,
    ),
    case(
        "match arms join",
        """
        async def f(db: AsyncSession, x):
            match x:
                case {"a": y, **rest}:
                    await db.execute(select(1))
                case [1, *others] if await client.get("/0"):
                    pass
                case _:
                    await client.get("/1")
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a match without a default may take no arm",
        """
        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            match x:
                case 1:
                    await db.commit()
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "a match with a default takes one of its arms",
        """
        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            match x:
                case 1:
                    await db.commit()
                case other:
                    await db.rollback()
            await client.get("/2")
    """,
    ),
    case(
        "del, global, nonlocal, assert, pass",
        """
        state = None

        async def f(db: AsyncSession, x):
            global state
            assert await db.scalar(select(1))
            del x
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a nested function is reported for itself",
        """
        async def f(db: AsyncSession):
            async def inner(other: AsyncSession):
                await other.execute(select(1))
                await client.get("/")  # error: PHL101
            return inner
    """,
    ),
    case(
        "a nested function captures the session",
        """
        async def f(db: AsyncSession):
            async def inner():
                await client.get("/")
            await db.execute(select(1))
            await inner()  # error: PHL101
    """,
    ),
    case(
        "a nested function queries the captured session",
        """
        async def f(db: AsyncSession):
            async def load():
                return await db.scalar(select(1))
            await load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a nested class",
        """
        async def f(db: AsyncSession):
            class Loader:
                def __init__(self, session):
                    self.session = session
                async def load(self):
                    await self.session.execute(select(1))
            await Loader(db).load()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an import in the function",
        """
        async def f(db: AsyncSession):
            import httpx as h
            from httpx import AsyncClient as C
            await db.execute(select(1))
            await h.AsyncClient().get("/")  # error: PHL101
            await C().get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotated assignment without value",
        """
        async def f():
            db: AsyncSession
            async with maker() as db:
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotation says what an unknown call returns",
        """
        from elsewhere import container

        async def f():
            db: AsyncSession = container.get("db")
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotation says what an unknown value is",
        """
        async def f(container):
            db: AsyncSession = container["db"]
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotated field gets what an unknown call returns",
        """
        from elsewhere import container

        class Job:
            async def f(self):
                self.db: AsyncSession = container.get("db")
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an annotated field says what an unknown value is",
        """
        class Job:
            async def f(self, container):
                self.db: AsyncSession = container["db"]
                await self.db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a loop over a helper that always raises",
        """
        async def broken():
            raise ValueError

        async def g(db: AsyncSession):
            await db.execute(select(1))
            async for x in broken():
                await client.get("/2")

        async def h(db: AsyncSession):
            await db.execute(select(1))
            async with await broken():
                await client.get("/3")
    """,
    ),
    case(
        "behind a loop over a helper that always raises",
        """
        async def broken():
            raise ValueError

        async def f(db: AsyncSession):
            await db.execute(select(1))
            for x in await broken():
                pass
            await client.get("/1")
    """,
    ),
    case(
        "a bare star import in a function's module and starred targets",
        """
        first, *others = maker, 1, 2
        *others, last = [client, 1]

        async def f(db: AsyncSession):
            a, *b = await db.execute(select(1))
            for c, *d in [(client, 1)]:
                await c.get("/1")  # error: PHL101
            b[0] = 1
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "augmented assignment keeps what it adds to",
        """
        async def f(db: AsyncSession):
            jobs = [client.get("/")]
            await db.execute(select(1))
            jobs += [client.get("/2")]
            await asyncio.gather(*jobs)  # error: PHL101
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), STATEMENTS)
def test_statements(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


NARROWING = [
    case(
        "a session that may be None",
        """
        async def f(db: AsyncSession | None = None):
            if db is not None:
                await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "nothing is held where it is None",
        """
        async def f(db: AsyncSession | None = None):
            if db is None:
                await client.get("/")
                return
            await db.execute(select(1))
    """,
    ),
    case(
        "own session where none was given",
        """
        async def load(db: AsyncSession | None = None):
            if db is None:
                async with maker() as db:
                    return await db.scalar(select(1))
            return await db.scalar(select(1))

        async def f():
            await load()
            await client.get("/")
    """,
    ),
    case(
        "not db narrows",
        """
        async def load(db: AsyncSession | None = None):
            if not db:
                return None
            return await db.scalar(select(1))

        async def f(db: AsyncSession):
            await load(None)
            await client.get("/")
    """,
    ),
    case(
        "the given session is the one that is used",
        """
        async def load(db: AsyncSession | None = None):
            if db is None:
                async with maker() as db:
                    return await db.scalar(select(1))
            return await db.scalar(select(1))

        async def f(db: AsyncSession):
            await load(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "and narrows in the arm",
        """
        async def f(flag: bool):
            db = None
            if flag:
                db = maker()  # error: PHL401
                await db.execute(select(1))
                await db.close()
            if db is None and flag:
                await client.get("/")
    """,
    ),
    case(
        "or narrows behind",
        """
        async def f(db: AsyncSession | None, x: int):
            if db is None or x:
                return
            await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a flag decides",
        """
        async def load(db: AsyncSession, commit: bool = False):
            await db.execute(select(1))
            if commit:
                await db.commit()

        async def committed(db: AsyncSession):
            await load(db, commit=True)
            await client.get("/")

        async def held(db: AsyncSession):
            await load(db)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a negated flag decides",
        """
        async def load(db: AsyncSession, keep: bool = True):
            await db.execute(select(1))
            if not keep:
                await db.commit()

        async def committed(db: AsyncSession):
            await load(db, False)
            await client.get("/")

        async def held(db: AsyncSession):
            await load(db, keep=True)
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "finally closes what was opened",
        """
        async def f(flag: bool):
            db = None
            try:
                if flag:
                    db = maker()
                    await db.execute(select(1))
            finally:
                if db is not None:
                    await db.close()
            await client.get("/")
    """,
    ),
    case(
        "finally closes what is truthy",
        """
        async def f(flag: bool):
            db = None
            try:
                if flag:
                    db = maker()
                    await db.execute(select(1))
            finally:
                if db:
                    await db.close()
            await client.get("/")
    """,
    ),
    case(
        "an empty list is not None",
        """
        async def f(db: AsyncSession):
            rows = [maker]
            if not rows:
                await client.get("/")
            async with rows[0]() as other:
                await other.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a conditional expression on a known flag",
        """
        async def work(db: AsyncSession, stay: bool):
            await db.execute(select(1))
            await (db.flush() if stay else db.commit())

        async def held(db: AsyncSession):
            await work(db, True)
            await client.get("/")  # error: PHL101

        async def free(db: AsyncSession):
            await work(db, False)
            await client.get("/")
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), NARROWING)
def test_narrowing(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


EXPRESSIONS = [
    case(
        "the right side of and may run",
        """
        async def f(db: AsyncSession, x):
            x and await db.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "the right side of or may not release",
        """
        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            x or await db.commit()
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "or gives a session",
        """
        async def f(db: AsyncSession | None = None):
            session = db or maker()
            await session.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
        select=("PHL101",),
    ),
    case(
        "both arms of a conditional release",
        """
        async def f(db: AsyncSession, x):
            await db.execute(select(1))
            await db.commit() if x else await db.rollback()
            await client.get("/")
    """,
    ),
    case(
        "one arm of a conditional queries",
        """
        async def f(db: AsyncSession, x):
            y = await db.scalar(select(1)) if x else None
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "walrus",
        """
        async def f(db: AsyncSession):
            if (user := await db.get(object, 1)) is None:
                raise ValueError
            if (s := db) is not None:
                await client.get(user)  # error: PHL101
    """,
    ),
    case(
        "walrus binds a session",
        """
        async def f():
            async with (db := maker()):
                await db.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a comprehension that queries",
        """
        async def f(db: AsyncSession, xs: list):
            rows = [await db.get(object, x) for x in xs if x]
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a comprehension that calls",
        """
        async def f(db: AsyncSession, xs: list):
            await db.execute(select(1))
            rows = {x: await client.get(x) for x in xs}  # error: PHL101
    """,
    ),
    case(
        "two clauses and a set",
        """
        async def f(db: AsyncSession, xs: list):
            await db.execute(select(1))
            rows = {await client.get(y) for x in xs for y in x}  # error: PHL101
    """,
    ),
    case(
        "async comprehension over a stream",
        """
        async def f(db: AsyncSession):
            async with client.stream("GET", "/") as response:
                await db.execute(select(1))
                lines = [line async for line in response.aiter_lines()]  # error: PHL101
    """,
    ),
    case(
        "a comprehension holds at its next turn",
        """
        async def f(db: AsyncSession, xs: list):
            rows = [(await client.get(x), await db.get(object, x)) for x in xs]  # error: PHL101
    """,
        wrong="a comprehension is run for one turn only",
    ),
    case(
        "a lambda that is called",
        """
        async def f(db: AsyncSession):
            go = lambda: client.get("/")
            await db.execute(select(1))
            await go()  # error: PHL101
    """,
    ),
    case(
        "a lambda that is not called",
        """
        async def f(db: AsyncSession):
            go = lambda: client.get("/")
            await db.execute(select(1))
            return go
    """,
    ),
    case(
        "f-string, tuple, dict, subscript, comparison",
        """
        async def f(db: AsyncSession, x):
            y = f"{await db.scalar(select(1)):>{x}}", {"a": x}, x[1:2], x < 3 < 4, -x, not x
            z = f"{await client.get('/')}"  # error: PHL101
    """,
    ),
    case(
        "a chain of calls on an awaited value",
        """
        async def f(db: AsyncSession):
            row = (await db.execute(select(1))).scalars().first()
            text = (await client.get("/")).raise_for_status().json()["a"][0]  # error: PHL101
    """,
    ),
    case(
        "a coroutine counts where it is awaited",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            pending = client.get("/")
            await db.commit()
            await pending
    """,
    ),
    case(
        "a query counts where it is awaited",
        """
        async def f(db: AsyncSession):
            pending = db.execute(select(1))
            await client.get("/1")
            await pending
            await client.get("/2")  # error: PHL101
    """,
    ),
    case(
        "tuple assignment",
        """
        async def f():
            a, (b, *rest) = maker(), (maker(), 1, 2)
            async with a, b:
                await b.execute(select(1))
                await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "tuple assignment from a list",
        """
        async def f(sessions: list[AsyncSession]):
            a, b = sessions
            await a.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a session in a dict",
        """
        async def f(db: AsyncSession):
            box = {"db": db, **{"other": 1}}
            await box["db"].execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "any value of a dict",
        """
        async def f(db: AsyncSession, key):
            box = {key: db}
            for one in box.values():
                await one.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "items of a dict",
        """
        async def f(db: AsyncSession, key):
            box = {key: db}
            for name, one in box.items():
                await one.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "get of a dict",
        """
        async def f(db: AsyncSession):
            box = {"db": db}
            await box.get("db").execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "get of a dict with an unknown key",
        """
        async def f(db: AsyncSession, key):
            box = {"db": db}
            await box.get(key).execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "a dict of clients by an unknown key",
        """
        async def f(db: AsyncSession, key):
            clients = {"a": client}
            await db.execute(select(1))
            await clients[key].get("/")  # error: PHL101
            await clients.copy()
    """,
    ),
    case(
        "a session in a list",
        """
        async def f(db: AsyncSession):
            box = [1, db, *[2]]
            await box[1].execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "index out of range",
        """
        async def f(db: AsyncSession):
            await (db,)[3].execute(select(1))
            await client.get("/")
    """,
    ),
    case(
        "a list of unknown length",
        """
        async def f(db: AsyncSession, xs, i):
            box = [*xs, db]
            await box[i].execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "append to a list",
        """
        async def f(db: AsyncSession):
            box = []
            box.append(db)
            for one in box:
                await one.execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "extend a list of coroutines",
        """
        async def f(db: AsyncSession):
            jobs = []
            jobs.extend([client.get("/")])
            jobs.append(1)
            await db.execute(select(1))
            await asyncio.gather(*jobs)  # error: PHL101
    """,
    ),
    case(
        "__getitem__ of a class",
        """
        class Sessions:
            def __init__(self, db: AsyncSession):
                self.db = db
            def __getitem__(self, key) -> AsyncSession:
                return self.db

        async def f(db: AsyncSession):
            await Sessions(db)["a"].execute(select(1))
            await client.get("/")  # error: PHL101
    """,
    ),
    case(
        "an object awaits itself",
        """
        class Job:
            def __await__(self):
                return ask().__await__()

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Job()  # error: PHL101
    """,
        wrong="`__await__` of a coroutine is not followed",
    ),
    case(
        "an object whose __await__ blocks",
        """
        class Job:
            def __await__(self):
                yield httpx.get("/")

        async def f(db: AsyncSession):
            await db.execute(select(1))
            await Job()  # error: PHL101
    """,
        wrong="`__await__` that is a generator is not run",
    ),
    case(
        "yield is an expression",
        """
        def f():
            got = yield
            print(got)

        async def g(db: AsyncSession):
            await db.execute(select(1))
            for x in f():
                await client.get(x)  # error: PHL101
    """,
    ),
    case(
        "getattr with a literal name",
        """
        async def f(db: AsyncSession):
            await getattr(db, "execute")(select(1))
            await getattr(client, "get", None)("/")  # error: PHL101
            await getattr(client)
    """,
    ),
    case(
        "cast",
        """
        from typing import cast

        async def f(thing):
            db = cast(AsyncSession, thing)
            await db.execute(select(1))
            await cast("httpx.AsyncClient", client).get("/")  # error: PHL101
    """,
    ),
    case(
        "an empty function call",
        """
        async def f(db: AsyncSession):
            await db.execute(select(1))
            list(); tuple([client]); iter(); next(iter([client])); super()
            await asyncio.gather()
            await asyncio.wait_for(client.get("/"), 1)  # error: PHL101
    """,
    ),
]


@pytest.mark.parametrize(("files", "select"), EXPRESSIONS)
def test_expressions(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
