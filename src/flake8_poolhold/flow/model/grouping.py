"""Events by the file or function that they were found in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from flake8_poolhold.flow.model.frames import FunctionInfo


class Located(Protocol):
    """An event of a function."""

    @property
    def function(self) -> FunctionInfo: ...


Event = TypeVar("Event", bound=Located)


class Grouped:
    """Lists of events, which grow, by what `key` says of the function, such as its file."""

    def __init__(self, key: Callable[[FunctionInfo], str]) -> None:
        self._key = key
        self._known: dict[int, tuple[int, dict[str, list[Any]]]] = {}

    def of(self, events: list[Event], key: str) -> Sequence[Event]:
        """Those of one file or function, in their order."""
        seen, groups = self._known.get(id(events), (0, {}))
        for event in events[seen:]:
            groups.setdefault(self._key(event.function), []).append(event)
        self._known[id(events)] = len(events), groups
        return groups.get(key, ())
