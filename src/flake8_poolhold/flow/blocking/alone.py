"""Coroutines that have their event loop to themselves: while they block it, nobody waits."""

from __future__ import annotations

import re

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.naming import names, objects

_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")
_TEST_FUNCTION = re.compile(r"test|asyncSetUp$|asyncTearDown$")
_FIXTURES = frozenset({"pytest.fixture", "pytest_asyncio.fixture"})
_RUNNERS = ("run", "run_until_complete")
_STARTERS = frozenset({"create_task", "ensure_future", "gather", "start_soon", "TaskGroup", "create_task_group"})


def is_alone(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether the function is of a test or fixture that pytest runs, or only ever run by `asyncio.run`.

    A coroutine that starts tasks is not alone any more.
    """
    return _is_test(analysis, function) or (not _starts_tasks(function.node) and _has_own_loop(analysis, function))


def _is_test(analysis: Analysis, function: FunctionInfo) -> bool:
    if not _TEST_FILE.search(function.path):
        return False
    decorators = objects.decorator_names(names.module_frame(analysis, function.path), function.node)
    return any(map(_TEST_FUNCTION.match, function.name.split("."))) or not _FIXTURES.isdisjoint(decorators)


def _has_own_loop(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether the module runs the function with `asyncio.run` at its top, or does so elsewhere and nobody calls it."""
    if function.owner or not any(_names(analysis, function.path, runner) for runner in _RUNNERS):
        return False
    module = analysis.project.module(function.path)
    if module is None:
        return False
    name = function.node.name
    at_top = [one.value for one in statements(module.body) if isinstance(one, tree.Evaluate | tree.Assign)]
    if any(_run_in(part, name) for part in at_top):
        return True
    run = _run_in(module.body, name)
    if not run or analysis.project.naming(name, name) != [function.path]:
        return False
    return run == sum(isinstance(node, tree.Name) and node.id == name for node in tree.walk(module.body))


def _names(analysis: Analysis, path: str, name: str) -> bool:
    found = analysis.project.uses(path, name)
    return found is not None and name in found.names


def _run_in(root: object, name: str) -> int:
    """How often calls below `root` run it: `asyncio.run(main())`, `Thread(target=asyncio.run, args=(main(),))`."""
    found = 0
    for node in tree.walk(root):
        if isinstance(node, tree.Call) and any(map(_is_runner, [node.function, *_values(node)])):
            calls = (part for value in _values(node) for part in tree.walk(value) if isinstance(part, tree.Call))
            found += sum(isinstance(call.function, tree.Name) and call.function.id == name for call in calls)
    return found


def _values(call: tree.Call) -> list[tree.Expression]:
    return [argument.value for argument in call.arguments]


def _is_runner(expression: tree.Expression) -> bool:
    return isinstance(expression, tree.Attribute) and expression.name in _RUNNERS


def _starts_tasks(node: tree.Function) -> bool:
    calls = (call.function for call in tree.walk(node.body) if isinstance(call, tree.Call))
    last = (callee.name if isinstance(callee, tree.Attribute) else getattr(callee, "id", "") for callee in calls)
    return any(name in _STARTERS for name in last)
