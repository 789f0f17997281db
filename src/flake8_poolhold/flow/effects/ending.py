"""Functions that run once in a process: commands, workers, what starts a service, and what only these call."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.effects import starting
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model import commands
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.indexes import Index
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Library
from flake8_poolhold.flow.naming import names
from flake8_poolhold.source.paths import is_test

_COMMANDS = frozenset({"command", "group", "callback"})
_COMMAND_LINES = (
    "click.",
    "typer.",
    "asyncclick.",
    "rich_click.",
    "cloup.",
    "cappa.",
    "flask.cli.",
)
_TASK_RUNNERS = ("nox.session", "nox_uv.session", "invoke.task", "invoke.tasks.task", "fabric.task")
"""Decorators that make a function a task of a development tool."""

_APPLICATIONS = ("traitlets.config.",)
_STARTS = frozenset({"initialize", "start"})
"""Methods of these applications that their `launch_instance` calls, once."""

_WORKERS = frozenset({"map", "starmap", "imap", "imap_unordered", "map_async", "starmap_async", "Process"})
_WORKER_MODULES = ("multiprocessing", "torch.multiprocessing", "billiard")
_DEEPEST = 6
"""Groups in groups, callers of callers: further up nothing is known."""


def ends(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function ends with its process, so that nothing of it stays open: a command, a worker, a script's part.

    One that goes round for ever is a service.
    """
    return not _goes_on(info.node) and _runs_once(analysis, info, _DEEPEST, at_start=False)


def repeats(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a process may run a function again and again: it does not end with it, nor runs when it starts."""
    return not _runs_once(analysis, info, _DEEPEST, at_start=True)


def starts(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether a function runs once, when its process starts or as all of it, and comes to an end: failing ends that."""
    return not _goes_on(info.node) and not repeats(analysis, info)


def _goes_on(node: tree.Function) -> bool:
    tests = (part.test for part in walk(node.body) if isinstance(part, tree.While))
    return any(isinstance(test, tree.Constant) and bool(test.value) for test in tests)


def _runs_once(analysis: Analysis, info: FunctionInfo, depth: int, *, at_start: bool) -> bool:
    command = analysis.classes[info.owner].node if info.owner else info.node
    if _is_command(analysis, info.path, command, _DEEPEST) or _is_command(analysis, info.path, info.node, _DEEPEST):
        return True
    if info.owner and info.node.name in _STARTS and _is_application(analysis, info.owner):
        return True
    if at_start and (starting.is_decorated(info.node) or starting.is_registered(analysis, info.node.name)):
        return True
    if not depth or info.node.name.startswith("__") or (info.owner and not at_start):
        return False
    if "<locals>" in info.name:
        outer = _outermost(analysis, info)
        return _is_command_of_group(analysis, outer, info.node) or (
            _nested_runs_with(analysis, outer, info.node, at_start=at_start)
            and not _goes_on(outer.node)
            and _runs_once(analysis, outer, depth - 1, at_start=at_start)
        )
    if not info.owner and commands.is_command(analysis.project, info.path, info.name):
        return True
    return _is_called_once(analysis, info, depth, at_start=at_start)


def _is_application(analysis: Analysis, cls: str) -> bool:
    return any(base.startswith(_APPLICATIONS) for base in names.mro(analysis, cls)[1])


def _is_called_once(analysis: Analysis, info: FunctionInfo, depth: int, *, at_start: bool) -> bool:
    """Whether all that mentions a function, tests aside, calls it from a script, a command, or what else runs once."""
    name = info.node.name
    found = False
    for path in analysis.project.naming(name, name):
        if not path.endswith(".py") or (not info.owner and not _may_mean(analysis, path, info)):
            continue
        index = analysis.project.index(path)
        calls = index.calls.get(name, ())
        started = _given_to_workers(index, name)
        found = found or bool(calls) or bool(started)
        if is_test(path):
            continue
        if len(calls) + started < len(index.names.get(name, ())):
            return False  # it is handed on
        for outer, call in calls:
            if outer is None:
                if not at_start and not analysis.project.names_word(path, "__main__"):
                    return False  # a service runs it when it starts
                continue
            caller = names.outer_function(analysis, path, outer)
            if caller.id == info.id or _goes_on(caller.node):
                return False
            nested = starting.nested_around(caller.node, call)
            if nested is not None and not _nested_runs_with(analysis, caller, nested, at_start=at_start):
                return False
            if not _runs_once(analysis, caller, depth - 1, at_start=at_start):
                return False
    return found


def _is_command_of_group(analysis: Analysis, outer: FunctionInfo, node: tree.Function) -> bool:
    """Whether a function inside another is a command of a group that is one there, too."""
    groups = {
        decorator.function.value.id
        for decorator in node.decorators
        if isinstance(decorator, tree.Call)
        and isinstance(decorator.function, tree.Attribute)
        and decorator.function.name in _COMMANDS
        and isinstance(decorator.function.value, tree.Name)
    }
    return any(
        part.name in groups and _is_command(analysis, outer.path, part, _DEEPEST)
        for part in walk(outer.node.body)
        if isinstance(part, tree.Function)
    )


def _outermost(analysis: Analysis, info: FunctionInfo) -> FunctionInfo:
    name = info.name.partition(".<locals>.")[0]
    outer = next(outer for outer in analysis.project.scope(info.path).functions if outer[0] == name)
    return names.outer_function(analysis, info.path, outer)


def _nested_runs_with(analysis: Analysis, outer: FunctionInfo, inner: tree.Function, *, at_start: bool) -> bool:
    """Whether a function inside another runs no more often than that: it calls it, or a service does when it starts."""
    if at_start and starting.is_decorated(inner):
        return True
    mentioned, called, registered, returned = starting.uses(outer.node, inner.name)
    if not mentioned or mentioned > called + registered + returned or (registered and not at_start):
        return False
    return not returned or (at_start and starting.is_registered(analysis, outer.node.name))


def _may_mean(analysis: Analysis, path: str, info: FunctionInfo) -> bool:
    """Whether a file that mentions the name of a function of a module may mean that one: it imports the module."""
    if path == info.path:
        return True
    stem = info.path.removesuffix("/__init__.py").rpartition("/")[2].removesuffix(".py")
    imports = analysis.project.index(path).imports
    return any(stem in (node.module.rpartition(".")[2], getattr(node, "symbol", "")) for node in imports)


def _given_to_workers(index: Index, name: str) -> int:
    """How often a file gives a function to processes that run it once and end, or take a piece of one job each."""
    if not any(node.module.startswith(_WORKER_MODULES) for node in index.imports):
        return 0
    return sum(
        isinstance(argument.value, tree.Name) and argument.value.id == name
        for method in _WORKERS
        for _, call in index.calls.get(method, ())
        for argument in call.arguments
    )


def _is_command(analysis: Analysis, path: str, node: tree.Function | tree.Class, depth: int) -> bool:
    for decorator in node.decorators:
        target = tree.undressed(decorator)
        if _is_of_task_runner(analysis, path, target):
            return True
        if not isinstance(target, tree.Attribute) or target.name not in _COMMANDS or not depth:
            continue
        if isinstance(target.value, tree.Attribute) and target.value.name == "cli":
            return True  # of a Flask application, whoever made that
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


def _is_of_task_runner(analysis: Analysis, path: str, decorator: tree.Expression) -> bool:
    name = decorator.name if isinstance(decorator, tree.Attribute) else getattr(decorator, "id", "")
    if not any(one.endswith(f".{name}") for one in _TASK_RUNNERS):
        return False
    value = expressions.evaluate(names.module_frame(analysis, path), State(), decorator)
    return names.library_name(value) in _TASK_RUNNERS
