"""Settings that the library refuses: what is wrong with them, and which error says so."""

from __future__ import annotations

import msgspec

from flake8_poolhold.flow.model.values import Library, Literally
from flake8_poolhold.flow.pools.addresses import Address, address
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.values import certain, number

SIZES = ("pool_size", "max_overflow", "pool_timeout", "pool_use_lifo")
"""The keywords that size a queue of connections: other pools do not take them."""

_SYNC_ONLY = ("QueuePool", "SingletonThreadPool")
_WITHOUT_SIZES = {
    "NullPool": SIZES,
    "StaticPool": SIZES,
    "AssertionPool": SIZES,
    "SingletonThreadPool": SIZES[1:],
}


class Conflict(msgspec.Struct, frozen=True):
    """What does not go together, the error at start, the way out; `keywords` are those to be dropped."""

    what: str
    error: str
    instead: str
    keywords: tuple[str, ...] = ()


def pool_class(given: Arguments) -> str:
    """The name of the pool class that an engine is given; empty where none is, or it is not known."""
    for name in ("pool", "poolclass"):
        value = certain(given.get(name) or Literally(None))
        if isinstance(value, Library) and value.path.startswith("sqlalchemy."):
            return value.path.rpartition(".")[2]
    return ""


def conflict(made: Made, given: Arguments) -> Conflict | None:
    """What the call refuses about its arguments, if anything."""
    match made.kind:
        case "engine" | "async engine":
            return _of_engine(made, given, address(given.get("url", 0)) or Address())
        case "asyncpg pool":
            return _of_sizes(given, least=10, most=10)
        case "psycopg pool":
            return _of_sizes(given, least=4, most=None)
        case _:
            return None


def _of_engine(made: Made, given: Arguments, url: Address) -> Conflict | None:
    chosen = pool_class(given)
    is_async = made.kind == "async engine"
    if is_async and chosen in _SYNC_ONLY:
        return Conflict(
            f"`{chosen}` in an async engine",
            "ArgumentError",
            "leave it out, an async engine has a queue of its own",
            ("poolclass", "pool"),
        )
    if not is_async and chosen == "AsyncAdaptedQueuePool":
        return Conflict(f"`{chosen}` in a sync engine", "ArgumentError", "leave it out", ("poolclass",))
    sizes = tuple(name for name in SIZES if given.get(name) is not None)
    if given.get("pool") is not None and chosen and sizes:
        return _refused(sizes, "a ready `pool`")
    if chosen:
        refused = tuple(name for name in _WITHOUT_SIZES.get(chosen, ()) if name in sizes)
        return _refused(refused, f"`{chosen}`") if refused else None
    unset = certain(given.get("poolclass") or Literally(None)) == Literally(None)
    if url.is_memory and unset and not given.keywords.open:
        default = "StaticPool" if is_async else "SingletonThreadPool"
        refused = tuple(name for name in _WITHOUT_SIZES[default] if name in sizes)
        return _refused(refused, f"the `{default}` of a SQLite database in memory") if refused else None
    return None


def _refused(names: tuple[str, ...], pool: str) -> Conflict:
    listed = " and ".join(f"`{name}`" for name in names)
    return Conflict(f"{listed} with {pool}", "TypeError", f"drop {listed}, or choose a queue pool", names)


def _of_sizes(given: Arguments, least: int, most: int | None) -> Conflict | None:
    """`min_size` above `max_size`, whichever of them is a default of the library."""
    if given.keywords.open:
        return None
    small, large = given.get("min_size"), given.get("max_size")
    low = number(small) if small is not None else least
    high = number(large) if large is not None else most
    if low is None or high is None or low <= high:
        return None
    said = [f"`min_size` {low}", f"`max_size` {high}"]
    defaults = [" (its default)" if one is None else "" for one in (small, large)]
    what = f"{said[0]}{defaults[0]} above {said[1]}{defaults[1]}"
    return Conflict(what, "ValueError", f"set `min_size` to {high} or less", ("min_size", "max_size"))
