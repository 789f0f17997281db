"""A body that is being run, and what all bodies of one analysis share."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.tracking import Memo
from flake8_poolhold.flow.model.values import UNKNOWN
from flake8_poolhold.flow.pools.courses import NOWHERE, Course
from flake8_poolhold.flow.pools.values import Options, Setting
from flake8_poolhold.flow.pools.worlds import TooManyWorldsError, World

DEEPEST = 6
"""Calls, attributes and imports are followed this deep."""


class Arguments(msgspec.Struct, frozen=True):
    """The arguments of one call on one way to it. `keywords.open`: there may be more than are known."""

    positional: tuple[Setting, ...]
    keywords: Options

    def get(self, name: str, position: int | None = None) -> Setting | None:
        """The argument with this name, or at this position."""
        found = self.keywords.get(name)
        if found is None and position is not None and position < len(self.positional):
            return self.positional[position]
        return found


Recorder = Callable[[tree.Call, Setting, Arguments], None]


class Reader:
    """What is known so far of the settings of one project."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._known: Memo[object, list[Setting]] = Memo(analysis.tracker)
        self._running: set[object] = set()
        self._cuts = 0
        self._courses: dict[int, Course] = {}

    def course(self, body: list[tree.Statement]) -> Course:
        """The course of a body in which no node is wanted, but values of names."""
        known = self._courses.get(id(body))
        if known is None:
            known = self._courses[id(body)] = Course(body)
        return known

    def once(self, key: object, guard: object, find: Callable[[], list[Setting]]) -> list[Setting]:
        """What `find` gives for `key`, found out once. While it is found out, asking for the same `guard` is cut off.

        What rests on something cut off is not kept: it would depend on what was asked first.
        """
        known = self._known.get(key)
        if known is not None:
            return known
        if guard in self._running:
            return self.cut()
        before = self._cuts
        self._running.add(guard)
        try:
            with self.analysis.tracker.finding(("setting", key)):
                found = find()
        except TooManyWorldsError:
            found = [UNKNOWN]
        finally:
            self._running.discard(guard)
        if self._cuts == before or not self._running:
            self._known[key] = found
        return found

    def cut(self) -> list[Setting]:
        """The answer to a question that is not followed any deeper."""
        self._cuts += 1
        return [UNKNOWN]


class Body:
    """The body of a module, class or function while it is run.

    `names` are the variables that are followed, on the `course` of the body; one that is only read has an empty course.
    `record` is told what the calls that the course wants call, and with what.
    """

    def __init__(
        self,
        reader: Reader,
        path: str,
        names: frozenset[str],
        course: Course = NOWHERE,
        *,
        depth: int = 0,
        is_module: bool = False,
        record: Recorder | None = None,
    ) -> None:
        self.reader = reader
        self.path = path
        self.names = names
        self.depth = depth
        self.is_module = is_module
        self.course = course
        self.record = record
        self.returned: list[tuple[World, Setting]] = []
        self.left: list[World] = []
