"""What a project keeps in `app.state` and `request.state`: found where it is put there, anywhere in the project."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import contexts, expressions, parameters, recursion
from flake8_poolhold.flow.model.frames import Analysis, Frame
from flake8_poolhold.flow.model.project import Project
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Library, Method, Router, Value, join
from flake8_poolhold.flow.naming import names, types


def is_state(value: Value) -> bool:
    """Whether a value is the state of an application or of a request."""
    match value:
        case Library(path=path):
            return path.endswith(".state") and path.startswith(("fastapi.", "starlette.", "litestar."))
        case Method(target=Router(), name="state"):
            return True
        case _:
            return False


def read(analysis: Analysis, name: str) -> Value:
    """The value of `request.state.<name>`: the same object for everybody who asks."""
    found = recursion.value(analysis, ("state", name), lambda: _find(analysis, name))
    return types.reroot(found, types.global_place(".state", name))


def _find(analysis: Analysis, name: str) -> Value:
    project = analysis.project
    lifespans = {path for path in project.naming("lifespan") if _yields(project, path, name)}
    files = lifespans.union(project.naming(f"state.{name}", name), project.naming("state=State("))
    return join(value for path in sorted(files) for value in _put(analysis, path, name))


def _yields(project: Project, path: str, name: str) -> bool:
    """Whether a file that speaks of a lifespan may yield a state with the entry `name`: only such files are parsed."""
    source = project.bytes_of(path)
    words = (f'"{name}"', f"'{name}'", f"{name}=")
    return b"yield" in source and any(word.encode() in source for word in words)


def _put(analysis: Analysis, path: str, name: str) -> Iterator[Value]:
    """What the functions of a file put into a state under `name`."""
    module = analysis.project.module(path)
    if module is None:
        return
    frame = names.module_frame(analysis, path)
    for statement in statements(module.body):
        entry = _entry(statement, name)
        if entry is not None:
            yield expressions.evaluate(frame, State(), entry)
    owners = {id(node): owner for _, node, owner in analysis.project.scope(path).functions}
    for qualified, node in _functions(module.body, ""):
        if any(_entry(statement, name) is not None for statement in statements(node.body)):
            owner = owners.get(id(node), "")
            yield from _put_by(analysis, path, qualified, node, owner, name)


def _functions(body: list[tree.Statement], prefix: str) -> Iterator[tuple[str, tree.Function]]:
    """All functions of a body, those inside functions and classes included."""
    for statement in statements(body):
        if isinstance(statement, tree.Function):
            yield prefix + statement.name, statement
        if isinstance(statement, tree.Function | tree.Class):
            yield from _functions(statement.body, f"{prefix}{statement.name}.")


def _entry(statement: tree.Statement, name: str) -> tree.Expression | None:
    """What a statement puts there: `….state.<name> = value`, or a lifespan's `yield {"<name>": value}`."""
    match statement:
        case tree.Assign(targets=targets, value=value) if any(_is_entry(target, name) for target in targets):
            return value
        case tree.Assign(value=tree.Call() as made):
            return _given(made, name)
        case tree.Evaluate(value=tree.Yield(value=tree.Mapping(keys=keys, values=values))):
            named = zip(keys, values, strict=True)
            return next((one for key, one in named if isinstance(key, tree.Constant) and key.value == name), None)
        case tree.Evaluate(value=tree.Yield(value=tree.Call(arguments=arguments))):
            return next((argument.value for argument in arguments if argument.keyword == name), None)
        case _:
            return None


def _given(made: tree.Call, name: str) -> tree.Expression | None:
    """What `Litestar(state=State({"<name>": ...}))` gives the application under `name`."""
    for argument in made.arguments:
        for node in tree.walk(argument.value) if argument.keyword == "state" else ():
            if isinstance(node, tree.Mapping):
                for key, held in zip(node.keys, node.values, strict=True):
                    if isinstance(key, tree.Constant) and key.value == name:
                        return held
    return None


def _is_entry(target: tree.Expression, name: str) -> bool:
    match target:
        case tree.Attribute(value=tree.Attribute(name="state"), name=entry):
            return entry == name
        case tree.Subscript(value=tree.Attribute(name="state"), index=tree.Constant(value=entry)):
            return entry == name
        case _:
            return False


def _put_by(
    analysis: Analysis, path: str, qualified: str, node: tree.Function, owner: str, name: str
) -> Iterator[Value]:
    """The values that one function puts there, as far as its parameters, assignments and blocks tell."""
    key = names.class_info(analysis, path, owner, analysis.project.scope(path).classes[owner]).key if owner else ""
    info = names.function_info(analysis, path, qualified, node, key)
    frame, state = names.module_frame(analysis, path), State()
    for index, parameter in enumerate(node.parameters):
        state.env[parameter.name] = parameters.general_value(analysis, info, index, parameter)
    for statement in statements(node.body):
        entry = _entry(statement, name)
        if entry is not None:
            yield expressions.evaluate(frame, state, entry)
            continue
        match statement:
            case tree.Assign(value=value, targets=targets) if value is not None:
                found = expressions.evaluate(frame, state, value)
                for target in targets:
                    expressions.assign(frame, state, target, found)
            case tree.With(items=items, is_async=is_async):
                _enter(frame, state, items, is_async=is_async)
            case _:
                continue
        state.dead = False


def _enter(frame: Frame, state: State, items: list[tree.WithItem], *, is_async: bool) -> None:
    for item in items:
        manager = expressions.evaluate(frame, state, item.value)
        value, _ = contexts.enter(frame, state, manager, item.span, is_async=is_async)
        if item.target is not None:
            expressions.assign(frame, state, item.target, value)
