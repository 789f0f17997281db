"""Whether an object that leaves its session takes other objects with it."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.habits import mentions, name_of

_RELATIONSHIPS = frozenset({"relationship", "Relationship"})
_ASK = frozenset({"cascade", "cascade_delete", "sa_relationship", "sa_relationship_kwargs"})


def cascades(analysis: Analysis, model: str) -> bool:
    """Whether a relationship of a mapped class, or of a class that it inherits from, may cascade an expunge.

    The default, `save-update, merge`, does not; `all` does.
    """
    for key in names.mro(analysis, model)[0]:
        for node in walk(analysis.classes[key].node.body):
            if isinstance(node, tree.Call) and name_of(node.function) in _RELATIONSHIPS and _cascades(node):
                return True
    paths = analysis.project.naming("backref")
    return any(mentions(analysis, path, _is_backref) for path in sorted(paths))


def _is_backref(node: tree.Node) -> bool:
    return isinstance(node, tree.Call) and name_of(node.function) == "backref" and _cascades(node)


def _cascades(call: tree.Call) -> bool:
    for argument in call.arguments:
        if argument.star or argument.keyword in _ASK - {"cascade"}:
            return True
        if argument.keyword == "cascade":
            value = argument.value
            if not isinstance(value, tree.Constant) or any(word in str(value.value) for word in ("all", "expunge")):
                return True
    return False
