"""How a provider opens its session, so that other code can open one of its own in the same way."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.repairing import blocks, driving


class Way(msgspec.Struct, frozen=True):
    """The first line of a block, `async with maker() as db:`, in parts: `expression` uses the names `roots` of the file
    `path`, and the `contextlib` symbol `wraps`, if there is one. `plain`: leaving the block only closes."""

    keyword: str
    expression: str
    roots: tuple[str, ...]
    path: str
    wraps: str = ""
    plain: bool = True


def way_of(analysis: Analysis, provider: FunctionInfo) -> Way | str:
    """How a provider, a generator, opens what it yields; or why other code cannot do the same."""
    if reason := driving.unfit(provider):
        return reason
    name = provider.name.rpartition(".")[2]
    opened = None if list(driving.exits(provider, name, with_finally=True)) else _opened(provider)
    if opened is not None:
        keyword, value = opened
        roots = tuple(sorted({node.id for node in walk(value) if isinstance(node, tree.Name)}))
        known = analysis.project.scope(provider.path).names
        if all(root in known for root in roots):
            return Way(keyword, spelled(value), roots, provider.path)
    if provider.node.parameters:
        return f"`{name}` depends on something else"
    is_async = provider.node.is_async
    wraps = "asynccontextmanager" if is_async else "contextmanager"
    return Way("async with" if is_async else "with", f"{name}()", (name,), provider.path, wraps, plain=False)


def _opened(provider: FunctionInfo) -> tuple[str, tree.Expression] | None:
    """The expression that opens the session which is yielded, when nothing else happens before the `yield`."""
    body = provider.node.body
    yielded = next(node for node in walk(body) if isinstance(node, tree.Yield))
    if not isinstance(yielded.value, tree.Name):
        return None
    name = yielded.value.id
    found: list[tuple[str, tree.Expression]] = []
    for inner in blocks.bodies(body):
        for statement in inner:
            match statement:
                case tree.With(items=[tree.WithItem(value=value, target=tree.Name(id=bound))], is_async=is_async):
                    found += [("async with" if is_async else "with", value)] if bound == name else []
                case tree.Assign(targets=[tree.Name(id=bound)], value=tree.Call() as value) if bound == name:
                    found.append(("async with" if provider.node.is_async else "with", value))
                case _:
                    pass
    if len(found) != 1 or not _can_be_spelled(found[0][1]):
        return None
    before = [node for node in walk(body) if isinstance(node, tree.Call) and node.span[:2] < yielded.span[:2]]
    own = {id(node) for node in walk(found[0][1])}
    return found[0] if all(id(node) in own for node in before) else None


def _can_be_spelled(value: tree.Expression) -> bool:
    match value:
        case tree.Name() | tree.Constant():
            return True
        case tree.Attribute(value=owner):
            return _can_be_spelled(owner)
        case tree.Call(function=function, arguments=arguments):
            return _can_be_spelled(function) and all(not one.star and _can_be_spelled(one.value) for one in arguments)
        case _:
            return False


def spelled(value: tree.Expression) -> str:
    """An expression of names, attributes, literals and calls as code."""
    match value:
        case tree.Name(id=name):
            return name
        case tree.Constant(value=constant):
            return repr(constant) if not isinstance(constant, str) else f'"{constant}"'
        case tree.Attribute(value=owner, name=name):
            return f"{spelled(owner)}.{name}"
        case tree.Call(function=function, arguments=arguments):
            inside = [f"{one.keyword}={spelled(one.value)}" if one.keyword else spelled(one.value) for one in arguments]
            return f"{spelled(function)}({', '.join(inside)})"
        case _:
            return name_of(value)


def module_name(analysis: Analysis, path: str, importer: str, like: str) -> str:
    """How `importer` would import the file at `path`; as the file `like` does, if that imports it. Empty: it cannot."""
    if _imports(analysis, path, importer):
        return ""
    project = analysis.project
    parts = path.removesuffix("/__init__.py").removesuffix(".py").split("/")
    names = [".".join(parts[index:]) for index in range(len(parts))]
    found = [name for name in names if name and project.find(name, importer) == path]
    used = {
        binding.module
        for file in (importer, like)
        for bindings in project.scope(file).names.values()
        for binding in bindings
        if isinstance(binding, tree.ImportFrom | tree.Import)
    }
    roots = {name.partition(".")[0] for name in used}
    best = sorted(found, key=lambda name: (name not in used, name.partition(".")[0] not in roots, len(name)))
    return best[0] if best else ""


def _imports(analysis: Analysis, path: str, other: str) -> bool:
    """Whether the file at `path` imports `other` directly: then the reverse is a circle."""
    project = analysis.project
    for bindings in project.scope(path).names.values():
        for binding in bindings:
            if isinstance(binding, tree.ImportFrom):
                target = (
                    project.relative(binding.module, binding.level, path)
                    if binding.level
                    else project.find(binding.module, path)
                )
                if target == other:
                    return True
            elif isinstance(binding, tree.Import) and project.find(binding.module, path) == other:
                return True
    return False
