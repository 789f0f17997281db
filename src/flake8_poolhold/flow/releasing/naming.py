"""How a function can name a session of a module, such as a registry, that it reaches through others only."""

from __future__ import annotations

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing.surroundings import binds
from flake8_poolhold.flow.repairing.factories import module_name


def named(analysis: Analysis, hold: Hold) -> tuple[Hold, tuple[Part, ...]]:
    """The hold with an expression for its session, where there is none, and the import that this takes."""
    place, path = hold.place, hold.function.path
    kind = analysis.kinds.get(place) or hold.kind
    if hold.expression or place.origin.how != "global" or place.path or not kind:
        return hold, ()
    made = made_at(analysis, place.origin.where, place.origin.name)
    name = made[0] if made is not None else ""
    if not name or _is_local(hold.function.node, name):
        return hold, ()
    now = msgspec.structs.replace(hold, expression=name, kind=kind)
    if path == place.origin.where:
        return now, ()
    for binding in analysis.project.scope(path).names.get(name, ()):
        if isinstance(binding, tree.ImportFrom) and binding.symbol == name == binding.name:
            source = (
                analysis.project.relative(binding.module, binding.level, path)
                if binding.level
                else analysis.project.find(binding.module, path)
            )
            return (now, ()) if source == place.origin.where else (hold, ())
        return hold, ()
    source = module_name(analysis, place.origin.where, path, path)
    return (now, (Part(path, 1, 1, "import", f"{source}:{name}"),)) if source else (hold, ())


def made_at(analysis: Analysis, path: str, site: str) -> tuple[str, tree.Call] | None:
    """The variable of a module to which what is made at a place is assigned, once, and the call that makes it."""
    module = analysis.project.module(path)
    found = [
        (statement.targets[0].id, statement.value)
        for statement in (module.body if module is not None else ())
        if isinstance(statement, tree.Assign)
        and isinstance(statement.value, tree.Call)
        and ":".join(map(str, statement.value.span[:2])) == site
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], tree.Name)
    ]
    if len(found) != 1 or module is None:
        return None
    return found[0] if sum(binds(node, found[0][0]) for node in walk(module.body)) == 1 else None


def _is_local(function: tree.Function, name: str) -> bool:
    return any(one.name == name for one in function.parameters) or any(
        binds(node, name) for node in walk(function.body)
    )
