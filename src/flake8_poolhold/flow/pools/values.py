"""The values of settings: what a keyword of a call may stand for, text and dicts included.

The values of the interpreter are about holders and give up on text. Here a string keeps what is literal in it, a dict
its keys, and what is only a default is marked as such, because a deployment may say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from flake8_poolhold.flow.model.values import UNKNOWN, Literally, Unknown, Value


class Text(msgspec.Struct, frozen=True):
    """A string that is known in part; `None` stands for any text between the pieces."""

    pieces: tuple[str | None, ...]


class Options(msgspec.Struct, frozen=True):
    """A dict by its literal keys. `open`: other keys may be there, and what is known may have been replaced."""

    items: tuple[tuple[str, Setting], ...] = ()
    open: bool = False

    def get(self, key: str) -> Setting | None:
        return next((value for name, value in self.items if name == key), None)

    def put(self, key: str, value: Setting) -> Options:
        return Options((*((name, old) for name, old in self.items if name != key), (key, value)), self.open)

    def drop(self, key: str) -> Options:
        return Options(tuple((name, old) for name, old in self.items if name != key), self.open)

    def update(self, other: Setting) -> Options:
        if not isinstance(other, Options) or other.open:
            return Options(open=True)
        merged = self
        for name, value in other.items:
            merged = merged.put(name, value)
        return merged


class Record(msgspec.Struct, frozen=True):
    """An instance of the project's class `cls`, made with these keywords."""

    cls: str
    fields: tuple[tuple[str, Setting], ...] = ()


class Items(msgspec.Struct, frozen=True):
    """A tuple or list."""

    items: tuple[Setting, ...]


class Assumed(msgspec.Struct, frozen=True):
    """A default: the value unless the environment, a settings file or a caller says otherwise."""

    value: Setting


Setting = Text | Options | Record | Items | Assumed | Value


def certain(value: Setting) -> Setting:
    """The value, whether it is certain or a default."""
    return value.value if isinstance(value, Assumed) else value


def assume(value: Setting) -> Setting:
    """`value` as a default."""
    return value if isinstance(value, Assumed | Unknown) else Assumed(value)


def lift(operation: Callable[..., Setting], *values: Setting) -> Setting:
    """The result of `operation`, a default when one of the values is."""
    result = operation(*(certain(value) for value in values))
    return assume(result) if any(isinstance(value, Assumed) for value in values) else result


def pieces(value: Setting) -> tuple[str | None, ...] | None:
    """The pieces of a string; `None` when it is no string, or nothing is known of it."""
    match certain(value):
        case Literally(value=str(text)):
            return (text,)
        case Text(pieces=found):
            return found
        case _:
            return None


def text(found: Iterable[str | None]) -> Setting:
    """The string of these pieces."""
    joined: list[str | None] = []
    for piece in found:
        last = joined[-1] if joined else ""
        if not joined or piece is None or last is None:
            if piece is not None or not joined or last is not None:
                joined.append(piece)
        else:
            joined[-1] = last + piece
    if joined == [None]:
        return UNKNOWN
    if len(joined) == 1:
        return Literally(joined[0])
    return Text(tuple(joined)) if joined else Literally("")


def concatenated(*values: Setting) -> Setting:
    """The values as one string; numbers count, what is unknown becomes a gap."""
    found: list[str | None] = []
    for value in values:
        match value:
            case Literally(value=bool() | None):
                found.append(None)
            case Literally(value=int(number)):
                found.append(str(number))
            case _:
                found.extend(pieces(value) or (None,))
    return text(piece for piece in found if piece != "")


def literal(value: Setting | None) -> str | int | bool | None:
    """A number, boolean or string, also one that is a default; `None` for anything else."""
    known = certain(value) if value is not None else None
    return known.value if isinstance(known, Literally) else None


def number(value: Setting | None) -> int | None:
    """A whole number, also one that is a default."""
    known = literal(value)
    return known if isinstance(known, int) and not isinstance(known, bool) else None
