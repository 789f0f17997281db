"""Where holders and functions come from: made in sight or only declared, in a service or in a script."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.values import FunctionOf, Library, Place
from flake8_poolhold.flow.naming import names

_COMMANDS = frozenset({"command", "group", "callback"})
_COMMAND_LINES = frozenset({"click", "typer", "asyncclick", "rich_click", "cloup", "asyncer"})


def is_made(place: Place) -> bool:
    """Whether a holder was made by a call that the analysis has seen; one that is only declared may be anybody's."""
    origin = place.origin
    while origin.via is not None:
        origin = origin.via
    return origin.how == "new" and not place.path and origin.name[:1].isdigit()


def is_script(frame: Frame) -> bool:
    """Whether the module is run by itself: when it fails, or ends, its connections end with it."""
    return frame.analysis.project.names_word(frame.path, "__name__ ==")


def is_command(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function is a command of a command line: when it returns, the process and its connections end."""
    return _is_command(analysis, info.path, info.node, 3)


def _is_command(analysis: Analysis, path: str, node: tree.Function, depth: int) -> bool:
    for decorator in node.decorators:
        target = decorator.function if isinstance(decorator, tree.Call) else decorator
        if not isinstance(target, tree.Attribute) or target.name not in _COMMANDS or not depth:
            continue
        owner = target.value.id if isinstance(target.value, tree.Name) else ""
        match names.module_name(analysis, path, owner):
            case Library(path=library) if library.partition(".")[0] in _COMMAND_LINES:
                return True
            case FunctionOf(function=group):
                outer = analysis.functions[group]
                if _is_command(analysis, outer.path, outer.node, depth - 1):
                    return True
            case _:
                pass
    return False


def is_property(node: tree.Function) -> bool:
    """Whether a method is read as an attribute: what such a one gives is not made for whoever reads it."""
    names = [one.id if isinstance(one, tree.Name) else getattr(one, "name", "") for one in node.decorators]
    return any(name.endswith("property") for name in names)
