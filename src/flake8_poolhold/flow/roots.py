"""The analysis of a file: of each of its functions on its own, for any caller."""

from __future__ import annotations

from flake8_poolhold.flow.effects import providing, resolvers, singletons
from flake8_poolhold.flow.fastapi import handlers
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.naming import names


def analyse(analysis: Analysis, path: str) -> None:
    """Analyse every function of a file, once: handlers with their dependencies, others for any caller."""
    with analysis.tracker.finding(node(path)):
        if path not in analysis.analysed:
            analysis.analysed.add(path)
            _analyse(analysis, path)


def node(path: str) -> tuple[str, str]:
    """The tracker's node for what is found about a file."""
    return ("root", path)


def _analyse(analysis: Analysis, path: str) -> None:
    scope = analysis.project.scope(path)
    analysis.events.process_wide.extend(singletons.of_module(analysis, path))
    for outer in scope.functions:
        info = names.outer_function(analysis, path, outer)
        handlers.interpret(analysis, info)
        shared = resolvers.context_shared(analysis, info)
        if shared is not None:
            analysis.events.shared.append(shared)
        leaking = providing.leaks(analysis, info)
        if leaking is not None:
            analysis.events.leaking.append(leaking)
        elif (cancellable := providing.cancellable(analysis, info)) is not None:
            analysis.events.cancellable.append(cancellable)
