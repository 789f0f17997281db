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


def kind_of(frame: Frame, place: Place) -> str:
    """The class of the holder at `place` in the knowledge; empty where nobody knows."""
    holder = frame.known.get(place)
    return holder.kind if holder is not None else frame.analysis.kinds.get(place) or ""


def is_async(frame: Frame, place: Place) -> bool:
    """Whether what is done with a holder may be suspended in the middle: with a sync one, nothing on the loop is."""
    kind = kind_of(frame, place)
    return bool(kind) and frame.analysis.holders.classes[kind].is_async


def is_sync(frame: Frame, place: Place) -> bool:
    """Whether a holder is known not to be an async one."""
    return bool(kind_of(frame, place)) and not is_async(frame, place)
