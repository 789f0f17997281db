"""Which calls count as blocking the event loop, and which entry from async code they are reported at."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, check, found, marks, write

from flake8_poolhold import engine
from flake8_poolhold.config import Settings

CODES = ("PHL301", "PHL302", "PHL303")

CASES = [
    case(
        "untyped session of one caller is reported at that caller",
        """
        async def load(source):
            return source.fetch()

        class Source:
            def __init__(self, db: Session):
                self.db = db

            def fetch(self):
                return self.db.scalar(select(1))

        async def first(db: Session):
            return await load(Source(db))  # error: PHL302

        async def second(source: Source):
            return await load(source)  # error: PHL302
        """,
    ),
    case(
        "what is reported inside an async function is not reported at its callers",
        """
        async def load(db: Session):
            return db.scalar(select(1))  # error: PHL302

        async def outer(db: Session):
            return await load(db)

        def run(db: Session):
            return asyncio.run(load(db))

        async def through_thread(db: Session):
            return await asyncio.to_thread(run, db)
        """,
    ),
    case(
        "a loop of its own is nobody else's",
        """
        async def work(db):
            return db.query(User).all()

        def in_own_loop(db: Session):
            return asyncio.run(work(db))

        async def outer(db: Session):
            return in_own_loop(db)
        """,
    ),
    case(
        "one finding for each session, each speaks for its lines",
        """
        async def copy(source: Session, target: Session):
            for row in source.scalars(select(User)):  # error: PHL302
                target.merge(row)  # error: PHL302
                target.flush()
                source.refresh(row)
            target.commit()
        """,
    ),
    case(
        "what only prepares does not block",
        """
        async def prepare(db: Session, user):
            query = db.query(User).filter(User.id == 1)
            db.add(user)
            db.expunge(user)
            return db.in_transaction(), query

        async def unused():
            session = sync_maker()
            session.commit()
            session.rollback()
            session.close()
        """,
    ),
    case(
        "a commit of what was added before blocks",
        """
        async def save(user):
            with sync_maker() as session:
                session.add(user)
                session.commit()  # error: PHL302
        """,
    ),
    case(
        "a block that commits at its end",
        """
        @contextlib.contextmanager
        def unit():
            session = sync_maker()
            yield session
            session.commit()

        async def save(user):
            with unit() as session:  # error: PHL302
                session.add(user)

        async def save_later(user):
            await asyncio.to_thread(in_thread, user)

        def in_thread(user):
            with unit() as session:
                session.add(user)
        """,
    ),
    case(
        "what is awaited is no sync call",
        """
        def in_pool(work):
            return external.wrap(work)

        @in_pool
        def load(db: Session):
            return db.scalar(select(1))

        async def handler(db: Session):
            return await load(db)
        """,
    ),
    case(
        "annotations that promise a sync session to `run_sync`",
        """
        def fill(session: Session):
            helper(session)

        def helper(session: Session):
            session.execute(select(1))

        async def setup(db: AsyncSession):
            await db.run_sync(fill)
            await db.run_sync(lambda session: helper(session))
            helper(db.sync_session)
        """,
    ),
    case(
        "a cached maker connects once, cached data is fetched for each argument",
        """
        import requests

        class Store:
            def __init__(self):
                self.version = requests.get("https://store.example/version").text

        @functools.lru_cache
        def get_store():
            return Store()

        @functools.lru_cache(maxsize=100)
        def rate(currency: str):
            return requests.get(f"https://rates.example/{currency}").json()

        async def handler(currency: str):
            store = get_store()
            return store, rate(currency)  # error: PHL303
        """,
    ),
    case(
        "lazy results block where they are iterated",
        """
        import boto3

        s3 = boto3.client("s3")

        async def keys(bucket: str):
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return [page["Key"] for page in pages]  # error: PHL303

        async def threaded(bucket: str):
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return await asyncio.to_thread(list, pages)
        """,
    ),
    case(
        "databases and collections of pymongo by subscript",
        """
        from pymongo import AsyncMongoClient, MongoClient

        users = MongoClient()["app"]["users"]
        later = AsyncMongoClient()["app"]["users"]

        async def find(name: str):
            await later.find_one({"name": name})
            users.find_one({"name": name})  # error: PHL301
            return [user["name"] for user in users.find().limit(3)]
        """,
    ),
    case(
        "one finding for each driver of a function",
        """
        import psycopg2
        import redis

        cache = redis.Redis()

        async def count(dsn: str):
            connection = psycopg2.connect(dsn)  # error: PHL301
            cursor = connection.cursor()
            cursor.execute("select 1")
            cache.incr("count")  # error: PHL301
            return cursor.fetchone()
        """,
    ),
    case(
        "of the implementations of an interface half must block",
        """
        import abc
        import requests

        class Store(abc.ABC):
            @abc.abstractmethod
            def save(self): ...

            @abc.abstractmethod
            def connect(self): ...

        class Memory(Store):
            def save(self):
                return 1

            def connect(self):
                return 2

        class Disk(Store):
            def save(self):
                return requests.put("https://disk.example")

            def connect(self):
                return 3

        class Cloud(Store):
            def save(self):
                return requests.put("https://cloud.example")

            def connect(self):
                return requests.post("https://cloud.example/login")

        async def handler(store: Store):
            store.connect()
            store.save()  # error: PHL303
        """,
    ),
    case(
        "a pool of psycopg is a driver's",
        """
        from psycopg_pool import ConnectionPool

        pool = ConnectionPool("dbname=app")

        async def count():
            with pool.connection() as connection:  # error: PHL301
                return connection.execute("select 1").fetchone()
        """,
    ),
    case(
        "a branch that the arguments rule out",
        """
        def load(db: Session, name: str, deep=None):
            if name and deep:
                return db.scalar(select(1))
            return name

        def count(db: Session, cached=True):
            if cached or not db:
                return 1
            return db.scalar(select(1))

        async def handler(db: Session):
            load(db, "a")
            count(db)
            load(db, "a", deep=db)  # error: PHL302
            return count(db, cached=False)
        """,
    ),
    case(
        "one call that reaches a session and a client is two findings",
        """
        import requests

        def sync_user(db: Session):
            user = db.scalar(select(User))
            requests.post("https://crm.example", json={"name": user.name})

        async def handler(db: Session):
            sync_user(db)  # error: PHL302, PHL303
        """,
    ),
    case(
        "a main coroutine that has the loop to itself",
        """
        async def main():
            with sync_maker() as session:
                return session.scalar(select(1))

        async def serve():
            asyncio.create_task(ask())
            with sync_maker() as session:
                return session.scalar(select(1))  # error: PHL302

        if __name__ == "__main__":
            asyncio.run(main())
            asyncio.run(serve())
        """,
    ),
    case(
        "coroutines that a plain function runs on a loop of their own",
        """
        import threading

        async def sync_users():
            with sync_maker() as session:
                return session.scalar(select(1))

        async def report():
            with sync_maker() as session:
                return session.scalar(select(1))

        async def shared():
            with sync_maker() as session:
                return session.scalar(select(1))  # error: PHL302

        def task():
            asyncio.run(sync_users())
            asyncio.run(shared())
            threading.Thread(target=asyncio.run, args=(report(),)).start()

        async def handler():
            return await shared()
        """,
    ),
    case(
        "sleep and subprocesses are other linters' affair",
        """
        import subprocess
        import time

        def wait():
            time.sleep(1)
            subprocess.run(["true"])

        async def handler():
            wait()
        """,
    ),
]


@pytest.mark.parametrize(("files", "select"), [pytest.param(one.values[0], CODES, id=one.id) for one in CASES])
def test_findings_are_the_marks(files: Files, select: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)


def test_settings_choose_among_classes(tmp_path: Path) -> None:
    source = """
    import requests
    from celery import Celery

    celery = Celery()

    def fetch():
        return requests.get("https://a.example")

    async def handler():
        fetch()
        celery.send_task("a")
    """
    for settings, expected in (
        ({}, 2),
        ({"waits": ("all",)}, 2),
        ({"waits": ("http",)}, 1),
        ({"waits": ("llm",)}, 0),
        ({"minimum_wait": 1.0}, 1),
    ):
        assert len(check(tmp_path, source, CODES, **settings).findings) == expected, settings


def test_tests_have_their_loop_to_themselves(tmp_path: Path) -> None:
    body = "    assert db.scalar(select(1)) == 1\n"
    source = "import pytest\nfrom sqlalchemy import select\nfrom sqlalchemy.orm import Session\n\n"
    source += f"async def test_scalar(db: Session):\n{body}\n@pytest.fixture\nasync def one(db: Session):\n{body}"
    source += f"\nasync def helper(db: Session):\n{body}"
    assert found(tmp_path, {"test_db.py": source, "db.py": source}, CODES) == {
        ("test_db.py", 13, "PHL302"),
        ("db.py", 6, "PHL302"),
        ("db.py", 10, "PHL302"),
        ("db.py", 13, "PHL302"),
    }


def test_a_finding_names_the_way_and_the_other_lines(tmp_path: Path) -> None:
    source = """
    @app.get("/")
    async def handler(db: Session = Depends(sync_maker)) -> int:
        first = count(db)
        db.execute(update(User))
        return first + count(db)

    def count(db: Session) -> int:
        return scalar(db)

    def scalar(db: Session) -> int:
        return db.scalar(select(1))
    """
    (finding,) = check(tmp_path, source, CODES).findings
    start = finding.line
    assert finding.message.startswith("`db`, a sync Session, blocks the event loop here and on 2 more lines; make")
    assert [(step.line, step.text) for step in finding.trail] == [
        (start, f"waits: app.py:{start + 8} → Session.scalar")
    ]
    assert finding.notes == (
        f"through app.py:{start} count → app.py:{start + 5} scalar",
        f"the same on lines {start + 1}, {start + 2}",
        "handler awaits nothing: as a plain `def`, FastAPI runs it in a thread",
    )


def test_a_file_alone_gives_what_it_gives_among_others(tmp_path: Path) -> None:
    files = {
        "app.py": "from work import load\nfrom source import Source\n\n"
        "async def first(source: Source):\n    return await load(source)\n",
        "work.py": "async def load(source):\n    return source.fetch()\n",
        "source.py": "import requests\n\nclass Source:\n    def fetch(self):\n"
        "        return requests.Session().get('https://a.example')\n",
    }
    paths = write(tmp_path, files)
    together = {
        (one.path, one.line, one.code)
        for one in engine.check([tmp_path], Settings(select=CODES), root=tmp_path, cache=False).findings
    }
    alone = {
        (one.path, one.line, one.code)
        for path in paths
        for one in engine.check([path], Settings(select=CODES), root=tmp_path, cache=False).findings
    }
    assert together == alone == {("app.py", 5, "PHL303")}
