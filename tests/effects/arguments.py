"""The arguments that each method is tried with: several calls where its effect depends on them.

A method that is not named here is tried with each of GENERIC until one is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text

from effects.database import Child, Parent
from effects.starts import Start

Arguments = tuple[Any, ...]
Call = Callable[[Start], Arguments]


class NotApplicable(Exception):  # noqa: N818
    """The state lacks what the call needs, such as a loaded object."""


def parent(start: Start) -> Parent:
    """A persistent object whose children are not loaded."""
    if start.loaded is None:
        raise NotApplicable
    return start.loaded[0]


def child(start: Start) -> Child:
    """A persistent object without relationships."""
    if start.loaded is None:
        raise NotApplicable
    return start.loaded[1]


def _fixed(*arguments: Any) -> list[Call]:
    return [lambda _: arguments]


def _distinct_on() -> Any:
    """A syntax extension; SQLAlchemy has them since 2.1."""
    from sqlalchemy.dialects.postgresql import distinct_on

    return distinct_on(Parent.name)


ROWS = text("SELECT id, name FROM parents").columns(Parent.id, Parent.name)
STATEMENT = _fixed(select(Parent))
HIT_AND_MISS: list[Call] = [lambda _: (Parent, 1), lambda _: (Parent, 2)]
LOADED: list[Call] = [lambda s: (parent(s),)]
SESSION: dict[str, list[Call]] = {
    **dict.fromkeys(["exec", "execute", "scalar", "scalars", "stream", "stream_scalars"], STATEMENT),
    **dict.fromkeys(["get", "get_one"], HIT_AND_MISS),
    **dict.fromkeys(["expire", "expunge", "is_modified", "object_session", "refresh"], LOADED),
    "add": [lambda _: (Parent(),)],
    "add_all": [lambda _: ([Parent()],)],
    "begin": _fixed(),
    "bind_mapper": [lambda s: (Parent, s.subject.bind)],
    "bind_table": [lambda s: (Parent.__table__, s.subject.bind)],
    "bulk_insert_mappings": _fixed(Parent, [{"name": "x"}]),
    "bulk_save_objects": [lambda _: ([Parent()],)],
    "bulk_update_mappings": _fixed(Parent, [{"id": 1, "name": "x"}]),
    "delete": [lambda s: (parent(s),), lambda s: (child(s),)],
    "delete_all": [lambda s: ([parent(s)],), lambda s: ([child(s)],)],
    "enable_relationship_loading": [lambda _: (Parent(),)],
    "identity_key": _fixed(Parent, 1),
    "merge": [lambda _: (Parent(id=1),), lambda _: (Parent(),)],
    "merge_all": [lambda _: ([Parent(id=1)],), lambda _: ([Parent()],)],
    "query": _fixed(Parent),
    "run_sync": [lambda _: (lambda session: session.is_active,), lambda _: (lambda session: session.connection(),)],
}
CONNECTION: dict[str, list[Call]] = {
    **dict.fromkeys(["execute", "scalar", "scalars", "stream", "stream_scalars"], STATEMENT),
    **dict.fromkeys(["commit_prepared", "rollback_prepared"], _fixed("x")),
    "exec_driver_sql": _fixed("SELECT 1"),
    "run_sync": [lambda _: (lambda connection: connection.in_transaction(),)],
    "schema_for_object": _fixed(Parent.__table__),
}
FACTORY: dict[str, list[Call]] = {
    "identity_key": SESSION["identity_key"],
    "object_session": [lambda _: (Parent(),)],
}
QUERY: dict[str, list[Call]] = {
    "ext": [lambda _: (_distinct_on(),)],
    "get": [lambda _: (1,), lambda _: (2,)],
    "from_statement": STATEMENT,
    "instances": [lambda s: (s.subject.session.connection().execute(ROWS),)],
    "update": _fixed({"name": "x"}),
    "with_hint": _fixed(Parent, "x"),
    "with_parent": [lambda s: (parent(s), Parent.children)],
    "with_transformation": _fixed(lambda query: query),
}
TRANSACTION: dict[str, list[Call]] = {"connection": _fixed(None)}
GENERIC: list[Call] = [
    lambda _: (),
    lambda _: (Parent,),
    lambda _: (Parent.id == 1,),
    lambda _: (Parent.name,),
    lambda _: (1,),
    lambda _: (0, 1),
    lambda _: ("x",),
    lambda _: ([],),
    lambda _: (None,),
    lambda s: (s.subject,),
]
