"""Handlers: which functions are registered as one, wherever they are defined, and what happens when one is called."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.effects import holding
from flake8_poolhold.flow.fastapi import background, dependencies, versions
from flake8_poolhold.flow.interpreting import blocks, expressions, parameters, summaries
from flake8_poolhold.flow.model.frames import Analysis, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import FunctionOf, Holder, Router, Value, options
from flake8_poolhold.flow.naming import names

ADDING = ("add_api_route", "add_api_websocket_route")


def interpret(analysis: Analysis, info: FunctionInfo, around: tuple[tuple[str, Value], ...] = ()) -> None:
    """Analyse a function on its own: a handler with its dependencies, any other for any caller.

    `around` are the variables that it captured of the function around it.
    """
    route = dependencies.route_of(analysis, info, dict(around)) or next(iter(added(analysis).get(info.id, ())), None)
    if route is None:
        summaries.summary(analysis, summaries.general(info.id, "call", around))
        return
    frame, state = Frame(analysis, info.path, info, "call", reporting=True), State(dict(around))
    dependencies.solve_handler(frame, state, info, route)
    frame.streams = versions.held_while_streaming(analysis.project, info.path)
    for value in state.env.values():
        for option in options(value):
            if isinstance(option, Holder):
                frame.known.setdefault(option.place, option)
    holding.given(frame, state)
    try:
        end = blocks.whole(frame, state, info.node)
    except blocks.TooManyStepsError:
        return
    for returned in (*frame.returned_at, *([end] if end is not None else [])):
        background.run(frame, returned)
    summaries.finish(frame, end)


def registrations(analysis: Analysis, info: FunctionInfo) -> set[dependencies.Route]:
    """The ways in which a handler is registered that differ in their dependencies."""
    return {*dependencies.routes_of(analysis, info), *added(analysis).get(info.id, ())}


def added(analysis: Analysis) -> dict[str, list[dependencies.Route]]:
    """By the id of a function: the routes that calls of `router.add_api_route(path, function)` make of it."""
    with analysis.tracker.finding(("added",)):
        if analysis.added is None:
            analysis.added = {}
            for word in ADDING:
                for path in analysis.project.naming(word):
                    _add_routes(analysis, path, word, analysis.added)
        return analysis.added


def _add_routes(analysis: Analysis, path: str, word: str, found: dict[str, list[dependencies.Route]]) -> None:
    module = analysis.project.module(path)
    if module is None:
        return
    scope = analysis.project.scope(path)
    _in_body(names.module_frame(analysis, path), State(), module.body, word, found)
    for outer in scope.functions:
        info = names.outer_function(analysis, path, outer)
        state = State()
        for index, parameter in enumerate(info.node.parameters):
            state.env[parameter.name] = parameters.general_value(analysis, info, index, parameter)
        _in_body(names.module_frame(analysis, path), state, info.node.body, word, found)


def _in_body(
    frame: Frame, state: State, body: list[tree.Statement], word: str, found: dict[str, list[dependencies.Route]]
) -> None:
    calls = [call for statement in statements(body) if (call := _added_by(statement, word)) is not None]
    if not calls:
        return
    for statement in statements(body):
        if isinstance(statement, tree.Assign) and isinstance(statement.value, tree.Call):
            value = expressions.evaluate(frame, state, statement.value)
            if isinstance(value, Router):
                expressions.assign(frame, state, statement.targets[0], value)
    for call in calls:
        _add(frame, state, call, found)


def _added_by(statement: tree.Statement, word: str) -> tree.Call | None:
    match statement:
        case tree.Evaluate(value=tree.Call(function=tree.Attribute(name=name)) as call) if name == word:
            return call
        case _:
            return None


def _add(frame: Frame, state: State, call: tree.Call, found: dict[str, list[dependencies.Route]]) -> None:
    given = [argument.value for argument in call.arguments if argument.keyword is None]
    named = [argument.value for argument in call.arguments if argument.keyword == "endpoint"]
    if (len(given) < 2 and not named) or not isinstance(call.function, tree.Attribute):
        return
    endpoint = expressions.evaluate(frame, state, named[0] if named else given[1])
    owner = expressions.evaluate(frame, state, call.function.value)
    routers = [option for option in options(owner) if isinstance(option, Router)]
    if routers and isinstance(endpoint, FunctionOf):
        route = dependencies.registered(frame.analysis, frame, state, routers, call)
        found.setdefault(endpoint.function, []).append(route)
