"""Functions that run once in a process: commands of a command line, and what only these and scripts call."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Library
from flake8_poolhold.flow.naming import names

_COMMANDS = frozenset({"command", "group", "callback"})
_COMMAND_LINES = ("click.", "typer.", "asyncclick.", "rich_click.", "cloup.", "flask.cli.", "flask.Flask().cli")
_DEEPEST = 3
"""Groups in groups, callers of callers: further up nothing is known."""


def ends(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function ends with its process, so that nothing of it stays open: a command, or part of a script.

    One that goes round for ever is a service.
    """
    return not _goes_on(info.node) and _runs_once(analysis, info, _DEEPEST)


def _goes_on(node: tree.Function) -> bool:
    tests = (part.test for part in walk(node.body) if isinstance(part, tree.While))
    return any(isinstance(test, tree.Constant) and bool(test.value) for test in tests)


def _runs_once(analysis: Analysis, info: FunctionInfo, depth: int) -> bool:
    return _is_command(analysis, info.path, info.node, _DEEPEST) or (
        bool(depth) and not info.owner and "<locals>" not in info.name and _is_called_once(analysis, info, depth)
    )


def _is_called_once(analysis: Analysis, info: FunctionInfo, depth: int) -> bool:
    """Whether all that mentions a function calls it, from a script, a command, or what else runs once."""
    name = info.node.name
    found = False
    for path in analysis.project.naming(name, name):
        if not path.endswith(".py"):
            continue
        index = analysis.project.index(path)
        calls = index.calls.get(name, ())
        if len(calls) < len(index.names.get(name, ())):
            return False  # it is handed on
        for outer, _ in calls:
            found = True
            if outer is None:
                if not analysis.project.names_word(path, "__main__"):
                    return False  # a service runs it when it starts
                continue
            caller = names.outer_function(analysis, path, outer)
            if caller.id == info.id or _goes_on(caller.node) or not _runs_once(analysis, caller, depth - 1):
                return False
    return found


def _is_command(analysis: Analysis, path: str, node: tree.Function, depth: int) -> bool:
    for decorator in node.decorators:
        target = decorator.function if isinstance(decorator, tree.Call) else decorator
        if not isinstance(target, tree.Attribute) or target.name not in _COMMANDS or not depth:
            continue
        match expressions.evaluate(names.module_frame(analysis, path), State(), target.value):
            case Library(path=library) if f"{library}.".startswith(_COMMAND_LINES):
                return True
            case FunctionOf(function=group):
                outer = analysis.functions[group]
                if _is_command(analysis, outer.path, outer.node, depth - 1):
                    return True
            case _:
                pass
    return False
