"""Calls of libraries that give settings: the environment, conversions, addresses; and those that make pools."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.values import UNKNOWN, Engine, Factory, Library, Literally
from flake8_poolhold.flow.pools import texts
from flake8_poolhold.flow.pools.bodies import Arguments, Body
from flake8_poolhold.flow.pools.values import Options, Setting, assume, certain, lift, literal, pieces

_ENVIRONMENT = frozenset(
    {"os.getenv", "os.environ.get", "environ.Env.str", "decouple.config", "starlette.config.Config()"}
)
_SAME = frozenset(
    {"sqlalchemy.engine.make_url", "sqlalchemy.make_url", "sqlalchemy.engine.url.make_url", "pydantic.SecretStr",
     "pydantic.PostgresDsn", "builtins.str", "copy.copy", "copy.deepcopy"}
)  # fmt: skip

KINDS = {
    "create_engine": "engine",
    "create_async_engine": "async engine",
    "engine_from_config": "engine from config",
    "async_engine_from_config": "async engine from config",
    "AsyncEngine": "async engine around a sync one",
    "sessionmaker": "sessionmaker",
    "async_sessionmaker": "async sessionmaker",
    "create_pool": "asyncpg pool",
    "ConnectionPool": "psycopg pool",
    "AsyncConnectionPool": "psycopg pool",
}
"""By the last part of its path: what a callable makes."""

_HOMES = {"asyncpg pool": ("asyncpg.",), "psycopg pool": ("psycopg_pool.",)}


def kind_of(path: str) -> str:
    """What the library's callable at `path` makes; empty for anything else."""
    kind = KINDS.get(path.rpartition(".")[2], "")
    return kind if kind and path.startswith(_HOMES.get(kind, ("sqlalchemy.", "sqlmodel."))) else ""


def made(body: Body, node: tree.Call, path: str, given: Arguments) -> Setting:
    """What the call of a library's callable gives."""
    kind = kind_of(path)
    if kind:
        return _pool(body, kind, node, given)
    first = given.positional[0] if given.positional else UNKNOWN
    if path in _ENVIRONMENT:
        default = given.get("default", 1)
        return assume(default) if default is not None and default != Literally(None) else UNKNOWN
    if path in _SAME:
        return first if pieces(first) is not None or path.startswith("copy.") else UNKNOWN
    if path == "builtins.int":
        return lift(_integer, first)
    if path == "builtins.dict":
        table = certain(first) if given.positional else Options()
        return (table if isinstance(table, Options) else Options(open=True)).update(given.keywords)
    if path.endswith("typing.cast") and len(given.positional) > 1:
        return given.positional[1]
    if texts.is_builder(path):
        return texts.built(list(given.positional), dict(given.keywords.items))
    return Library(path if path.rpartition(".")[2][:1].isupper() else f"{path}()")


def _integer(value: Setting) -> Setting:
    known = literal(value)
    if isinstance(known, str) and known.strip().lstrip("-").isdigit():
        return Literally(int(known))
    return value if isinstance(known, int) else UNKNOWN


def _pool(body: Body, kind: str, node: tree.Call, given: Arguments) -> Setting:
    site = f"{body.path}:{node.span[0]}"
    match kind:
        case "engine" | "engine from config":
            return Engine("Engine", site)
        case "sessionmaker" | "async sessionmaker":
            return Factory("AsyncSession" if kind.startswith("async") else "Session", None, False, site)
        case "asyncpg pool" | "psycopg pool":
            return UNKNOWN
        case _:
            return Engine("AsyncEngine", site)
