"""Names: from an identifier to the project's function, class or module, a library's symbol, or a value."""

from __future__ import annotations

import builtins

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import calls, expressions, recursion
from flake8_poolhold.flow.model.frames import Analysis, ClassInfo, Frame, FunctionInfo
from flake8_poolhold.flow.model.scopes import Binding, module_scope
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import (
    NONE,
    UNKNOWN,
    ClassOf,
    FunctionOf,
    Instance,
    Library,
    ModuleOf,
    Value,
    function_id,
    is_placeholder,
    join,
    options,
    placeholder,
)
from flake8_poolhold.flow.naming import objects, types

_BUILTINS = frozenset(dir(builtins))


def lookup(frame: Frame, state: State, name: str) -> Value:
    """The value of a name inside a function: a local, a captured one, a name of the module, a builtin."""
    value = state.env.get(name)
    if value is not None:
        return value
    return module_name(frame.analysis, frame.path, name)


def module_name(analysis: Analysis, path: str, name: str) -> Value:
    """The value of a module's name. Recursive definitions are unknown."""
    key = ("global", path, name)
    known: Value | None = analysis.results.get(key)
    if known is None:
        known = recursion.value(analysis, key, lambda: _module_name(analysis, path, name))
    return known


def _module_name(analysis: Analysis, path: str, name: str) -> Value:
    scope = analysis.project.binding(path, name)
    bindings = scope.names.get(name)
    if bindings:
        # The first and the last bindings matter: try/except imports, platform branches, a later override.
        chosen = bindings if len(bindings) <= 3 else [*bindings[:2], bindings[-1]]
        value = join(_binding(analysis, path, name, binding) for binding in chosen)
        if name not in scope.globals or not (value == NONE or is_placeholder(value)):
            return value
        return join((value, *_assigned_globals(analysis, path, name)))
    if name in scope.globals:
        return join(_assigned_globals(analysis, path, name))
    for star in scope.stars:
        target = _import_target(analysis, path, star)
        if isinstance(target, ModuleOf) and target.path.endswith((".py", ".pyi")):
            value = module_name(analysis, target.path, name)
            if value != UNKNOWN and not (isinstance(value, Library) and value.path.startswith("builtins.")):
                return value
    if name in _BUILTINS:
        return Library(f"builtins.{name}")
    return UNKNOWN


def _assigned_globals(analysis: Analysis, path: str, name: str) -> list[Value]:
    assigned = analysis.project.scope(path).globals[name][:3]
    return [_assigned_global(analysis, path, function, assign) for function, assign in assigned]


def _binding(analysis: Analysis, path: str, name: str, binding: Binding) -> Value:
    match binding:
        case tree.Import(module=module):
            return imported_module(analysis, module, path)
        case tree.ImportFrom(symbol=symbol):
            target = _import_target(analysis, path, binding)
            return member_of_module(analysis, target, symbol)
        case tree.Function():
            return function_value(analysis, path, binding.name, binding, "")
        case tree.Class():
            return ClassOf(class_info(analysis, path, binding.name, binding).key)
        case tree.Assign():
            return _assigned(analysis, path, name, binding)
        case _:
            return UNKNOWN


def _assigned(analysis: Analysis, path: str, name: str, binding: tree.Assign) -> Value:
    """The value that an assignment at import gives to `name`; an annotation speaks where the value does not."""
    frame, state = module_frame(analysis, path), State()
    value: Value = UNKNOWN
    if binding.value is not None:
        value = expressions.evaluate(frame, state, binding.value)
        if value not in (UNKNOWN, NONE):
            for target in binding.targets:
                expressions.assign(frame, state, target, value)
            return state.env.get(name, UNKNOWN)
    if binding.annotation is not None:
        return placeholder(types.typed(frame, state, binding.annotation, types.global_place(path, name)))
    return value


def _assigned_global(analysis: Analysis, path: str, function: tree.Function, assign: tree.Assign) -> Value:
    """The value that an initialising function gives to a module's name, as far as its own locals tell."""
    frame, state = module_frame(analysis, path), State()
    for parameter in function.parameters:
        if parameter.annotation is not None:
            place = types.global_place(path, f"{function.name}.{parameter.name}")
            state.env[parameter.name] = types.typed(frame, state, parameter.annotation, place)
    for statement in function.body:
        if isinstance(statement, tree.Assign) and statement.value is not None and statement is not assign:
            value = expressions.evaluate(frame, state, statement.value)
            for target in statement.targets:
                expressions.assign(frame, state, target, value)
    return expressions.evaluate(frame, state, assign.value) if assign.value is not None else UNKNOWN


def module_frame(analysis: Analysis, path: str) -> Frame:
    """A frame for expressions evaluated at import: nothing is reported from it."""
    frame = Frame(analysis, path, None, "call", reporting=False)
    frame.muted = True
    return frame


def imported_module(analysis: Analysis, name: str, importer: str) -> Value:
    """What `import name` in the file `importer` leads to."""
    found = analysis.project.find(name, importer)
    return ModuleOf(found, name) if found is not None else Library(name)


def _import_target(analysis: Analysis, path: str, binding: tree.ImportFrom) -> Value:
    if binding.level:
        found = analysis.project.relative(binding.module, binding.level, path)
        return ModuleOf(found, binding.module) if found is not None else UNKNOWN
    return imported_module(analysis, binding.module, path)


def imported(analysis: Analysis, path: str, binding: tree.Import | tree.ImportFrom) -> Value:
    """What an import statement inside a function binds."""
    return _binding(analysis, path, binding.name, binding)


def member_of_module(analysis: Analysis, module: Value, name: str) -> Value:
    """The value of `module.name`."""
    match module:
        case Library(path=path):
            return objects.registry(analysis, f"{path}.{name}") or Library(f"{path}.{name}")
        case ModuleOf(path=path):
            if path.endswith((".py", ".pyi")):
                scope = analysis.project.binding(path, name)
                if name in scope.names or name in scope.globals:
                    return module_name(analysis, path, name)
            child = analysis.project.child(path, name)
            if child is not None:
                return ModuleOf(child, name)
            if path.endswith((".py", ".pyi")):
                value = module_name(analysis, path, name)
                if not (isinstance(value, Library) and value.path.startswith("builtins.")):
                    return value
            return UNKNOWN
        case _:
            return UNKNOWN


def function_value(analysis: Analysis, path: str, name: str, node: tree.Function, owner: str) -> Value:
    """The function as its decorators leave it: a decorator of the project is applied, one of a library is ignored."""
    info = function_info(analysis, path, name, node, owner)
    value: Value = FunctionOf(info.id)
    if node.decorators and not owner:
        frame, state = module_frame(analysis, path), State()
        value = calls.decorated(frame, state, node.decorators, value)
    return value


def function_info(analysis: Analysis, path: str, name: str, node: tree.Function, owner: str) -> FunctionInfo:
    """Register a function; the same node gives the same information."""
    identity = function_id(path, name, node)
    info = analysis.functions.get(identity)
    if info is None:
        info = analysis.functions[identity] = FunctionInfo(identity, path, name, node, owner)
    return info


def outer_function(analysis: Analysis, path: str, outer: tuple[str, tree.Function, str]) -> FunctionInfo:
    """Register a function of a module or of a class in it, as its scope lists it: name, function, name of the class."""
    name, node, owner = outer
    key = ""
    if owner:
        scope = analysis.project.binding(path, owner.partition(".")[0])
        key = class_info(analysis, path, owner, scope.classes[owner]).key
    return function_info(analysis, path, name, node, key)


def class_info(analysis: Analysis, path: str, name: str, node: tree.Class) -> ClassInfo:
    """Register a class; the same node gives the same information."""
    key = f"{path}::{name}:{node.span[0]}"
    info = analysis.classes.get(key)
    if info is None:
        info = analysis.classes[key] = ClassInfo(key, path, name, node, module_scope(node.body))
    return info


def mro(analysis: Analysis, key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The project's classes that `key` inherits from, itself first, and the dotted paths of its library bases."""
    known = analysis.mros.get(key)
    if known is not None:
        return known
    with analysis.tracker.finding(("mro", key)):
        return _mro(analysis, key)


def _mro(analysis: Analysis, key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    analysis.mros[key] = ((key,), ())
    info = analysis.classes[key]
    classes, libraries = [key], list[str]()
    frame = module_frame(analysis, info.path)
    for base in info.node.bases:
        value = expressions.evaluate(frame, State(), base.value if isinstance(base, tree.Subscript) else base)
        for option in options(value):
            if isinstance(option, ClassOf):
                above, outside = mro(analysis, option.cls)
                classes.extend(cls for cls in above if cls not in classes)
                libraries.extend(path for path in outside if path not in libraries)
            elif isinstance(option, Library) and option.path not in libraries:
                libraries.append(option.path)
    analysis.mros[key] = (tuple(classes), tuple(libraries))
    return analysis.mros[key]


def class_member(analysis: Analysis, key: str, name: str) -> tuple[ClassInfo, Binding] | None:
    """The binding of `name` in the class or the first of its bases that has one."""
    for cls in mro(analysis, key)[0]:
        info = analysis.classes[cls]
        bindings = info.scope.names.get(name)
        if bindings:
            return info, bindings[-1]
    return None


def method(analysis: Analysis, key: str, name: str) -> FunctionInfo | None:
    """The method `name` of a class, undecorated."""
    found = class_member(analysis, key, name)
    if found is None:
        return None
    info, node = found
    if not isinstance(node, tree.Function):
        return None
    return function_info(analysis, info.path, f"{info.name}.{name}", node, info.key)


_BASES_OWN = ("__init__", "execute")
"""The methods of a session that one of the project's hands on to."""


def holder_base(analysis: Analysis, key: str) -> str | None:
    """The holder class (its name in the knowledge) that a project's class inherits from."""
    classes, libraries = mro(analysis, key)
    for path in libraries:
        known = analysis.holders.class_at(path)
        if known is not None and known[1].kind in ("session", "connection"):
            return None if any(_stands_in(analysis.classes[cls]) for cls in classes) else known[0]
    return next((analysis.roles[cls].gives for cls in classes if cls in analysis.roles), None)


def _stands_in(info: ClassInfo) -> bool:
    """Whether a class inherits from a session only to be taken for one: it makes none, and runs nothing."""
    constructor, execute = (info.scope.names.get(name, [None])[-1] for name in ("__init__", "execute"))
    if not isinstance(constructor, tree.Function) or not isinstance(execute, tree.Function):
        return False
    calls = [node for node in tree.walk([constructor.body, execute.body]) if isinstance(node, tree.Call)]
    return not any(isinstance(one.function, tree.Attribute) and one.function.name in _BASES_OWN for one in calls)


def is_mapped(analysis: Analysis, key: str) -> bool:
    """Whether the class is an ORM model: it inherits from a declarative base."""
    return any(
        path.endswith(
            (".DeclarativeBase", ".SQLModel", ".DeclarativeBaseNoMeta", ".declarative_base()", "SQLAlchemy.Model")
        )
        for path in mro(analysis, key)[1]
    )


def is_abstract(analysis: Analysis, key: str) -> bool:
    """Whether the class is a protocol or an abstract base, which others implement."""
    return any(path.endswith((".Protocol", "abc.ABC")) for path in mro(analysis, key)[1])


def response_class(analysis: Analysis, value: Value) -> str:
    """The dotted path of the library class that a value is an instance of, directly or by inheritance; else empty."""
    match value:
        case Library(path=path):
            return path
        case Instance(cls=cls):
            return next((path for path in mro(analysis, cls)[1] if path.endswith("Response")), "")
        case _:
            return ""


def library_name(value: Value) -> str:
    """The dotted path of a library value, empty for anything else."""
    return value.path if isinstance(value, Library) else ""
