"""The repairs of a hold, and how far each is proved harmless."""

from __future__ import annotations

import msgspec

from flake8_poolhold.finding import Part


class Remedy(msgspec.Struct, frozen=True):
    """A verdict on one repair, named like its codemod.

    `refused` says why it would be wrong, `doubts` what it relies on that is not proved. `what` is the repair in words,
    `statement` the code that it inserts. `start` is where the block or function that it changes begins, in `path`,
    `again` a place in the statement before which the block is opened again; `reads` are the attributes to be read into
    variables beforehand: variable, attribute, new variable; `objects` the variables that lead to what the session
    has loaded, `session` those that lead to the session itself, where it is not that of a hold; `parts` further pieces
    of code that change.
    """

    name: str
    what: str = ""
    statement: str = ""
    refused: str = ""
    doubts: tuple[str, ...] = ()
    path: str = ""
    start: tuple[int, int] = (0, 0)
    again: tuple[int, int] = (0, 0)
    reads: tuple[tuple[str, str, str], ...] = ()
    session: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
