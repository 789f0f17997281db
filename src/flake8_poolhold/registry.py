"""Rules find themselves: one file per rule in `flake8_poolhold.rules`, named like the function in it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from flake8_poolhold.finding import Finding

Check = Callable[[Any], "Iterable[Finding]"]
"""What a rule does: it asks the flow of a project (a type that only upper layers know) and words findings."""

_FORM = re.compile(r"PHL[0-9]{3}")


class RegistryError(Exception):
    """A rule that is not made as rules are made; the message names its module."""


class Rule(msgspec.Struct, frozen=True):
    """A rule: what it is called, what its documentation says, and the function that finds.

    `summary` is the first line of `doc`, the Markdown docstring of the rule's module. `fixes` are names of codemods.
    """

    code: str
    name: str
    summary: str
    doc: str
    since: str
    advisory: bool
    opt_in: bool
    fixes: tuple[str, ...]
    check: Check


def rule(
    *,
    code: str,
    since: str = "0.1.0",
    advisory: bool = False,
    opt_in: bool = False,
    fixes: Sequence[str] = (),
) -> Callable[[Check], Rule]:
    """Make a rule of a function; its name comes from the function, its documentation from the module's docstring."""

    def register(check: Check) -> Rule:
        import inspect

        doc = inspect.cleandoc(sys.modules[check.__module__].__doc__ or "")
        return Rule(
            code=code,
            name=check.__name__.replace("_", "-"),
            summary=doc.partition("\n")[0].strip(),
            doc=doc,
            since=since,
            advisory=advisory,
            opt_in=opt_in,
            fixes=tuple(fixes),
            check=check,
        )

    return register


@functools.cache
def rules() -> dict[str, Rule]:
    """Return every rule by code, in the order of the codes. Raises RegistryError for a malformed one."""
    return discover("flake8_poolhold.rules")


def discover(package: str) -> dict[str, Rule]:
    """Import the modules of a package (those called `_...` aside) and return the one rule of each by code, sorted.

    Names are unique because files are: a rule is called like its file.
    """
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name.startswith("_"):
            continue
        one = _only_rule(f"{package}.{module.name}", module.name)
        if one.code in found:
            raise RegistryError(f"`{one.code}` is the code of two rules, {found[one.code].name} and {one.name}")
        found[one.code] = one
    return dict(sorted(found.items()))


def _only_rule(module: str, slug: str) -> Rule:
    """Return the rule that a module defines, checked for form."""
    namespace = vars(importlib.import_module(module)).values()
    here = [value for value in namespace if isinstance(value, Rule) and value.check.__module__ == module]
    if len(here) != 1:
        raise RegistryError(f"{module} defines {len(here)} rules; a rule's module defines exactly one")
    one = here[0]
    if not _FORM.fullmatch(one.code):
        raise RegistryError(f"{module}: the code `{one.code}` is not of the form PHL123")
    if one.check.__name__ != slug:
        raise RegistryError(f"{module}: the rule's function is called `{one.check.__name__}`, its file `{slug}.py`")
    if not one.summary:
        raise RegistryError(f"{module} has no docstring; it is the documentation of `{one.code}`")
    return one
