"""What a statement does when it runs, by the builder or the text that it was made with: it reads, writes or locks.

A builder's path says what it is: `sqlalchemy.select()...` reads. A statement that calls a database function which is
not known to be pure is `UNCERTAIN`: it may write.
"""

from __future__ import annotations

import re
from typing import Literal

from flake8_poolhold.flow.model.values import BoundArgument, Library, Literally, Table, Value, options

Verdict = Literal["reads", "writes", "locks", "unknown"]

SELECT, TEXT, UNCERTAIN = "sqlalchemy.select()", "sqlalchemy.text()", "sqlalchemy.func.?()"

_READS = (
    SELECT, "sqlalchemy.future.select()", "sqlmodel.select()", "sqlalchemy.sql.select()",
    "sqlmodel.sql.expression.select()",
)  # fmt: skip
_GIVEN = (".Select", ".SelectBase", ".Executable")
"""Classes of statements that were built elsewhere: such a parameter may lock."""
_NARROWS = frozenset(
    {
        "where", "filter", "filter_by", "having", "join", "outerjoin", "join_from", "outerjoin_from", "select_from",
        "order_by", "group_by", "distinct", "limit", "offset", "options", "correlate", "with_only_columns",
        "add_columns",
    }
)  # fmt: skip
"""Builder methods that change nothing of what running the statement does: it is the same path with and without them,
so that a statement which is built in a loop, or in many branches, is still one."""
_WRITES = re.compile(r"(sqlalchemy|sqlmodel)\.(\w+\.)*(insert|update|delete)\(\)")
_FUNCTION = re.compile(r"(?:sqlalchemy|sqlmodel)\.(?:sql\.)?(?:expression\.)?func\.([\w?]+)")
_LOCKING = re.compile(r"pg_(try_)?advisory|set_config|^get_lock$")
_LOCKING_TEXT = re.compile(
    r"\bfor (no key update|update|share|key share)\b|\bpg_(try_)?advisory|\bset_config\b|\bget_lock *\(|\binto temp"
    r"|^(set|lock|declare|listen|begin|start|savepoint|prepare)\b|^create (local |global |unlogged )?temp"
)
_STREAMING = frozenset({"yield_per", "stream_results"})
_STREAMED = ".yield_per()"
_VERBATIM = (".prefix_with()", ".suffix_with()", ".with_hint()", ".with_statement_hint()")
"""Builder methods that put text of their own into a statement."""
_READING_TEXT = re.compile(r"(select|with|show|values|table)\b")
_WRITING_WORDS = frozenset({"insert", "update", "delete", "merge", "into", "truncate", "nextval", "setval"})
_CALLED = re.compile(r"\b(\w+) *\(")
_PURE_PREFIXES = (
    "json", "st_", "ts_", "regexp_", "array_", "date_", "to_", "percentile", "string_", "time", "grouping",
)  # fmt: skip
_PURE = frozenset(
    {
        "abs", "age", "all", "and", "any", "as", "ascii", "avg", "between", "bool_and", "bool_or", "by", "cardinality",
        "cast", "ceil", "ceiling", "char_length", "chr", "coalesce", "concat", "concat_ws", "cosine_distance", "count",
        "cume_dist", "current_date", "current_time", "current_timestamp", "current_user", "date", "datetime", "day",
        "decode", "dense_rank", "distinct", "div", "else", "encode", "every", "except", "exists", "exp", "extract",
        "filter", "first_value", "floor", "from", "gen_random_uuid", "generate_series", "getdate", "greatest",
        "group_concat", "hour", "ifnull", "iif", "ilike", "in", "initcap", "instr", "intersect", "isnull", "join",
        "julianday", "l2_distance", "lag", "last_value", "lateral", "lead", "least", "left", "length", "levenshtein",
        "like", "ln", "localtime", "localtimestamp", "log", "lower", "lpad", "ltrim", "make_interval", "max",
        "max_inner_product", "md5", "min", "minute", "mod", "mode", "month", "not", "now", "nth_value", "ntile",
        "nullif", "octet_length", "on", "or", "over", "partition", "percent_rank", "plainto_tsquery", "position",
        "power", "random", "rank", "replace", "reverse", "right", "round", "row_number", "row_to_json", "rpad", "rtrim",
        "select", "sha256", "sign", "similarity", "split_part", "sqrt", "stddev", "strftime", "strpos", "substr",
        "substring", "sum", "sysdate", "then", "total", "translate", "trim", "unaccent", "union", "unix_timestamp",
        "unnest", "upper", "using", "uuid_generate_v4", "values", "variance", "version", "websearch_to_tsquery", "when",
        "where", "width_bucket", "within", "word_similarity", "year",
    }
)  # fmt: skip
"""Functions without an effect, and the words of SQL that may stand before a bracket."""


def verdict(statement: Value) -> Verdict:
    """What running `statement` does."""
    found: set[Verdict] = set()
    for option in options(statement):
        found.add(_verdict(option) if isinstance(option, Library) else "unknown")
    for worst in ("locks", "writes", "unknown"):
        if worst in found:
            return worst
    return "reads"


def _verdict(statement: Library) -> Verdict:
    called = _FUNCTION.match(statement.path)
    if statement.locks:
        return "locks"
    if called is not None:
        return "reads" if _pure(called[1]) else "unknown"
    if statement.path.startswith(_READS):
        return "reads"
    if statement.path.endswith(_GIVEN):
        return "unknown"
    return "writes" if statement.path.startswith(("sqlalchemy", "sqlmodel")) else "unknown"


def built(callee: Library, path: str, arguments: tuple[BoundArgument, ...]) -> tuple[str, bool]:
    """The path of what a builder call gives, and whether running it locks, with what its arguments bring in."""
    if not path.startswith(("sqlalchemy.", "sqlmodel.")):
        return path, callee.locks
    parts = [option for argument in arguments for option in options(argument.value) if isinstance(option, Library)]
    called = _FUNCTION.match(path)
    locks = callee.locks or any(part.locks for part in parts)
    locks = locks or (called is not None and bool(_LOCKING.search(called[1])))
    if any(_WRITES.match(part.path) or part.path.startswith(TEXT) for part in parts):
        return TEXT, locks
    if path.endswith(_VERBATIM):
        given = [option for argument in arguments for option in options(argument.value)]
        texts = [option.value for option in given if isinstance(option, Literally) and isinstance(option.value, str)]
        locks = locks or any(of_text(f"select {one}").locks for one in texts)
        return (path if len(texts) == len(given) else UNCERTAIN), locks
    if path.endswith(".execution_options()") and any(one.keyword in _STREAMING for one in arguments):
        return f"{path}{_STREAMED}", locks
    inner = [match[1] for part in parts if (match := _FUNCTION.match(part.path)) is not None]
    if called is None and not all(_pure(name) for name in inner):
        return (path if _WRITES.match(path) else UNCERTAIN), locks
    return _narrowed(path), locks


def _narrowed(path: str) -> str:
    before, _, name = path.removesuffix("()").rpartition(".")
    return before if name in _NARROWS and before.startswith(_READS) else path


def streams(arguments: tuple[BoundArgument, ...]) -> bool:
    """Whether running a statement with these arguments leaves rows on the server, to be fetched as they are read."""
    for argument in arguments:
        for option in options(argument.value):
            if isinstance(option, Library) and _STREAMED in option.path:
                return True
            if isinstance(option, Table) and argument.keyword == "execution_options":
                return any(name in _STREAMING for name, _ in option.items)
    return False


def of_text(text: str) -> Library:
    """What `text("...")` is."""
    joined = " ".join(text.lower().split())
    if _LOCKING_TEXT.search(joined):
        return Library(SELECT, locks=True)
    if not _READING_TEXT.match(joined) or _WRITING_WORDS & set(re.findall(r"\w+", joined)):
        return Library(TEXT)
    return Library(SELECT if all(_pure(name) for name in _CALLED.findall(joined)) else UNCERTAIN)


def _pure(name: str) -> bool:
    plain = name.lower().rstrip("_")
    return plain in _PURE or plain.startswith(_PURE_PREFIXES)
