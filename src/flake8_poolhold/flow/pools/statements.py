"""Prepared statements of asyncpg: whether a pooler is between, and whether its statement caches are off."""

from __future__ import annotations

from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.versions import Version
from flake8_poolhold.flow.pools import deployment
from flake8_poolhold.flow.pools.addresses import Address, address
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import Options, certain, literal, number

POOLER_PORTS = (6432, 6543)


def pooled(project: Project, made: Made, given: Arguments) -> str:
    """What says that the connections go through PgBouncer: a part of the address, or a file; empty if nothing does."""
    url = address(given.get("url" if made.kind == "async engine" else "dsn", 0)) or Address()
    if made.kind == "async engine" and url.driver != "asyncpg":
        return ""
    host, port = url.host, url.port
    if made.kind == "asyncpg pool":
        host = str(literal(given.get("host")) or host)
        port = number(given.get("port")) or port
    if "pgbouncer" in host.lower():
        return f"host {host}"
    if port in POOLER_PORTS:
        return f"port {port}"
    return "" if host or port else deployment.pooler(project, made.path)


def cached(made: Made, given: Arguments, version: Version | None) -> list[str]:
    """The arguments that are missing to switch the caches off; none when they are off or nothing is known.

    From asyncpg 0.31 on `statement_cache_size=0` is enough, before SQLAlchemy's own cache must be off too, and before
    0.30 the names of the statements must differ between processes as well.
    """
    if made.kind == "asyncpg pool":
        known = given.keywords
        return [] if known.open or _is_zero(known, "statement_cache_size") else ["statement_cache_size=0"]
    arguments = certain(given.get("connect_args") or Options(open=given.keywords.open))
    if not isinstance(arguments, Options) or arguments.open or given.get("async_creator") is not None:
        return []
    url = address(given.get("url", 0)) or Address()
    missing = [
        f"{name}=0"
        for name, needed in (
            ("statement_cache_size", True),
            ("prepared_statement_cache_size", version is not None and version < (0, 31)),
        )
        if needed and not _is_zero(arguments, name) and (name, "0") not in url.options
    ]
    if version is not None and version < (0, 30) and arguments.get("prepared_statement_name_func") is None:
        missing.append("prepared_statement_name_func")
    return missing


def _is_zero(options: Options, name: str) -> bool:
    value = options.get(name)
    # A number that comes from elsewhere is a decision that is not ours to doubt.
    return value is not None and number(value) in (0, None)
