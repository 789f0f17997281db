"""Where holders and functions come from: made in sight or only declared, in a service or in a script."""

from __future__ import annotations

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.model.frames import Frame
from flake8_poolhold.flow.model.values import Place


def is_made(place: Place) -> bool:
    """Whether a holder was made by a call that the analysis has seen; one that is only declared may be anybody's."""
    origin = place.origin
    while origin.via is not None:
        origin = origin.via
    return origin.how == "new" and not place.path and origin.name[:1].isdigit()


def is_script(frame: Frame) -> bool:
    """Whether the module is run by itself, or by alembic: when it fails, or ends, its connections end with it."""
    project = frame.analysis.project
    return any(project.names_word(frame.path, word) for word in ("__name__ ==", "from alembic import context"))


def is_property(node: tree.Function) -> bool:
    """Whether a method is read as an attribute: what such a one gives is not made for whoever reads it."""
    names = [one.id if isinstance(one, tree.Name) else getattr(one, "name", "") for one in node.decorators]
    return any(name.endswith("property") for name in names)
