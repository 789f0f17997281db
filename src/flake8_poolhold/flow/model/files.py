"""Events by the file that they were found in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from flake8_poolhold.flow.model.frames import FunctionInfo


class Located(Protocol):
    """An event of a function."""

    @property
    def function(self) -> FunctionInfo: ...


Event = TypeVar("Event", bound=Located)


class ByFile:
    """Lists of events, which grow, by the file of the function."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, dict[str, list[Any]]]] = {}

    def of(self, events: list[Event], path: str) -> Sequence[Event]:
        """Those of one file, in their order."""
        seen, groups = self._known.get(id(events), (0, {}))
        for event in events[seen:]:
            groups.setdefault(event.function.path, []).append(event)
        self._known[id(events)] = len(events), groups
        return groups.get(path, ())
