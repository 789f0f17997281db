"""Operations on text that is known in part: methods of strings, builders of addresses."""

from __future__ import annotations

from flake8_poolhold.flow.model.values import UNKNOWN, Literally
from flake8_poolhold.flow.pools.values import Items, Options, Setting, assume, concatenated, lift, literal, pieces, text

METHODS = frozenset(
    {
        "replace", "startswith", "endswith", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "lower",
        "casefold", "format", "get_secret_value", "unicode_string", "render_as_string", "set", "update_query_dict",
    }
)  # fmt: skip
"""Methods of strings, of secrets and of SQLAlchemy's `URL`, which is taken for its text."""


def method(owner: Setting, name: str, arguments: list[Setting], keywords: dict[str, Setting]) -> Setting:
    """`owner.name(...)`; unknown where the result is."""
    if name == "set":
        return lift(_with_driver, owner, keywords.get("drivername", UNKNOWN)) if "drivername" in keywords else owner
    if name == "update_query_dict":
        return lift(_with_query, owner, arguments[0] if arguments else UNKNOWN)
    handler = _METHODS.get(name)
    if handler is None or (name != "format" and keywords and name != "render_as_string"):
        return UNKNOWN
    return lift(lambda first, *rest: handler(first, list(rest)), owner, *arguments)


def starts(value: Setting, prefix: str) -> bool | None:
    """Whether a string starts with `prefix`; `None` when that is not known."""
    known = pieces(value)
    if known is None or known[0] is None:
        return None
    if known[0].startswith(prefix):
        return True
    undecided = len(known) > 1 and prefix.startswith(known[0])
    return None if undecided else False


def contains(value: Setting, part: str) -> bool | None:
    """Whether a string contains `part`; `None` when that is not known."""
    known = pieces(value)
    if known is None:
        return None
    if any(piece is not None and part in piece for piece in known):
        return True
    return False if None not in known else None


def _startswith(owner: Setting, arguments: list[Setting]) -> Setting:
    prefixes = arguments[0].items if arguments and isinstance(arguments[0], Items) else arguments[:1]
    answers = [
        starts(owner, one.value) for one in prefixes if isinstance(one, Literally) and isinstance(one.value, str)
    ]
    if any(answers):
        return Literally(True)
    return Literally(False) if answers and len(answers) == len(prefixes) and None not in answers else UNKNOWN


def _replace(owner: Setting, arguments: list[Setting]) -> Setting:
    """Of an address whose scheme is not known, a replaced scheme is as good as a default: it may have been another."""
    if len(arguments) < 2:
        return UNKNOWN
    known, old, new = pieces(owner), literal(arguments[0]), pieces(arguments[1])
    if not isinstance(old, str) or not old or new is None:
        return UNKNOWN
    if known is None or "://" not in (known[0] or ""):
        first = known[0] or "" if known is not None else ""
        is_scheme = old.endswith("://") and new[-1] is not None and new[-1].endswith("://")
        if is_scheme and (old.startswith(first) or known is None):
            return assume(text([*new, None]))
    if known is None:
        return UNKNOWN
    result: list[str | None] = []
    for piece in known:
        if piece is None:
            result.append(None)
            continue
        first, *rest = piece.split(old)
        result.append(first)
        for part in rest:
            result += [*new, part]
    return text(piece for piece in result if piece != "")


def scheme(url: Setting) -> Setting:
    """`url.drivername`"""
    known = pieces(url)
    if known is None or known[0] is None or "://" not in known[0]:
        return UNKNOWN
    return lift(lambda _: Literally(known[0].partition("://")[0] if known[0] else ""), url)


def _strip(owner: Setting, arguments: list[Setting]) -> Setting:
    return owner if pieces(owner) is not None and not arguments else UNKNOWN


def _remove_prefix(owner: Setting, arguments: list[Setting]) -> Setting:
    known, prefix = pieces(owner), literal(arguments[0]) if arguments else None
    if known is None or known[0] is None or not isinstance(prefix, str):
        return UNKNOWN
    return text([known[0].removeprefix(prefix), *known[1:]])


def _lower(owner: Setting, arguments: list[Setting]) -> Setting:
    known = pieces(owner)
    return text(piece.lower() if piece is not None else None for piece in known) if known is not None else UNKNOWN


def _same(owner: Setting, arguments: list[Setting]) -> Setting:
    return owner


def _format(owner: Setting, arguments: list[Setting]) -> Setting:
    """`"…{}…".format(...)`: its fields become gaps."""
    known = pieces(owner)
    if known is None or len(known) != 1 or known[0] is None:
        return UNKNOWN
    found: list[str | None] = []
    for index, piece in enumerate(known[0].split("{")):
        if index:
            found.append(None)
        found.append(piece.partition("}")[2] if index else piece)
    return text(piece for piece in found if piece != "")


_METHODS = {
    "replace": _replace,
    "startswith": _startswith,
    "strip": _strip,
    "rstrip": _strip,
    "lstrip": _strip,
    "removeprefix": _remove_prefix,
    "lower": _lower,
    "casefold": _lower,
    "format": _format,
    "get_secret_value": _same,
    "unicode_string": _same,
    "render_as_string": _same,
}


def _with_driver(owner: Setting, driver: Setting) -> Setting:
    """`url.set(drivername="postgresql+asyncpg")`"""
    known = pieces(owner)
    rest: tuple[str | None, ...] = (None,)
    if known is not None and known[0] is not None and "://" in known[0]:
        rest = (known[0].partition("://")[2], *known[1:])
    if pieces(driver) is None:
        return UNKNOWN
    return concatenated(driver, Literally("://"), text(rest))


def _with_query(owner: Setting, query: Setting) -> Setting:
    if not isinstance(query, Options) or pieces(owner) is None:
        return UNKNOWN
    return concatenated(owner, Literally("?"), _query(query))


def _query(query: Options) -> Setting:
    parts: list[Setting] = []
    for key, value in query.items:
        parts += [Literally("&"), Literally(f"{key}="), value]
    return concatenated(*parts[1:]) if parts else Literally("")


_BUILDERS = (".URL.create", ".URL", ".build")


def is_builder(path: str) -> bool:
    """Whether a library's callable makes an address out of its parts: SQLAlchemy's `URL.create`, pydantic's `build`."""
    return path.startswith(("sqlalchemy.", "pydantic", "yarl.")) and path.endswith(_BUILDERS)


def built(arguments: list[Setting], keywords: dict[str, Setting]) -> Setting:
    """The address that `URL.create(...)` or `PostgresDsn.build(...)` makes."""
    scheme = keywords.get("drivername", keywords.get("scheme", arguments[0] if arguments else UNKNOWN))
    if pieces(scheme) is None:
        return UNKNOWN
    parts: list[Setting] = [scheme, Literally("://")]
    if "username" in keywords or len(arguments) > 1:
        parts += [UNKNOWN, Literally("@")]
    if "host" in keywords or len(arguments) > 3:
        parts.append(keywords.get("host", arguments[3] if len(arguments) > 3 else UNKNOWN))
    port = keywords.get("port", UNKNOWN)
    if literal(port) is not None:
        parts += [Literally(":"), port]
    named = "database" in keywords or "path" in keywords or len(arguments) > 5
    name = keywords.get("database", keywords.get("path", UNKNOWN)) if named else Literally("")
    parts += [Literally("/"), name] if named else []
    query = keywords.get("query")
    if isinstance(query, Options) and query.items:
        parts += [Literally("?"), _query(query)]
    elif pieces(query or UNKNOWN) is not None and query is not None:
        parts += [Literally("?"), query]
    return lift(concatenated, *parts)
