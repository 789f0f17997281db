"""Repairs of the settings of engines, pools and sessionmakers, where they are written in the call itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model.values import Library
from flake8_poolhold.flow.pools.conflicts import Conflict
from flake8_poolhold.flow.pools.makers import Made, Way
from flake8_poolhold.flow.pools.values import certain
from flake8_poolhold.flow.releasing.remedies import Remedy

_RENAMED = {"sslmode": "ssl"}
_IN_ARGUMENTS = {"sslmode": "ssl", "connect_timeout": "timeout"}
"""Options of libpq that asyncpg calls otherwise: everywhere; in `connect_args`, where they keep their type."""

_DROPPED = frozenset(
    {
        "client_encoding", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout", "fallback_application_name", "pgbouncer",
    }
)  # fmt: skip
"""Options without a match in asyncpg, whose lack changes no result."""


def async_sessionmaker(made: Made, *, is_async: bool) -> Remedy:
    """Judge `async_sessionmaker` in the place of a `sessionmaker` of async sessions."""
    name = "async-sessionmaker"
    given = _argument(made, "class_")
    if is_async and given is None:
        return Remedy(name, refused="`class_` is not written in the call; make the call one of `async_sessionmaker`")
    parts = [_call(made), Part(made.path, 0, 0, "callee", "sqlalchemy.ext.asyncio:async_sessionmaker")]
    if given is not None and all(_is_default(way) for way in made.ways):
        parts.append(Part(made.path, 0, 0, "drop", "class_"))
    doubts = () if is_async else ("code that uses its sessions does not await them yet",)
    return Remedy(name, f"make it an `async_sessionmaker` at line {made.span[0]}", doubts=doubts, parts=tuple(parts))


def _is_default(way: Way) -> bool:
    given = way.arguments.get("class_")
    value = certain(given) if given is not None else None
    return isinstance(value, Library) and value.path.startswith("sqlalchemy.") and value.path.endswith(".AsyncSession")


def expire_on_commit(made: Made) -> Remedy:
    """Judge `expire_on_commit=False`, for all that the sessionmaker makes."""
    name = "expire-on-commit-false"
    if _is_open(made) or _argument(made, "expire_on_commit") is not None:
        return Remedy(name, refused="the settings are not all written in the call; pass `expire_on_commit=False`")
    return Remedy(
        name,
        f"pass `expire_on_commit=False` at line {made.span[0]}",
        doubts=("every object keeps the values that it was loaded with, also where it was meant to be read again",),
        parts=(_call(made), Part(made.path, 0, 0, "add", "expire_on_commit=False")),
    )


def without_conflict(made: Made, conflict: Conflict, *, always: bool) -> Remedy:
    """Judge leaving out the arguments that the call refuses: `always`, or only on some ways to it."""
    name = "drop-conflicting-option"
    if not always:
        return Remedy(
            name, refused=f"the settings go together on other ways to this call; {conflict.instead} on this one"
        )
    present = [one for one in conflict.keywords if _argument(made, one) is not None]
    if not present or "size" in "".join(one for one in conflict.keywords if one.startswith(("min_", "max_s"))):
        return Remedy(name, refused=f"the settings are not all written in the call; {conflict.instead}")
    is_class = any(one in ("poolclass", "pool") for one in present)
    if not is_class and len(present) < len(conflict.keywords):
        return Remedy(name, refused=f"the settings are not all written in the call; {conflict.instead}")
    listed = " and ".join(f"`{one}`" for one in present)
    return Remedy(
        name,
        f"leave out {listed} at line {made.span[0]}",
        doubts=() if is_class else ("the size, and not the class of the pool, may be what was meant",),
        parts=(_call(made), *(Part(made.path, 0, 0, "drop", one) for one in present)),
    )


def without_libpq(made: Made, options: Mapping[str, str]) -> Remedy:
    """Judge other names for options of libpq, or leaving them out; `options` has by each what to do by hand."""
    name = "drop-conflicting-option"
    arguments = _argument(made, "connect_args")
    keys = arguments.keys if isinstance(arguments, tree.Mapping) else []
    url = _argument(made, "url", 0)
    texts = [one.value for one in walk(url) if isinstance(one, tree.Constant)] if url is not None else []
    parts = [_call(made)]
    done = []
    for option, instead in options.items():
        in_table = any(isinstance(key, tree.Constant) and key.value == option for key in keys)
        in_url = any(isinstance(text, str) and f"{option}=" in text for text in texts)
        new = (_IN_ARGUMENTS if in_table else _RENAMED).get(option, "")
        if not (in_table or in_url) or not (new or option in _DROPPED):
            where = "has no match that could be read off" if in_table or in_url else "is not written in the call"
            return Remedy(name, refused=f"`{option}` {where}; {instead}")
        parts.append(Part(made.path, 0, 0, "entry" if in_table else "query", f"{option}:{new}"))
        done.append(f"write `{new}` for `{option}`" if new else f"leave out `{option}`")
    return Remedy(name, f"{' and '.join(done)} at line {made.span[0]}", parts=tuple(parts))


def without_statement_cache(made: Made, missing: Sequence[str]) -> Remedy:
    """Judge switching the statement caches off."""
    name = "statement-cache-off"
    by_hand = f"pass {' and '.join(f'`{one}`' for one in missing)}"
    arguments = _argument(made, "connect_args")
    if any("=" not in one for one in missing) or _is_open(made) or not isinstance(arguments, tree.Mapping | None):
        return Remedy(name, refused=f"the settings are not all written in the call, or are functions; {by_hand}")
    if made.kind == "asyncpg pool":
        role, content = "add", ", ".join(missing)
    else:
        items = [f'"{option}": {value}' for option, _, value in (one.partition("=") for one in missing)]
        role, content = "put", ", ".join(items)
        if arguments is None:
            role, content = "add", f"connect_args={{{content}}}"
    return Remedy(name, f"{by_hand} at line {made.span[0]}", parts=(_call(made), Part(made.path, 0, 0, role, content)))


def pre_ping(made: Made) -> Remedy:
    """Judge `pool_pre_ping=True`."""
    name = "pool-pre-ping"
    if _is_open(made) or _argument(made, "pool_pre_ping") is not None:
        return Remedy(name, refused="the settings are not all written in the call; pass `pool_pre_ping=True`")
    return Remedy(
        name,
        f"pass `pool_pre_ping=True` at line {made.span[0]}",
        doubts=("each checkout takes a round trip more",),
        parts=(_call(made), Part(made.path, 0, 0, "add", "pool_pre_ping=True")),
    )


def _call(made: Made) -> Part:
    return Part(made.path, *made.span[:2], "call")


def _is_open(made: Made) -> bool:
    return any(one.star for one in made.call.arguments)


def _argument(made: Made, keyword: str, position: int | None = None) -> tree.Expression | None:
    """What the call is given literally as a keyword, or at a position."""
    plain: Sequence[tree.Argument] = [one for one in made.call.arguments if not one.keyword and not one.star]
    if position is not None and position < len(plain):
        return plain[position].value
    return next((one.value for one in made.call.arguments if one.keyword == keyword), None)
