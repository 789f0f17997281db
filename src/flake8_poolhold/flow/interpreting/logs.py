"""Functions that only write to a log: a logger swallows what goes wrong in it, and so does a project's own."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions, library, parameters
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Library
from flake8_poolhold.flow.naming import names

_LEVELS = frozenset({"debug", "info", "success", "warning", "warn", "error", "exception", "critical", "log", "trace"})


def only_logs(analysis: Analysis, info: FunctionInfo) -> bool:
    """Whether all that a function does is to call a library's logger, under a condition or not."""
    known = analysis.logs.get(info.id)
    if known is None:
        with analysis.tracker.finding(("logs", info.id)):
            known = analysis.logs[info.id] = _only_logs(analysis, info)
    return known


def _only_logs(analysis: Analysis, info: FunctionInfo) -> bool:
    loggers: list[tree.Expression] = []
    for statement in statements(info.node.body):
        match statement:
            case tree.Evaluate(value=tree.Call(function=tree.Attribute(value=logger, name=name))) if name in _LEVELS:
                loggers.append(logger)
            case tree.If() | tree.Evaluate(value=tree.Constant()):
                pass
            case _:
                return False
    if not loggers:
        return False
    frame, state = names.module_frame(analysis, info.path), State()
    for index, parameter in enumerate(info.node.parameters[:1]):
        state.env[parameter.name] = parameters.general_value(analysis, info, index, parameter)
    values = [expressions.evaluate(frame, state, logger) for logger in loggers]
    return all(isinstance(value, Library) and value.path.startswith(library.LOGGERS) for value in values)
