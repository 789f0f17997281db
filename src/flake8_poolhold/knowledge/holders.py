"""What holders do: the effect of every method of SQLAlchemy's sessions, connections and engines, and of drivers' pools.

The table `sqlalchemy.toml` is measured, not remembered: the tests derive it again from the installed SQLAlchemy.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Literal

import msgspec

Effect = Literal["acquires", "may_acquire", "releases", "neutral", "ends_tx_keeps", "acquires_on_enter"]
Kind = Literal["session", "connection", "engine", "query", "result", "transaction", "factory", "attrs"]


class HolderClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class: the dotted paths it is imported by, and the effect of each method.

    `gives` is the class of the connections that an engine or pool hands out, or of the session that a registry gives
    that is called.
    """

    names: list[str]
    kind: Kind
    methods: dict[str, Effect]
    is_async: bool = msgspec.field(name="async", default=False)
    gives: str = ""


class Holders(msgspec.Struct, frozen=True):
    """All classes by their short name, by dotted path, and the callables that make them.

    `attributes` are dotted paths at which a library keeps a holder, with its class; `queries` those of attributes of
    mapped classes that are queries in such a holder; `fetching` the methods that libraries add to `Query` and that run
    it.
    """

    classes: dict[str, HolderClass]
    by_path: dict[str, str]
    factories: dict[str, str]
    attributes: dict[str, str]
    queries: dict[str, str]
    fetching: frozenset[str]

    def with_own(self, own: Mapping[str, str]) -> Holders:
        """These tables and a user's holders: dotted paths of classes or functions, each with the class it is like."""
        return msgspec.structs.replace(self, by_path={**self.by_path, **own}) if own else self

    def class_at(self, path: str) -> tuple[str, HolderClass] | None:
        """The class imported as `path`, with its short name."""
        name = self.by_path.get(path)
        return (name, self.classes[name]) if name is not None else None


class _Methods(msgspec.Struct, forbid_unknown_fields=True):
    methods: list[str]


class _Registries(msgspec.Struct, forbid_unknown_fields=True):
    attributes: dict[str, str]
    queries: dict[str, str]
    fetching: _Methods


@functools.cache
def load_holders() -> Holders:
    """Read the tables once. Raises `msgspec.ValidationError` on a malformed one, which is a defect of the package."""
    classes: dict[str, HolderClass] = {}
    factories: dict[str, str] = {}
    for file in ("sqlalchemy.toml", "pools.toml"):
        raw = msgspec.toml.decode((resources.files(__package__) / file).read_bytes())
        factories |= msgspec.convert(raw.pop("factories"), dict[str, str])
        classes |= {name: msgspec.convert(table, HolderClass) for name, table in raw.items()}
    by_path = {path: name for name, known in classes.items() for path in known.names}
    kept = msgspec.toml.decode((resources.files(__package__) / "registries.toml").read_bytes(), type=_Registries)
    return Holders(classes, by_path, factories, kept.attributes, kept.queries, frozenset(kept.fetching.methods))
