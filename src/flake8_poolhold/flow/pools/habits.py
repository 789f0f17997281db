"""What an engine leaves unsaid: sizes, time limits, what happens to connections that have died."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.values import UNKNOWN, Literally
from flake8_poolhold.flow.pools.addresses import address
from flake8_poolhold.flow.pools.bodies import Arguments
from flake8_poolhold.flow.pools.makers import Made
from flake8_poolhold.flow.pools.sizes import ENGINES, UNBOUNDED, is_given, is_queue, size
from flake8_poolhold.flow.pools.values import Options, certain, number

LONGEST_WAIT = 30
"""Seconds: SQLAlchemy's default `pool_timeout`."""

_CONNECT_LIMITS = ("timeout", "connect_timeout", "command_timeout")
_STATEMENT_LIMITS = ("command_timeout", "server_settings", "options", "read_timeout")


def is_pooled_engine(made: Made) -> bool:
    """Whether a call makes an engine to stay, with a queue on every way to it, and all its keywords are known."""
    known = all(is_queue(way.arguments) and not way.arguments.keywords.open for way in made.ways)
    return made.kind in ENGINES and known and is_kept(made)


def is_kept(made: Made) -> bool:
    """Whether what a call makes outlives the function around it: returned or stored, and not disposed of there."""
    if made.function is None:
        return True
    body = list(statements(made.function.node.body))
    carriers, outer = set[str](), set[str]()
    kept = False
    for _ in range(2):  # what carries the engine may be bound before what it is stored in
        for statement in body:
            match statement:
                case tree.Global(names=names):
                    outer.update(names)
                case tree.Return(value=value) if value is not None:
                    kept = kept or _carries(value, made, carriers)
                case tree.Assign(targets=targets, value=value) if value is not None and _carries(value, made, carriers):
                    named = {target.id for target in targets if isinstance(target, tree.Name)}
                    carriers |= named
                    kept = kept or len(named) < len(targets) or bool(named & outer)
    return kept and not any(_disposes(statement, carriers) for statement in body)


def _carries(node: tree.Expression, made: Made, carriers: set[str]) -> bool:
    return any(part is made.call or (isinstance(part, tree.Name) and part.id in carriers) for part in tree.walk(node))


def _disposes(statement: tree.Statement, carriers: set[str]) -> bool:
    match statement:
        case tree.Evaluate(value=tree.Await(value=inner)) | tree.Evaluate(value=inner):
            pass
        case _:
            return False
    match inner:
        case tree.Call(function=tree.Attribute(value=tree.Name(id=name), name="dispose")):
            return name in carriers
        case _:
            return False


def is_left_at_default(given: Arguments) -> bool:
    """Whether nothing says how large the pool is."""
    return not any(is_given(given.get(name)) for name in ("pool_size", "max_overflow", "poolclass", "pool"))


def is_unbounded(made: Made, given: Arguments) -> bool:
    """Whether nothing limits the pool."""
    found = size(made, given)
    return found is not None and found.most == UNBOUNDED


def waits(given: Arguments) -> int | None:
    """For how many seconds a request waits for a connection; `None` where it is not known."""
    value = given.get("pool_timeout")
    return LONGEST_WAIT if value is None else number(value)


def missing_limits(given: Arguments) -> list[str]:
    """The time limits that `connect_args` and the address do not set; none are missing where they are not known."""
    arguments = certain(given.get("connect_args") or Options())
    if not isinstance(arguments, Options) or arguments.open:
        return []
    url = address(given.get("url", 0))
    there = {name for name, _ in arguments.items} | {name for name, _ in (url.options if url is not None else ())}
    limits = {"connect": _CONNECT_LIMITS, "statement": _STATEMENT_LIMITS}
    return [name for name, words in limits.items() if there.isdisjoint(words)]


def may_serve_dead_connections(given: Arguments) -> bool:
    """Whether neither a test before use nor an age limit keeps connections that have died from being used."""
    return given.get("pool_pre_ping") is None and given.get("pool_recycle") is None


def pings(given: Arguments) -> bool:
    """Whether a connection is tested before it is given out."""
    return certain(given.get("pool_pre_ping") or UNKNOWN) == Literally(True)


def is_small_on_purpose(given: Arguments) -> bool:
    """Whether the pool is said to keep one connection and no more."""
    return number(given.get("pool_size")) == 1 and number(given.get("max_overflow")) == 0
