"""The tables about libraries as they stand in the TOML files, read and validated."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec

WaitClass = Literal[
    "llm",
    "http",
    "rpc",
    "mail",
    "storage",
    "payment",
    "search",
    "queue",
    "cache",
    "bot",
    "sleep",
    "subprocess",
]
"""The classes of waits on something outside the service, which a user can choose from."""

Kind = Literal[
    WaitClass,
    "client-stream",
    "database",
    "checkout",
    "consumer",
    "background",
    "statement",
]

DRIVERS = "drivers.toml"

AS_IT_TAKES = "as long as it takes"
"""The typical duration of a wait of which only the class is known."""


class KnowledgeError(Exception):
    """A table that cannot be used. `file` and `key` say where, `reason` what is wrong with it."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: [{key}]: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class Library(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the objects that come from one import root.

    Every awaited call, async iteration and entry of a call's result waits, unless `cheap` names it; with `only`, just
    the awaited calls that match do (an empty list: none). `blocking` are calls that block the thread, `iterating` those
    whose result blocks it only when it is iterated, `enter` the objects whose `async with` waits although they were
    just made. `cheap` entries without a dot are patterns on the
    last segment and apply to all of these, entries with a dot are patterns on the whole path.
    """

    kind: Kind = msgspec.field(name="class")
    typical: str
    aliases: tuple[str, ...] = ()
    cheap: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    blocking: tuple[str, ...] = ()
    iterating: tuple[str, ...] = ()
    enter: tuple[str, ...] = ()
    returns: dict[str, str] = {}
    driver: bool = False


class Wait(msgspec.Struct, frozen=True):
    """A wait on a library: the import root it was found under, its class, how long it usually takes (for people), and
    whether the library is a database driver."""

    library: str
    kind: Kind
    typical: str
    driver: bool


_UPPER = re.compile(r"(?:[\d.]+(?: m?s)?–)?([\d.]+) (ms|s)\b(?!–)")


def longest(typical: str) -> float:
    """How long a wait typically lasts at most, in seconds; infinite where the text gives no number."""
    if typical == "no wait":
        return 0.0
    found = _UPPER.match(typical)
    return float(found[1]) / (1000 if found[2] == "ms" else 1) if found is not None else math.inf


def read(folder: Traversable | None = None) -> dict[str, Library]:
    """All tables by import root: those in `waits/`, then the drivers, which are marked as such.

    Raises KnowledgeError when a file is no TOML, a table has an unknown or badly typed key, or two tables (or aliases)
    claim the same import root.
    """
    folder = folder if folder is not None else files(__package__)
    found: dict[str, Library] = {}
    owners: dict[str, str] = {}
    for file, text in _texts(folder):
        for root, library in parse(file, text).items():
            for claimed in (root, *library.aliases):
                if claimed in owners:
                    raise KnowledgeError(file, root, f"`{claimed}` is described in {owners[claimed]} too; keep one")
                owners[claimed] = file
            found[root] = library
    return found


def parse(file: str, text: str) -> dict[str, Library]:
    """The tables of one file. `file` is for messages, and tells the drivers from the rest."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KnowledgeError(file, "", str(error)) from error
    return {root: _library(file, root, table) for root, table in tables.items()}


def _library(file: str, root: str, table: object) -> Library:
    if isinstance(table, Mapping) and "driver" in table:
        raise KnowledgeError(file, root, f"`driver` is not a key; drivers are the tables of {DRIVERS}")
    try:
        library = msgspec.convert(table, Library)
    except msgspec.ValidationError as error:
        raise KnowledgeError(file, root, str(error)) from error
    return msgspec.structs.replace(library, driver=file == DRIVERS)


def _texts(folder: Traversable) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.joinpath("waits").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            yield f"waits/{entry.name}", entry.read_text(encoding="utf-8")
    yield DRIVERS, folder.joinpath(DRIVERS).read_text(encoding="utf-8")
