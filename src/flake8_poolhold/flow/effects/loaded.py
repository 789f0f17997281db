"""Methods of what came out of a holder: results, rows and ORM objects, which are not told apart.

Reading is harmless; a method that is not known may change an object, and so give its session something to write.
"""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.finding import Step
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Holder, Library, Loaded, Method, Value, join, options
from flake8_poolhold.flow.naming import objects

_RESULTS = frozenset(
    {
        "all", "columns", "fetchall", "fetchmany", "fetchone", "first", "freeze", "keys", "mappings", "merge",
        "one", "one_or_none", "partitions",
        "scalar", "scalar_one", "scalar_one_or_none", "scalars", "tuples", "unique", "close",
        "_asdict", "_tuple", "t",
    }
)  # fmt: skip
_PLAIN: frozenset[str] = frozenset(
    name for kind in (str, bytes, int, float, tuple, frozenset) for name in dir(kind) if not name.startswith("_")
)
_CONTAINERS = frozenset({"copy", "count", "get", "index", "items", "keys", "values"})
_VALUES = frozenset(
    {
        "isoformat", "strftime", "timestamp", "date", "time", "timetuple", "utcoffset", "astimezone", "weekday",
        "isoweekday", "total_seconds", "hex", "quantize", "model_dump", "model_dump_json", "dict", "json",
    }
)  # fmt: skip
READS = _RESULTS | _PLAIN | _CONTAINERS | _VALUES
CHANGES = frozenset(
    {
        "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault",
        "set", "sort", "update", "sqlmodel_update",
    }
)  # fmt: skip


_LISTS = frozenset({"append", "extend", "insert", "reverse", "sort"})
"""Methods of lists: of what came as scalars, a list is that of the rows, and not a relationship."""
_SCALARS = frozenset({"scalar", "scalars", "scalar_one", "scalar_one_or_none"})
_ENTITIES = _SCALARS | {"get", "get_one", "merge"}
_SAME = frozenset({"all", "fetchall", "first", "one", "one_or_none", "unique"})


def gives_entities(name: str) -> bool:
    """Whether a method of a session or result gives ORM objects and not rows, where the statement asks for objects."""
    return name in _ENTITIES


def part(value: Loaded, name: str) -> Loaded:
    """The attribute `name` of what came out of a holder."""
    return Loaded(value.place, name in _SCALARS or (value.entity and name in _SAME | _LISTS))


def called(frame: Frame, state: State, value: Value, name: str, span: tree.Span) -> None:
    """`value.name(...)` is called."""
    for option in options(value):
        if not isinstance(option, Loaded) or name in READS - CHANGES:
            continue
        if option.entity and name in _LISTS and not frame.analysis.project.naming(f"def {name}("):
            continue
        if name in CHANGES:
            objects.change(state, option, frame.step(span, f"{name}() of a loaded object", "note"))
        else:
            _doubt(state, option, frame.step(span, f"{name}() of a loaded object, which is not understood", "note"))


def invoked(frame: Frame, state: State, callee: Value, span: tree.Span) -> None:
    """`rename("x")`, where `rename` is a method that was read from what came out of a holder."""
    for option in options(callee):
        if isinstance(option, Loaded):
            _doubt(state, option, frame.step(span, "a method of a loaded object, which is not understood", "note"))


def _doubt(state: State, value: Loaded, step: Step) -> None:
    holder = state.holder(value.place)
    state.holders[value.place] = msgspec.structs.replace(holder, unsure=holder.unsure or (step,))


def taken_out(state: State, callee: Value, node: tree.Call) -> None:
    """`db.expunge(row)`, `make_transient(row)`: the variable holds an object that no session knows any more."""
    if isinstance(callee, Library):
        if not callee.path.endswith((".make_transient", ".make_transient_to_detached")):
            return
    elif not (isinstance(callee, Method) and callee.name == "expunge" and isinstance(callee.target, Holder)):
        return
    for argument in node.arguments:
        match argument.value:
            case tree.Name(id=name) if name in state.env:
                state.env[name] = join(
                    msgspec.structs.replace(option, entity=False) if isinstance(option, Loaded) else option
                    for option in options(state.env[name])
                )
            case _:
                pass
