"""What a module mentions, by name: found in one walk, so that nobody walks it again to look for a name."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.scopes import Scope

Around = tuple[str, tree.Function, str] | None
"""The outermost function whose body a node is in: its qualified name, itself, the name of its class or empty."""


class Index(msgspec.Struct, frozen=True):
    """Variables and attributes by their name, and calls by the last name of what is called."""

    names: dict[str, list[tuple[Around, tree.Name | tree.Attribute]]]
    calls: dict[str, list[tuple[Around, tree.Call]]]
    imports: list[tree.Import | tree.ImportFrom]
    """All of them, those inside functions too."""


def index(module: tree.Module | None, scope: Scope) -> Index:
    """The index of a module with this scope; empty when the module cannot be analysed."""
    found = Index({}, {}, [])
    if module is None:
        return found
    outside: list[object] = []
    for around in scope.functions:
        function = around[1]
        _collect(found, function.body, around)
        outside += (function.parameters, function.decorators, function.returns)
    _collect(found, [module.body, outside], None, but={id(function) for _, function, _ in scope.functions})
    return found


def _collect(found: Index, root: object, around: Around, but: Container[int] = ()) -> None:
    names, calls = found.names, found.calls
    for node in tree.walk(root, but):
        if type(node) is tree.Name:  # `isinstance` of these classes is slow where it fails, and this is every node
            names.setdefault(node.id, []).append((around, node))
        elif type(node) is tree.Attribute:
            names.setdefault(node.name, []).append((around, node))
        elif type(node) is tree.Call:
            callee = node.function
            if isinstance(callee, tree.Attribute):
                calls.setdefault(callee.name, []).append((around, node))
            elif isinstance(callee, tree.Name):
                calls.setdefault(callee.id, []).append((around, node))
        elif type(node) is tree.Import or type(node) is tree.ImportFrom:
            found.imports.append(node)
