"""Database addresses: dialect, driver, host, port and options, as far as the text tells."""

from __future__ import annotations

import re

import msgspec

from flake8_poolhold.flow.model.versions import Version
from flake8_poolhold.flow.pools.values import Assumed, Setting, pieces

ASYNC_DRIVERS = frozenset(
    {
        "asyncpg", "psycopg", "psycopg_async", "aiosqlite", "aiomysql", "asyncmy", "aioodbc", "oracledb",
        "oracledb_async",
    }
)  # fmt: skip
SYNC_DRIVERS = frozenset(
    {
        "psycopg2", "psycopg2cffi", "pg8000", "pysqlite", "pysqlcipher", "pymysql", "mysqldb", "mysqlconnector",
        "cymysql", "mariadbconnector", "pyodbc", "pymssql", "mssqlpython", "cx_oracle",
    }
)  # fmt: skip

_DEFAULTS = {
    "postgresql": "psycopg",
    "sqlite": "pysqlite",
    "mysql": "mysqldb",
    "mariadb": "mysqldb",
    "mssql": "pyodbc",
    "oracle": "oracledb",
}
_DEFAULTS_BEFORE_2_1 = {"postgresql": "psycopg2", "oracle": "cx_oracle"}
_GAP = "\0"
_SCHEME = re.compile(r"(\w+)(?:\+(\w+))?://")
_PORT = re.compile(r":(\d+)$")


class Address(msgspec.Struct, frozen=True):
    """A database address. What is not literal is empty, a port that is not is 0; `options` are keys of its query.

    `assumed`: it is a default. `gaps`: parts of it are not literal, so there may be more in it. Where not even the
    scheme is whole, as after `url.startswith("sqlite")`, `driver` is `?`.
    """

    dialect: str = ""
    driver: str = ""
    host: str = ""
    port: int = 0
    database: str = ""
    options: tuple[tuple[str, str], ...] = ()
    assumed: bool = False
    gaps: bool = False

    def driver_of(self, version: Version | None) -> str:
        """The driver that SQLAlchemy of this version takes; an unknown version is taken for the newest."""
        if self.driver:
            return self.driver.rstrip("?")
        older = _DEFAULTS_BEFORE_2_1 if version is not None and version < (2, 1) else {}
        return older.get(self.dialect, _DEFAULTS.get(self.dialect, ""))

    @property
    def scheme(self) -> str:
        return f"{self.dialect}+{self.driver}" if self.driver else self.dialect

    @property
    def is_memory(self) -> bool:
        """Whether it is a SQLite database in memory."""
        if self.dialect != "sqlite" or self.gaps:
            return False
        return self.database in ("", "/", "/:memory:") or ("mode", "memory") in self.options


def address(value: Setting | None) -> Address | None:
    """The address that a setting is; `None` where nothing of it is known."""
    known = pieces(value) if value is not None else None
    if known is None:
        return None
    whole = "".join(_GAP if piece is None else piece for piece in known)
    match = _SCHEME.match(whole)
    rest = whole[match.end() :] if match else whole.partition("://")[2]
    if match:
        dialect, driver = match[1], match[2] or ""
    else:
        dialect, driver = next((name for name in _DEFAULTS if name in whole), ""), "?"
    location, _, query = rest.partition("?")
    authority, slash, name = location.partition("/")
    host = authority.rpartition("@")[2]
    port = _PORT.search(host)
    return Address(
        dialect=dialect,
        driver=driver,
        host=(host[: port.start()] if port else host).replace(_GAP, ""),
        port=int(port[1]) if port else 0,
        database=(slash + name).replace(_GAP, ""),
        options=tuple(_options(query)),
        assumed=isinstance(value, Assumed),
        gaps=_GAP in whole,
    )


def _options(query: str) -> list[tuple[str, str]]:
    found = []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if equals and _GAP not in key and key:
            found.append((key, value.replace(_GAP, "")))
    return found
