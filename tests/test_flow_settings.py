"""The settings of engines and sessionmakers are followed through the ways in which services put them together."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from snippets import check, flow_of

from flake8_poolhold.config import Settings
from flake8_poolhold.flow.model import versions
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.values import Library, Literally, Unknown
from flake8_poolhold.flow.pools import deployment, texts
from flake8_poolhold.flow.pools.addresses import address
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import Assumed, Options, Setting, Text, text

HEAD = """
import os
from dataclasses import dataclass, field
from sqlalchemy import URL, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, StaticPool
"""


def shown(value: Setting) -> object:
    """A setting in a form that reads well in a test: `~x` for a default, `?` for what is not known."""
    match value:
        case Assumed(value=inner):
            return f"~{shown(inner)}"
        case Literally(value=known):
            return known
        case Text(pieces=pieces):
            return "".join("?" if piece is None else piece for piece in pieces)
        case Library(path=path):
            return path.rpartition(".")[2]
        case Options(items=items, open=is_open):
            return {name: shown(inner) for name, inner in items} | ({"**": "?"} if is_open else {})
        case Unknown():
            return "?"
        case _:
            return type(value).__name__


def made(root: Path, files: str | dict[str, str]) -> list[Made]:
    sources = {"app.py": HEAD + textwrap.dedent(files)} if isinstance(files, str) else files
    return flow_of(root, sources).pools.made


def ways(one: Made) -> list[object]:
    """The arguments of a call on each way to it, the first positional one as `url`."""
    return [
        {"url": shown(way.arguments.positional[0])} | dict(shown(way.arguments.keywords).items())  # type: ignore[attr-defined]
        if way.arguments.positional
        else shown(way.arguments.keywords)
        for way in one.ways
    ]


URLS = [
    ("'postgresql+asyncpg://h/d'", "postgresql+asyncpg://h/d"),
    ("f'postgresql+asyncpg://{user}@h/d'", "postgresql+asyncpg://?@h/d"),
    ("'postgresql+asyncpg://' + os.environ['HOST'] + ':6432/d'", "postgresql+asyncpg://?:6432/d"),
    ("'postgresql://{}:{}/d'.format(user, 5)", "postgresql://?:?/d"),
    ("os.environ['URL']", "?"),
    ("os.getenv('URL', 'sqlite://')", "~sqlite://"),
    ("os.environ.get('URL') or 'sqlite://'", "~sqlite://"),
    ("os.environ['URL'].replace('postgresql://', 'postgresql+asyncpg://', 1)", "~postgresql+asyncpg://?"),
    ("os.getenv('URL', 'postgres://h').replace('postgres://', 'postgresql://')", "~postgresql://h"),
    ("URL.create('postgresql+asyncpg', host='h', port=6432, database='d')", "postgresql+asyncpg://h:6432/d"),
    ("URL.create(drivername='mysql+aiomysql', username='u', host=user, query={'a': 'b'})", "mysql+aiomysql://?@??a=b"),
    ("make_url('sqlite:///x').set(drivername='sqlite+aiosqlite')", "sqlite+aiosqlite:///x"),
    ("str(make_url(os.environ['URL']))", "?"),
    ("('a' 'b').lower().removeprefix('A')", "ab"),
    ("['x', 'y'][1]", "y"),
    ("{'a': 'x'}['a']", "x"),
]


@pytest.mark.parametrize(("source", "expected"), URLS, ids=[source[:50] for source, _ in URLS])
def test_an_address_is_known_as_far_as_it_is_literal(source: str, expected: str, tmp_path: Path) -> None:
    (one,) = made(tmp_path, f"user = input()\nengine = create_async_engine({source})\n")
    assert ways(one) == [{"url": expected}]


KEYWORDS = [
    ("options = {'a': 1}\noptions['b'] = 2\nUSE", [{"a": 1, "b": 2}]),
    ("options = dict(a=1, b=2)\noptions.pop('a')\nUSE", [{"b": 2}]),
    ("options = {'a': 1}\noptions.update({'b': 2}, c=3)\nUSE", [{"a": 1, "b": 2, "c": 3}]),
    ("options = {'a': 1}\noptions |= {'a': 2}\nUSE", [{"a": 2}]),
    ("options = {'a': 1}\noptions.setdefault('a', 2)\noptions.setdefault('b', 3)\nUSE", [{"a": 1, "b": 3}]),
    ("options = {}\noptions.update(more())\nUSE", [{"**": "?"}]),
    ("options = {'a': 1, **{'b': 2}}\nUSE", [{"a": 1, "b": 2}]),
    ("options = {'a': {'b': 1}}\noptions['a']['c'] = 2\nUSE", [{"a": {"b": 1, "c": 2}}]),
    ("options = {'a': 1}\nfor name in ('a', 'b'):\n    options.pop(name, None)\nUSE", [{}]),
    ("options = {}\nif os.environ['A'] == 'x':\n    options['a'] = 1\nUSE", [{"a": 1}, {}]),
    (
        "options = {}\nfast = os.environ['A'] == 'x'\nif fast:\n    options['a'] = 1\n"
        "if not fast:\n    options['b'] = 2\nUSE",
        [{"a": 1}, {"b": 2}],
    ),
    ("options = {'a': 1 if os.environ.get('A') else 2}\nUSE", [{"a": 1}, {"a": 2}]),
    ("options = {'p': NullPool}\nif options['p'] is NullPool:\n    options['q'] = 1\nUSE", [{"p": "NullPool", "q": 1}]),
    ("options = {'p': NullPool}\nif 'p' not in options:\n    options['q'] = 1\nUSE", [{"p": "NullPool"}]),
    ("def more(n):\n    return {'a': n, 'b': 2}\noptions = more(7)\nUSE", [{"a": 7, "b": 2}]),
    ("def more(n=3, **rest):\n    return {'a': n, **rest}\noptions = more(b=2)\nUSE", [{"a": 3, "b": 2}]),
    ("options = {'a': int(os.getenv('A', '5'))}\nUSE", [{"a": "~5"}]),
    (
        "@dataclass\nclass S:\n    size: int = 5\n    url: str = field(default='x')\n"
        "s = S()\noptions = {'a': s.size, 'b': s.url}\nUSE",
        [{"a": "~5", "b": "~x"}],
    ),
    ("class S:\n    size = 5\noptions = {'a': S.size}\nUSE", [{"a": 5}]),
    ("@dataclass\nclass S:\n    size: int = 5\ns = S(size=7)\noptions = {'a': s.size}\nUSE", [{"a": 7}]),
    (
        "class S:\n    def __init__(self, size=4):\n        self.size = size\n        self.half = 2\n"
        "    @property\n    def more(self):\n        return {'a': self.half}\noptions = S().more\nUSE",
        [{"a": 2}],
    ),
    ("try:\n    options = {'a': 1}\nexcept OSError:\n    options = {}\nUSE", [{"a": 1}, {}]),
    ("def loop(n):\n    return loop(n)\noptions = loop(1)\nUSE", [{"**": "?"}]),
]


@pytest.mark.parametrize(("source", "expected"), KEYWORDS, ids=[source[:60] for source, _ in KEYWORDS])
def test_keywords_are_followed_way_by_way(source: str, expected: list[object], tmp_path: Path) -> None:
    (one,) = made(tmp_path, source.replace("USE", "engine = create_async_engine(**options)"))
    found = ways(one)
    assert len(found) == len(expected)
    assert all(way in found for way in expected)


def test_a_validated_field_is_not_known(tmp_path: Path) -> None:
    (one,) = made(
        tmp_path,
        """
        from pydantic import field_validator
        from pydantic_settings import BaseSettings

        class Settings(BaseSettings):
            url: str = "sqlite://"
            other: str = "sqlite://"

            @field_validator("url")
            def rewrite(cls, value):
                return value

        settings = Settings()
        engine = create_async_engine(settings.url, other=settings.other)
        """,
    )
    assert ways(one) == [{"url": "?", "other": "~sqlite://"}]


def test_a_default_that_a_test_contradicts_does_not_hold(tmp_path: Path) -> None:
    (one,) = made(
        tmp_path,
        """
        URL_ = os.getenv("URL", "sqlite:///x")
        if URL_.startswith("sqlite"):
            URL_ = URL_.replace("sqlite:", "sqlite+aiosqlite:")
        engine = create_async_engine(URL_)
        """,
    )
    assert ways(one) == [{"url": "~sqlite+aiosqlite:///x"}, {"url": "?"}]


def test_a_function_is_seen_with_the_arguments_of_its_callers(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/db.py": HEAD + "def make(url, **kw):\n    return create_async_engine(url, **kw)\n",
        "app/one.py": "from app.db import make\nengine = make('a', pool_size=1)\n",
        "app/two.py": "from app import db\nengine = db.make('b')\n",
        "tests/test_db.py": "from app.db import make\nengine = make('c')\n",
    }
    (one,) = made(tmp_path, files)
    assert ways(one) == [{"url": "a", "pool_size": 1}, {"url": "b"}]
    assert [way.caller[0] for way in one.ways if way.caller] == ["app/one.py", "app/two.py"]


def test_settings_of_another_module(tmp_path: Path) -> None:
    files = {
        "config.py": "import os\nURL = os.getenv('URL', 'x')\nclass S:\n    n = 4\nsettings = S()\n",
        "again.py": "from config import URL, settings as s\n",
        "app.py": HEAD
        + "import config\nfrom again import URL as U, s\nengine = create_async_engine(U, a=config.URL, b=s.n)\n",
    }
    (one,) = made(tmp_path, files)
    assert ways(one) == [{"url": "~x", "a": "~x", "b": "~4"}]


def test_a_body_with_too_many_ways_says_no_more_than_what_is_literal(tmp_path: Path) -> None:
    branches = "".join(f"if os.environ['A{n}']:\n    options['a{n}'] = 1\n" for n in range(12))
    (one,) = made(tmp_path, f"options = {{}}\n{branches}engine = create_async_engine('x', b=1, **options)\n")
    assert ways(one) == [{"url": "x", "b": 1, "**": "?"}]


@pytest.mark.parametrize(
    "source",
    [
        "def create_async_engine(url): return url\nengine = create_async_engine('x')",
        "class create_engine: pass\ncreate_engine()",
        "import other\nother.create_engine('x')",
    ],
)
def test_what_is_called_alike_is_something_else(source: str, tmp_path: Path) -> None:
    assert made(tmp_path, {"app.py": source}) == []


@pytest.mark.parametrize(
    ("pieces", "driver", "host", "port", "options"),
    [
        (("postgresql+asyncpg://u:p@h:6432/d?ssl=require",), "asyncpg", "h", 6432, (("ssl", "require"),)),
        (("postgresql://", None, ":6543/d"), "psycopg", "", 6543, ()),
        (
            ("postgresql+asyncpg://u@", None, ".pooler.example.com/d?a=", None),
            "asyncpg",
            ".pooler.example.com",
            0,
            (("a", ""),),
        ),
        (("sqlite", None), "", "", 0, ()),
        ((None, "://h/d"), "", "h", 0, ()),
        (("mysql://h",), "mysqldb", "h", 0, ()),
    ],
)
def test_parts_of_an_address(
    pieces: tuple[str | None, ...], driver: str, host: str, port: int, options: tuple[tuple[str, str], ...]
) -> None:
    known = address(text(pieces))
    assert known is not None
    assert (known.driver_of(None), known.host, known.port, known.options) == (driver, host, port, options)


def test_the_default_driver_depends_on_the_version() -> None:
    known = address(Literally("postgresql://h/d"))
    assert known is not None
    assert [known.driver_of(version) for version in ((2, 0), (2, 1), None)] == ["psycopg2", "psycopg", "psycopg"]


@pytest.mark.parametrize(("lock", "expected"), [("2.0.40", ["PHL304"]), ("2.1.3", [])])
def test_the_locked_version_decides_about_a_bare_scheme(lock: str, expected: list[str], tmp_path: Path) -> None:
    files = {
        "app.py": HEAD + "engine = create_async_engine('postgresql://h/d')\n",
        "uv.lock": f'[[package]]\nname = "sqlalchemy"\nversion = "{lock}"\n',
    }
    assert [one.code for one in check(tmp_path, files, ("PHL304",)).findings] == expected


def project(texts: dict[str, str]) -> Project:
    return Project(["app/db.py"], [], lambda _: None, lambda path: texts.get(path, "").encode(), Settings())


@pytest.mark.parametrize(
    ("file", "content", "workers"),
    [
        ("Procfile", "web: gunicorn app:app -w 4 -k uvicorn.workers.UvicornWorker\n", 4),
        ("Dockerfile", 'CMD ["gunicorn", "app:app", "--workers", "3"]\n', 3),
        ("Dockerfile", "CMD uvicorn app:app \\\n    --workers=2 --port 80\n", 2),
        ("app/Dockerfile", "# CMD uvicorn app:app --workers 9\nCMD uvicorn app:app\n", None),
        (
            "compose.yaml",
            "services:\n  api:\n    command:\n      - gunicorn\n      - app:app\n      - -w\n      - '6'\n",
            6,
        ),
        ("docker-compose.yml", "    environment:\n      WEB_CONCURRENCY: 5\n", 5),
        ("gunicorn.conf.py", "import os\nworkers = 8\n", 8),
        ("gunicorn.conf.py", "workers = os.cpu_count() * 2 + 1\n", None),
        ("start.sh", "exec fastapi run app.py --workers 2\n", 2),
        ("Procfile", "worker: celery -A app worker -c 4\n", None),
        ("Procfile", "a: uvicorn a:app --workers 8\nb: uvicorn b:app --workers 2\n", 2),
    ],
)
def test_workers_are_read_from_literal_commands(file: str, content: str, workers: int | None) -> None:
    found = deployment.workers(project({file: content}), "app/db.py")
    assert found == ((workers, file) if workers is not None else None)


def test_the_settings_decide_about_the_size(tmp_path: Path) -> None:
    source = {
        "app.py": HEAD + "engine = create_async_engine('postgresql+asyncpg://h/d', pool_size=10, max_overflow=5)\n"
    }
    assert not check(tmp_path, source, ("PHL506",)).findings
    (one,) = check(tmp_path, source, ("PHL506",), workers=4, replicas=2, max_connections=110).findings
    assert "4 workers × 2 replicas × (`pool_size` 10 + `max_overflow` 5) = 120 connections" in one.message
    assert not check(tmp_path, source, ("PHL506",), workers=4, replicas=2, max_connections=120).findings


@pytest.mark.parametrize(
    ("requirement", "newest", "oldest"),
    [
        ("SQLAlchemy[asyncio]==2.0.30", (2, 0), (2, 0)),
        ("sqlalchemy>=1.4,<2.1", (2, 0), (1, 4)),
        ("sqlalchemy>=2.0", None, (2, 0)),
        ("sqlalchemy", None, None),
        ("sqlalchemy-utils==0.41", None, None),
    ],
)
def test_versions_of_a_requirement(
    requirement: str, newest: versions.Version | None, oldest: versions.Version | None
) -> None:
    texts = {"requirements.txt": f"fastapi==0.100\n{requirement}\n"}
    assert versions.newest(project(texts), "app/db.py", "sqlalchemy") == newest
    assert versions.oldest(project(texts), "app/db.py", "sqlalchemy") == oldest


def test_the_version_in_a_pipfile_lock() -> None:
    texts = {"Pipfile.lock": '{"default": {"sqlalchemy": {"hashes": [], "version": "==2.0.29"}}}'}
    assert versions.newest(project(texts), "app/db.py", "sqlalchemy") == (2, 0)


def test_a_prefix_of_what_is_partly_known() -> None:
    assert texts.starts(Text(("post", None)), "postgresql") is None
    assert texts.starts(Text(("mysql://", None)), "postgresql") is False
    assert texts.starts(Text((None, "x")), "x") is None
