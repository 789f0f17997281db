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
_RUNNERS = frozenset({"run", "run_until_complete"})
_STARTERS = frozenset({"create_task", "ensure_future", "gather", "start_soon", "TaskGroup", "create_task_group"})


def is_alone(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether the function is a test or fixture that pytest runs, or the main coroutine of a script."""
    return _is_test(analysis, function) or _is_main(analysis, function)


def _is_test(analysis: Analysis, function: FunctionInfo) -> bool:
    if not _TEST_FILE.search(function.path):
        return False
    decorators = objects.decorator_names(names.module_frame(analysis, function.path), function.node)
    return _TEST_FUNCTION.match(function.node.name) is not None or not _FIXTURES.isdisjoint(decorators)


def _is_main(analysis: Analysis, function: FunctionInfo) -> bool:
    """Whether its module runs the function, `asyncio.run(main())` outside of any function, and it starts no tasks."""
    module = analysis.project.module(function.path)
    if module is None or function.owner or _starts_tasks(function.node):
        return False
    return any(_runs(statement, function.node.name) for statement in statements(module.body))


def _runs(statement: tree.Statement, name: str) -> bool:
    for node in tree.walk(statement.value) if isinstance(statement, tree.Evaluate | tree.Assign) else ():
        match node:
            case tree.Call(
                function=tree.Attribute(name=runner),
                arguments=[tree.Argument(value=tree.Call(function=tree.Name(id=main))), *_],
            ) if runner in _RUNNERS and main == name:
                return True
            case _:
                pass
    return False


def _starts_tasks(node: tree.Function) -> bool:
    calls = (call.function for call in tree.walk(node.body) if isinstance(call, tree.Call))
    last = (callee.name if isinstance(callee, tree.Attribute) else getattr(callee, "id", "") for callee in calls)
    return any(name in _STARTERS for name in last)
