"""What the user has taught about the project's own functions and classes in `[tool.poolhold]`."""

from __future__ import annotations

from flake8_poolhold.config import ConfigError
from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Analysis, Role
from flake8_poolhold.flow.model.values import UNKNOWN, ClassOf, FunctionOf, ModuleOf, Value
from flake8_poolhold.flow.naming import names
from flake8_poolhold.knowledge import AS_IT_TAKES, Wait


def learn(analysis: Analysis) -> None:
    """Find the functions and classes that have a role; what is taught of libraries is in the knowledge.

    Raises ConfigError for a path into the project that leads to no function or class.
    """
    settings = analysis.project.settings
    waits = {
        path: Role(wait=Wait(path, kind, AS_IT_TAKES, driver=False)) for path, kind in settings.wait_functions.items()
    }
    givers = {path: Role(gives=kind) for path, kind in settings.holders.items()}
    releases = {path: Role(releases=True) for path in settings.release_functions}
    for key, taught in (("wait-functions", waits), ("holders", givers), ("release-functions", releases)):
        for path, role in taught.items():
            identity = _find(analysis, path, key)
            if identity:
                analysis.roles[identity] = role


def _find(analysis: Analysis, path: str, key: str) -> str:
    """The id of the function or the key of the class that a dotted path leads to; empty for one of a library."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = analysis.project.find(".".join(parts[:count]), "")
        if module is None:
            continue
        value: Value = ModuleOf(module, parts[count - 1])
        for name in parts[count:]:
            value = _member(analysis, value, name)
        match value:
            case FunctionOf(function=function):
                return function
            case ClassOf(cls=cls):
                return cls
            case _:
                reason = f"`{path}` is no function or class: `{module}` defines no `{'.'.join(parts[count:])}`"
                raise ConfigError(None, f"[tool.poolhold] {key}", reason)
    return ""


def _member(analysis: Analysis, owner: Value, name: str) -> Value:
    """A member as it is defined, without what its decorators make of it."""
    match owner:
        case ClassOf(cls=cls):
            method = names.method(analysis, cls, name)
            return FunctionOf(method.id) if method is not None else UNKNOWN
        case ModuleOf(path=path):
            binding = analysis.project.binding(path, name).names.get(name, [None])[-1] if path.endswith(".py") else None
            if isinstance(binding, tree.Function):
                return FunctionOf(names.function_info(analysis, path, name, binding, "").id)
            return names.member_of_module(analysis, owner, name)
        case _:
            return UNKNOWN
