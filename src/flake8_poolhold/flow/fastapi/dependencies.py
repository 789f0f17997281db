"""FastAPI's dependency graph: which provider gives a handler its holders, and in which state the handler starts.

Dependencies run before the handler, in order: those of the application and its routers, of the route, of the
parameters. Within a request one provider is asked once and all its users share what it gave.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import calls, contexts, expressions, parameters, summaries
from flake8_poolhold.flow.model.frames import Analysis, Asked, Frame, FunctionInfo, Mode
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import UNTOUCHED, HolderState, State
from flake8_poolhold.flow.model.values import (
    UNKNOWN,
    Annotation,
    BoundArgument,
    ClassOf,
    Depends,
    Factory,
    FunctionOf,
    Holder,
    Instance,
    Library,
    Method,
    ModuleOf,
    Place,
    Router,
    Series,
    Suspended,
    Unknown,
    Value,
    options,
)
from flake8_poolhold.flow.naming import names, types

VERBS = frozenset(
    {
        "get",
        "post",
        "put",
        "delete",
        "patch",
        "head",
        "options",
        "trace",
        "api_route",
        "route",
        "websocket",
        "websocket_route",
    }
)


class Route(msgspec.Struct, frozen=True):
    """A handler's registration: the dependencies that come with the router and the decorator."""

    depends: tuple[Depends, ...]


def route_of(analysis: Analysis, info: FunctionInfo, around: dict[str, Value] | None = None) -> Route | None:
    """How the function is registered as a handler, if it is one; `around` are variables of the function around it."""
    return next(routes_of(analysis, info, around), None)


def routes_of(analysis: Analysis, info: FunctionInfo, around: dict[str, Value] | None = None) -> Iterator[Route]:
    """All registrations by a decorator."""
    if not info.node.decorators:
        return
    frame, state = names.module_frame(analysis, info.path), State(around)
    for decorator in info.node.decorators:
        if not isinstance(decorator, tree.Call) or not isinstance(decorator.function, tree.Attribute):
            continue
        if decorator.function.name not in VERBS:
            continue
        owner = expressions.evaluate(frame, state, decorator.function.value)
        routers = [option for option in options(owner) if isinstance(option, Router)]
        if not routers and not (isinstance(owner, Unknown) and _asks_for_dependencies(frame, info)):
            continue
        yield registered(analysis, frame, state, routers, decorator)


def registered(analysis: Analysis, frame: Frame, state: State, routers: list[Router], call: tree.Call) -> Route:
    """The route that a call of `router.get(...)` or `router.add_api_route(...)` makes."""
    above = tuple(depends for router in routers for depends in _inherited(analysis, router))
    return Route(above + tuple(_listed(frame, state, call)))


def _listed(frame: Frame, state: State, call: tree.Call) -> list[Depends]:
    """The markers in `dependencies=[...]` of a call."""
    expression = next((argument.value for argument in call.arguments if argument.keyword == "dependencies"), None)
    listed = expressions.evaluate(frame, state, expression) if expression is not None else UNKNOWN
    return [item for item in listed.items if isinstance(item, Depends)] if isinstance(listed, Series) else []


def _asks_for_dependencies(frame: Frame, info: FunctionInfo) -> bool:
    return any(_marker(frame, parameter)[0] is not None for parameter in info.node.parameters)


def _inherited(analysis: Analysis, router: Router) -> tuple[Depends, ...]:
    """The dependencies of a router: those it is included with, outermost first, and its own."""
    included = inclusions(analysis).get(router.site, ())
    return tuple(included) + router.depends


def inclusions(analysis: Analysis) -> dict[str, list[Depends]]:
    """By router: the dependencies that `include_router` calls anywhere in the project add to it."""
    with analysis.tracker.finding(("inclusions",)):
        if analysis.inclusions is None:
            found: dict[str, list[Depends]] = {}
            outer: dict[str, list[Router]] = {}
            analysis.inclusions = found
            for path in analysis.project.naming("include_router"):
                _inclusions_in(analysis, path, found, outer)
            for site in list(outer):
                found.setdefault(site, [])
                above = _above(site, outer, found, frozenset())
                found[site] = above + found[site]
        return analysis.inclusions


def _above(
    site: str, outer: dict[str, list[Router]], found: dict[str, list[Depends]], seen: frozenset[str]
) -> list[Depends]:
    depends: list[Depends] = []
    for router in outer.get(site, ())[:1]:
        if router.site not in seen:
            depends += _above(router.site, outer, found, seen | {site})
            depends += [*found.get(router.site, ()), *router.depends]
    return depends


def _inclusions_in(
    analysis: Analysis, path: str, found: dict[str, list[Depends]], outer: dict[str, list[Router]]
) -> None:
    module = analysis.project.module(path)
    if module is None:
        return
    bodies = [module.body, *(node.body for _, node, _ in analysis.project.scope(path).functions)]
    for body in bodies:
        if not any(_inclusion(statement) for statement in statements(body)):
            continue
        frame, state = names.module_frame(analysis, path), State()
        for statement in statements(body):
            if (
                isinstance(statement, tree.Import | tree.ImportFrom)
                and statement.name != "*"
                and body is not module.body
            ):
                state.env[statement.name] = names.imported(analysis, path, statement)
            elif (
                isinstance(statement, tree.Assign)
                and body is not module.body
                and isinstance(statement.value, tree.Call)
            ):
                value = expressions.evaluate(frame, state, statement.value)
                if isinstance(value, Router):
                    expressions.assign(frame, state, statement.targets[0], value)
            if call := _inclusion(statement):
                _include(frame, state, call, found, outer)


def _inclusion(statement: tree.Statement) -> tree.Call | None:
    """The call of `include_router` that a statement is."""
    call = statement.value if isinstance(statement, tree.Evaluate) else None
    if isinstance(call, tree.Call) and isinstance(call.function, tree.Attribute) and call.arguments:
        return call if call.function.name == "include_router" else None
    return None


def _include(
    frame: Frame, state: State, node: tree.Call, found: dict[str, list[Depends]], outer: dict[str, list[Router]]
) -> None:
    inner = expressions.evaluate(frame, state, node.arguments[0].value)
    if not isinstance(inner, Router) or not isinstance(node.function, tree.Attribute):
        return
    found.setdefault(inner.site, []).extend(_listed(frame, state, node))
    owner = expressions.evaluate(frame, state, node.function.value)
    if isinstance(owner, Router):
        outer.setdefault(inner.site, []).append(owner)


def provided_type(analysis: Analysis, marker: Value, place: Place) -> Value | None:
    """What a parameter whose default is `Depends(provider)` stands for; `None` when it is no such marker."""
    if not isinstance(marker, Depends):
        return None
    match marker.target:
        case FunctionOf(function=function) if function in analysis.roles and analysis.roles[function].gives:
            return Holder(analysis.roles[function].gives, place)
        case FunctionOf(function=function):
            mode: Mode = "enter" if analysis.functions[function].node.is_generator else "call"
            result = summaries.summary(analysis, summaries.general(function, mode))
            return types.reroot(result.returns, place)
        case ClassOf() as cls:
            return types.instance(analysis, cls, place)
        case _:
            return UNKNOWN


def _marker(
    frame: Frame, parameter: tree.Parameter, around: dict[str, Value] | None = None
) -> tuple[Depends | None, Value]:
    """The dependency marker of a parameter, and its type."""
    kind: Value = UNKNOWN
    if parameter.annotation is not None:
        kind = expressions.evaluate(frame, State(around), parameter.annotation)
    if parameter.default is not None:
        default = expressions.evaluate(frame, State(around), parameter.default)
        if isinstance(default, Depends):
            return default, kind
    if isinstance(kind, Annotation):
        return kind.depends, kind.type
    return None, kind


class Solver:
    """The dependencies of one request to one handler, solved in the handler's frame."""

    def __init__(self, frame: Frame, state: State) -> None:
        self._frame, self._state = frame, state
        self._around = dict(state.env)
        self._solved: dict[tuple[Value, bool], Value] = {}
        self._solving: list[Value] = []

    def parameters(self, info: FunctionInfo, span: tree.Span, skip: int = 0) -> dict[str, Value]:
        """Solve the dependencies among the parameters of a handler, provider or constructor.

        What a provider does happens, for the handler, at the handler's parameter that asks for it, or at `span`.
        """
        is_handler = info is self._frame.function
        module = names.module_frame(self._frame.analysis, info.path)
        solved: dict[str, Value] = {}
        for parameter in info.node.parameters[skip:]:
            marker, kind = _marker(module, parameter, self._around if is_handler else None)
            if marker is not None:
                value = self.solve(marker, kind, _span_of(parameter, span) if is_handler else span)
                if contexts.says_nothing(self._frame, value) or self._is_overridden(value, kind):
                    place = parameters.place_of(info.id, parameter.name)
                    declared = types.instance(self._frame.analysis, kind, place)
                    value = value if isinstance(declared, Unknown) else declared
                solved[parameter.name] = value
        return solved

    def _is_overridden(self, value: Value, kind: Value) -> bool:
        """Whether a dependency gives something else than the parameter's class: it stands for an override."""
        if not isinstance(value, Instance) or not isinstance(kind, ClassOf):
            return False
        return kind.cls not in names.mro(self._frame.analysis, value.cls)[0]

    def solve(self, marker: Depends, kind: Value, span: tree.Span) -> Value:
        """What the provider of a marker gives. A provider that needs itself gives nothing that is known."""
        target = marker.target if marker.target is not None else kind
        if target in self._solving:
            return UNKNOWN
        key = (target, marker.function_scope)
        if marker.cached and key in self._solved:
            return self._solved[key]
        self._solving.append(target)
        outside = self._frame.threaded
        self._frame.threaded = self._in_thread(target)
        value = self._run(target, span)
        self._frame.threaded = outside
        self._solving.pop()
        self._solved[key] = value
        if marker.function_scope:
            self._frame.exited.update(option.place for option in options(value) if isinstance(option, Holder))
        return value

    def _in_thread(self, target: Value) -> bool:
        """FastAPI runs sync providers in a thread: plain functions, classes and objects that are called."""
        analysis = self._frame.analysis
        match target:
            case FunctionOf(function=function):
                return not analysis.functions[function].node.is_async
            case Instance(cls=cls):
                method = names.method(analysis, cls, "__call__")
                return method is not None and not method.node.is_async
            case _:
                return isinstance(target, ClassOf)

    def _run(self, target: Value, span: tree.Span) -> Value:
        frame, state = self._frame, self._state
        analysis = frame.analysis
        match target:
            case FunctionOf(function=function):
                info = analysis.functions[function]
                skip = 1 if target.receiver is not None else 0
                arguments, before = self._arguments(info, span, skip), dict(state.holders)
                if info.node.is_generator:
                    value, _ = contexts.enter(
                        frame, state, Suspended("generator", target, arguments), span, is_async=True
                    )
                    self._remember(value, info)
                else:
                    value = calls.call(frame, state, target, arguments, span)
                    if isinstance(value, Suspended):
                        value = calls.await_value(frame, state, value, span)
                    self._remember(value, info)
                    self._note(info, arguments, before)
            case ClassOf(cls=cls):
                constructor = names.method(analysis, cls, "__init__")
                if constructor is not None:
                    arguments = self._arguments(constructor, span, 1)
                else:
                    arguments = _keywords(self._fields(cls, span))
                value = calls.call(frame, state, target, arguments, span)
            case Instance(cls=cls):
                method = names.method(analysis, cls, "__call__")
                value = self._run(FunctionOf(method.id, target), span) if method is not None else UNKNOWN
            case Library() | Method() | ModuleOf() | Factory():
                value = UNKNOWN  # a sessionmaker's `**local_kw` is a field of the request: without it the answer is 422
            case _:
                value = calls.call(frame, state, target, (), span)
        state.dead = False
        return value

    def _arguments(self, info: FunctionInfo, span: tree.Span, skip: int) -> tuple[BoundArgument, ...]:
        """The arguments of a provider: what is no dependency comes from the request, whatever its default says."""
        solved = self.parameters(info, span, skip)
        named = [one.name for one in info.node.parameters[skip:] if one.kind in ("positional", "keyword")]
        return _keywords({name: solved.get(name, UNKNOWN) for name in named})

    def _fields(self, cls: str, span: tree.Span) -> dict[str, Value]:
        """A dataclass as a dependency: its annotated fields are its parameters."""
        info = self._frame.analysis.classes[cls]
        module = names.module_frame(self._frame.analysis, info.path)
        solved: dict[str, Value] = {}
        for statement in info.node.body:
            if isinstance(statement, tree.Assign) and isinstance(statement.targets[0], tree.Name):
                name = statement.targets[0].id
                marker, kind = _marker(module, tree.Parameter(name, "keyword", statement.annotation, statement.value))
                if marker is not None:
                    solved[name] = self.solve(marker, kind, span)
        return solved

    def _note(self, info: FunctionInfo, given: tuple[BoundArgument, ...], before: dict[Place, HolderState]) -> None:
        """Remember what a dependency has done to the sessions of the request."""
        frame, handler = self._frame, self._frame.function
        for place, after in self._state.holders.items():
            if place in frame.providers and handler is not None:
                parameters = tuple((one.keyword or "", one.value) for one in given)
                asked = Asked(info, parameters, before.get(place, UNTOUCHED), after)
                frame.asked.setdefault(place, []).append(asked)
                if asked.after != asked.before:
                    frame.analysis.events.asked.setdefault(info.id, {})[handler.id] = (handler, after)

    def _remember(self, value: Value, info: FunctionInfo) -> None:
        for option in options(value):
            if isinstance(option, Holder):
                self._frame.providers.setdefault(option.place, info.id)


def _span_of(parameter: tree.Parameter, default: tree.Span) -> tree.Span:
    """The place of the `Depends(...)` call among the parameters, for waits of the provider itself."""
    for node in tree.walk([parameter.default, parameter.annotation]):
        if isinstance(node, tree.Call) and node.span != (1, 1, 1, 1):
            return node.span
    return default


def _keywords(values: dict[str, Value]) -> tuple[BoundArgument, ...]:
    return tuple(BoundArgument(value, name) for name, value in values.items())


def solve_handler(frame: Frame, state: State, info: FunctionInfo, route: Route) -> None:
    """Run everything that runs before the handler's body; bind the handler's parameters."""
    solver = Solver(frame, state)
    start = (info.node.span[0], info.node.span[1], info.node.span[0], info.node.span[1] + 1)
    for depends in route.depends:
        solver.solve(depends, UNKNOWN, start)
    solved = solver.parameters(info, start)
    for index, parameter in enumerate(info.node.parameters):
        value = solved.get(parameter.name)
        state.env[parameter.name] = (
            value if value is not None else parameters.general_value(frame.analysis, info, index, parameter)
        )
