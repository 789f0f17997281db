"""The arguments of a call of a library: by position and by name."""

from __future__ import annotations

from flake8_poolhold.flow.model.values import UNKNOWN, BoundArgument, Literally, Table, Value

Arguments = tuple[BoundArgument, ...]


def positional(arguments: Arguments) -> list[Value]:
    """The positional arguments of a call."""
    return [argument.value for argument in arguments if argument.keyword is None and not argument.star]


def keyword(arguments: Arguments, name: str) -> Value | None:
    """The keyword argument `name`, looked up through `**` of a literal dict too."""
    for argument in arguments:
        if argument.keyword == name:
            return argument.value
        if argument.star == "**" and isinstance(argument.value, Table):
            value = argument.value.get(name)
            if value != UNKNOWN:
                return value
    return None


def keeps_loaded(expire_on_commit: Value) -> bool | None:
    """Whether loaded objects outlive a commit, by the value given for `expire_on_commit`."""
    return not expire_on_commit.value if isinstance(expire_on_commit, Literally) else None
