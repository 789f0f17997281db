"""All repairs of a hold, the best first."""

from __future__ import annotations

from flake8_poolhold.flow.model.frames import Analysis, Hold
from flake8_poolhold.flow.releasing import closing, moving, releases, splitting
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import Surroundings


def remedies(analysis: Analysis, hold: Hold) -> list[Remedy]:
    """The repairs of a hold in the order in which they are to be preferred, also those that are refused.

    What is proved comes before what is not; among equals, the repair that adds the least.
    """
    known = analysis.holders.classes.get(hold.kind)
    is_async = known is not None and known.is_async
    around = Surroundings(hold.function.node, hold.span)
    found = [
        moving.out_of_block(analysis, hold, around, is_async=is_async),
        releases.before(analysis, hold),
        closing.before(analysis, hold, around, is_async=is_async),
        splitting.around_wait(analysis, hold, around, is_async=is_async),
    ]
    return sorted(found, key=lambda one: (bool(one.refused), bool(one.doubts)))
