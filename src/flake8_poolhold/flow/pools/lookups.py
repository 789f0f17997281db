"""Looking up: variables of modules, attributes of settings objects, results of the project's functions."""

from __future__ import annotations

from collections.abc import Iterable

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import ClassInfo, FunctionInfo
from flake8_poolhold.flow.model.scopes import statements
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    ClassOf,
    FunctionOf,
    Instance,
    Library,
    Literally,
    ModuleOf,
    Place,
    Unknown,
)
from flake8_poolhold.flow.naming import names, types
from flake8_poolhold.flow.pools import reading, running, texts
from flake8_poolhold.flow.pools.bodies import DEEPEST, Arguments, Body
from flake8_poolhold.flow.pools.values import Options, Record, Setting, Text, assume, certain
from flake8_poolhold.flow.pools.worlds import World, mentioned

MOST_VALUES = 6
"""A variable of more values than this is as good as unknown."""

_PROPERTIES = ("property", "cached_property", "computed_field")


def distinct(values: Iterable[Setting]) -> list[Setting]:
    """Each value once; one that is unknown when there are too many."""
    found = list(dict.fromkeys(values))
    return found if 0 < len(found) <= MOST_VALUES else [UNKNOWN]


def variable(body: Body, name: str) -> list[Setting]:
    """What a name that the body has not bound may be."""
    if body.is_module and name in body.names:  # a module that reads a name before it assigns it
        bindings = body.reader.analysis.project.binding(body.path, name).names.get(name, [])
        if any(isinstance(binding, tree.Assign) for binding in bindings):
            return [names.module_name(body.reader.analysis, body.path, name)]
    return global_values(body, body.path, name)


def global_values(body: Body, path: str, name: str) -> list[Setting]:
    """What a module's variable may be once the module is imported."""
    key = ("global", path, name)
    return body.reader.once(key, key, lambda: _global_values(body, path, name))


def _global_values(body: Body, path: str, name: str) -> list[Setting]:
    analysis = body.reader.analysis
    bindings = analysis.project.binding(path, name).names.get(name, [])
    if any(isinstance(binding, tree.Assign) for binding in bindings):
        found = _run_module(body, path, name) if body.depth < DEEPEST else body.reader.cut()
        if any(not isinstance(value, Unknown) for value in found):
            return found
    elif bindings and isinstance(bindings[-1], tree.ImportFrom):
        target = _origin(body, path, bindings[-1])
        if target is not None:
            return global_values(body, target, bindings[-1].symbol)
    return [names.module_name(analysis, path, name)]


def _origin(body: Body, path: str, binding: tree.ImportFrom) -> str | None:
    """The project's module whose variable an import binds."""
    project = body.reader.analysis.project
    found = (
        project.relative(binding.module, binding.level, path) if binding.level else project.find(binding.module, path)
    )
    if found is None or not found.endswith(".py") or binding.symbol not in project.binding(found, binding.symbol).names:
        return None
    return found


def _run_module(body: Body, path: str, name: str) -> list[Setting]:
    module = body.reader.analysis.project.module(path)
    if module is None:
        return [UNKNOWN]
    course = body.reader.course(module.body)
    inner = Body(body.reader, path, course.needed([name]), course, depth=body.depth + 1, is_module=True)
    worlds = running.run(inner, [World()], module.body)
    found = distinct(world.env.get(name, UNKNOWN) for world in worlds)
    # `engine = None` at import is filled in later, by a function.
    filled = name in body.reader.analysis.project.binding(path, name).globals
    return [UNKNOWN] if filled and found == [NONE] else found


def attribute(body: Body, owner: Setting, name: str) -> list[Setting]:
    """What `owner.name` may be."""
    match certain(owner):
        case ModuleOf(path=path) if (
            path.endswith(".py") and name in body.reader.analysis.project.binding(path, name).names
        ):
            return global_values(body, path, name)
        case ModuleOf() as module:
            return [names.member_of_module(body.reader.analysis, module, name)]
        case Library(path=path):
            return [Library(f"{path}.{name}")]
        case Literally() | Text() if name == "drivername":
            return [texts.scheme(owner)]
        case Record(cls=cls, fields=fields):
            given = next((value for key, value in fields if key == name), None)
            return [given] if given is not None else _member(body, owner, cls, name)
        case Instance(cls=cls) | ClassOf(cls=cls):
            return _member(body, owner, cls, name)
        case _:
            return [UNKNOWN]


def _member(body: Body, owner: Setting, cls: str, name: str) -> list[Setting]:
    analysis = body.reader.analysis
    found = names.class_member(analysis, cls, name)
    if found is None:
        return _set_in_constructor(body, cls, name)
    info, binding = found
    if isinstance(binding, tree.Function):
        function = names.function_info(analysis, info.path, f"{info.name}.{name}", binding, info.key)
        receiver = certain(owner)
        bound = receiver if isinstance(receiver, Instance | ClassOf) else Instance(cls, _nowhere(cls))
        if _decorated(body, info, binding, _PROPERTIES):
            return result(body, FunctionOf(function.id, bound), Arguments((), Options()), receiver=owner)
        static = _decorated(body, info, binding, ("staticmethod",))
        return [FunctionOf(function.id, None if static else bound)]
    if not isinstance(binding, tree.Assign):
        return [UNKNOWN]
    if binding.value is None:
        frame = names.module_frame(analysis, info.path)
        if binding.annotation is None:
            return [UNKNOWN]
        kind = expressions.evaluate(frame, State(), binding.annotation)
        return [Record(kind.cls)] if isinstance(kind, ClassOf) else _set_in_constructor(body, cls, name)
    if _is_validated(body, cls, name):
        return [UNKNOWN]
    values = _class_values(body, info, binding.value)
    return values if isinstance(owner, ClassOf) else [assume(value) for value in values]


def _nowhere(cls: str) -> Place:
    return types.global_place("", cls)


def _class_values(body: Body, info: ClassInfo, value: tree.Expression) -> list[Setting]:
    """The value of a class attribute; of a field with options its default."""
    followed = frozenset(mentioned(value))
    inner = Body(body.reader, info.path, followed & frozenset(info.scope.names), depth=body.depth + 1)
    if inner.depth > DEEPEST:
        return body.reader.cut()
    if isinstance(value, tree.Call):
        callee = [one for _, one in reading.evaluate(inner, World(), value.function)]
        if callee and isinstance(callee[0], Library) and callee[0].path.rpartition(".")[2] in ("Field", "field"):
            return _field_default(inner, value)
    return distinct(found for _, found in reading.evaluate(inner, World(), value))


def _field_default(body: Body, call: tree.Call) -> list[Setting]:
    for _, given in reading.arguments(body, World(), call):
        default = given.get("default", 0)
        if default is not None:
            return [default]
        factory = given.get("default_factory")
        if isinstance(factory, ClassOf):
            return [Record(factory.cls)]
        if isinstance(factory, FunctionOf):
            return result(body, factory, Arguments((), Options()))
    return [UNKNOWN]


def _decorated(body: Body, info: ClassInfo, node: tree.Function, wanted: tuple[str, ...]) -> bool:
    for decorator in node.decorators:
        part = tree.undressed(decorator)
        last = part.id if isinstance(part, tree.Name) else part.name if isinstance(part, tree.Attribute) else ""
        if last in wanted:
            return True
    return False


def _is_validated(body: Body, cls: str, name: str) -> bool:
    """Whether code of the class may replace the value of a field: a validator, a constructor, a hook."""
    analysis = body.reader.analysis
    for key in names.mro(analysis, cls)[0]:
        info = analysis.classes[key]
        for bindings in info.scope.names.values():
            for node in bindings:
                if not isinstance(node, tree.Function):
                    continue
                if node.name in ("__init__", "model_post_init", "__post_init__"):
                    return True
                if _decorated(body, info, node, ("model_validator", "root_validator")):
                    return True
                if _decorated(body, info, node, ("field_validator", "validator")) and _names_field(node, name):
                    return True
    return False


def _names_field(node: tree.Function, name: str) -> bool:
    given = [argument.value for one in node.decorators if isinstance(one, tree.Call) for argument in one.arguments]
    return any(isinstance(value, tree.Constant) and value.value in (name, "*") for value in given)


def _set_in_constructor(body: Body, cls: str, name: str) -> list[Setting]:
    """What `__init__` assigns to `self.name`."""
    constructor = names.method(body.reader.analysis, cls, "__init__")
    if constructor is None or not constructor.node.parameters:
        return [UNKNOWN]
    if body.depth >= DEEPEST:
        return body.reader.cut()
    key = ("field", constructor.id, name)
    known = body.reader.once(key, key, lambda: _constructed(body, constructor, name))
    return known if not _set_elsewhere(body, cls, name) else [assume(value) for value in known]


def _constructed(body: Body, constructor: FunctionInfo, name: str) -> list[Setting]:
    wanted = f"{constructor.node.parameters[0].name}.{name}"
    course = body.reader.course(constructor.node.body)
    inner = Body(body.reader, constructor.path, course.needed([wanted]), course, depth=body.depth + 1)
    worlds = running.run(inner, [start(inner, constructor)], constructor.node.body)
    return distinct(world.env.get(wanted, UNKNOWN) for world in worlds)


def _set_elsewhere(body: Body, cls: str, name: str) -> bool:
    analysis = body.reader.analysis
    for key in names.mro(analysis, cls)[0]:
        for bindings in analysis.classes[key].scope.names.values():
            node = bindings[-1]
            if not isinstance(node, tree.Function) or node.name == "__init__" or not node.parameters:
                continue
            for statement in statements(node.body):
                if isinstance(statement, tree.Assign) and any(
                    isinstance(target, tree.Attribute)
                    and target.name == name
                    and isinstance(target.value, tree.Name)
                    and target.value.id == node.parameters[0].name
                    for target in statement.targets
                ):
                    return True
    return False


def start(body: Body, info: FunctionInfo) -> World:
    """The world in which a function starts whose caller is not known: defaults of parameters are defaults."""
    world = World()
    for index, parameter in enumerate(info.node.parameters):
        value: Setting = UNKNOWN
        if index == 0 and info.owner:
            value = Instance(info.owner, _nowhere(info.owner))
        elif parameter.kind == "double-star":
            value = Options(open=True)
        elif parameter.default is not None:
            value = assume(_default(body, info, parameter.default))
        world.env[parameter.name] = value
    return world


def _default(body: Body, info: FunctionInfo, node: tree.Expression) -> Setting:
    outside = Body(body.reader, info.path, frozenset(), depth=body.depth + 1)
    found = reading.evaluate(outside, World(), node) if outside.depth <= DEEPEST else []
    return found[0][1] if len(found) == 1 else UNKNOWN


def bind(body: Body, info: FunctionInfo, given: Arguments, receiver: Setting | None) -> World:
    """The world in which a function starts that is called so."""
    world = start(body, info)
    parameters = info.node.parameters
    free = [parameter for parameter in parameters if parameter.kind == "positional"]
    values: list[Setting] = [*([receiver] if receiver is not None else []), *given.positional]
    names_here = {parameter.name for parameter in parameters if parameter.kind in ("positional", "keyword")}
    for parameter, value in zip(free, values, strict=False):
        world.env[parameter.name] = value
    rest = Options(open=given.keywords.open)
    for name, value in given.keywords.items:
        if name in names_here:
            world.env[name] = value
        else:
            rest = rest.put(name, value)
    for parameter in parameters:
        passed = parameter.name in dict(given.keywords.items) or parameter in free[: len(values)]
        if parameter.kind == "double-star":
            world.env[parameter.name] = rest
        elif parameter.default is not None and not passed and not given.keywords.open:
            world.env[parameter.name] = certain(world.env[parameter.name])
    return world


def result(body: Body, function: FunctionOf, given: Arguments, receiver: Setting | None = None) -> list[Setting]:
    """What a call of a project's function may return."""
    reader = body.reader
    info = reader.analysis.functions[function.function]
    owner = receiver if receiver is not None else function.receiver
    key = (info.id, given, owner)
    if info.node.is_generator:
        return [UNKNOWN]
    if body.depth >= DEEPEST:
        return reader.cut()
    return reader.once(key, info.id, lambda: _returned(body, info, given, owner))


def _returned(body: Body, info: FunctionInfo, given: Arguments, owner: Setting | None) -> list[Setting]:
    values = [
        statement.value
        for statement in statements(info.node.body)
        if isinstance(statement, tree.Return) and statement.value is not None
    ]
    course = body.reader.course(info.node.body)
    followed = course.needed(name for value in values for name in mentioned(value))
    inner = Body(body.reader, info.path, followed, course, depth=body.depth + 1)
    ended = running.run(inner, [bind(inner, info, given, owner)], info.node.body)
    return distinct([*(value for _, value in inner.returned), *([NONE] if ended else [])])
