"""`background-own-session`, `own-session`: a task or the body of a response opens a session of its own.

Nobody gives it one any more. The block covers what uses the session, and for a body no `yield`.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow import roots
from flake8_poolhold.flow.fastapi import dependencies
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Escape
from flake8_poolhold.flow.model.values import FunctionOf, Suspended
from flake8_poolhold.flow.naming import names
from flake8_poolhold.flow.releasing.habits import called_by_name
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.releasing.surroundings import binds
from flake8_poolhold.flow.repairing import blocks, factories, handovers, identities, results

NAME = "background-own-session"
STREAM = "own-session"

_BY_HAND = "pass ids, and open a session in the task"
_BY_HAND_IN_BODY = "read in a short session of the body's own before it yields"


def own_session(analysis: Analysis, escape: Escape) -> Remedy:
    """Judge a session of the task's own."""
    is_body = escape.kind == "stream"
    name, by_hand = (STREAM, _BY_HAND_IN_BODY) if is_body else (NAME, _BY_HAND)
    found = _plan(analysis, escape)
    if isinstance(found, str):
        return Remedy(name, refused=f"{found}; {by_hand}")
    task, parameter, way, sites, imports, swaps = found
    doubts = list(_doubts(analysis, task, sites, analysis.functions[escape.provider], escape.function.path))
    if is_body:
        doubts.insert(0, "it reads in another transaction than the handler")
    start = task.node.span[:2]
    parts = [
        Part(task.path, *start, "task", parameter.name),
        Part(task.path, *start, way.wraps or "open", f"{way.keyword} {way.expression}"),
        *(Part(task.path, 0, 0, "import", one) for one in imports),
        *(Part(site.path, *site.call.span[:2], "site", at) for site in sites if (at := _given(site, task, parameter))),
    ]
    wait = "await " if _is_async(analysis, escape, way) else ""
    for swap in swaps:
        read = f"{wait}{parameter.name}.get({swap.cls}, {swap.new})"
        parts.append(Part(task.path, *start, "swap", f"{swap.parameter}:{swap.new}:{swap.type}:{read}"))
        parts += [
            Part(site.path, *site.call.span[:2], "id", f"{_position(site, task, swap.parameter)}:{swap.new}")
            for site in sites
        ]
        doubts.append(f"it reads `{swap.parameter}` again, by its id, as it is then")
    if way.plain and not swaps:
        parts += _unused(analysis, sites, task, parameter)
    files = len({part.path for part in parts})
    more = f", in {files} files" if files > 1 else ""
    return Remedy(
        name,
        f"`{task.node.name}` ({task.path}:{start[0]}) opens its own session, and is given none{more}",
        doubts=tuple(doubts),
        session=(parameter.name,),
        objects=tuple(sorted({*_objects_of(analysis, task, parameter), *(one.parameter for one in swaps)})),
        parts=tuple(parts),
    )


_Plan = tuple[FunctionInfo, tree.Parameter, factories.Way, list[handovers.Site], list[str], list[identities.Swap]]
"""The task, the parameter that is the session, how one is opened, who hands the task over, what it has to import, and
which parameters become ids."""


def _plan(analysis: Analysis, escape: Escape) -> _Plan | str:
    """What has to change; or why it cannot."""
    task = _task(analysis, escape)
    if isinstance(task, str):
        return task
    swaps = identities.swaps(analysis, task, escape.run)
    if isinstance(swaps, str):
        return swaps
    provider = analysis.functions.get(escape.provider)
    if provider is None or not provider.node.is_generator:
        return "it is not known how the session is opened"
    way = factories.way_of(analysis, provider)
    if isinstance(way, str):
        return way
    if not way.wraps and way.keyword.startswith("async") != _is_async(analysis, escape, way):
        return "it is not known how the session is opened"
    sites = handovers.sites(analysis, task)
    if isinstance(sites, str):
        return sites
    given = [site for site in sites if site.path == escape.function.path and _is_here(site, escape)]
    parameter = _parameter(task, given[0], escape) if len(given) == 1 else None
    if parameter is None or any(argument.star for site in sites for argument in site.arguments):
        return "it is not clear which parameter of the task is the session"
    imports = _imports(analysis, way, task, escape)
    if imports is None:
        return f"{task.path} cannot import what opens the session"
    if swaps and (task.node.is_generator or not all(_is_named(site, task, one) for site in sites for one in swaps)):
        return "an object that the session has loaded goes to the task too"
    return _misused(analysis, task, parameter) or (task, parameter, way, sites, imports, swaps)


def _is_named(site: handovers.Site, task: FunctionInfo, swap: identities.Swap) -> bool:
    """Whether a site gives the task a variable or an attribute, the id of which can be given instead."""
    at = _position(site, task, swap.parameter)
    return bool(at) and isinstance(site.call.arguments[int(at)].value, tree.Name | tree.Attribute)


def _is_async(analysis: Analysis, escape: Escape, way: factories.Way) -> bool:
    """Whether the session is an async one; where its kind is not known, as it is opened."""
    known = analysis.holders.classes.get(analysis.kinds.get(escape.place) or "")
    return known.is_async if known is not None else way.keyword.startswith("async")


def _objects_of(analysis: Analysis, task: FunctionInfo, parameter: tree.Parameter) -> frozenset[str]:
    """The variables that may need the session where they are read."""
    needed = blocks.needs_objects(analysis, task.node.body, is_async=task.node.is_async)
    return results.derived(parameter.name, task.node.body) if needed else frozenset()


def _task(analysis: Analysis, escape: Escape) -> FunctionInfo | str:
    """The function that the task runs, if it can be changed."""
    match escape.run:
        case Suspended(target=FunctionOf(function=function, receiver=None, captured=(), bound=())):
            task = analysis.functions[function]
        case _:
            return "the task is no function of a module"
    if escape.carrier or escape.kind not in ("background", "task", "stream"):
        return f"the session is inside {f'a `{escape.carrier}`' if escape.carrier else 'something else'}"
    if task.owner or "<locals>" in task.name or task.name.endswith("<lambda>") or task.node.decorators:
        return "the task is no plain function of a module"
    return "the task is a generator" if task.node.is_generator and escape.kind != "stream" else task


def _is_here(site: handovers.Site, escape: Escape) -> bool:
    """Whether the site is that of the escape: the call itself, or the one that hands it over."""
    start, end = escape.span[:2], escape.span[2:]
    return start <= site.call.span[:2] and site.call.span[2:] <= end


def _parameter(task: FunctionInfo, site: handovers.Site, escape: Escape) -> tree.Parameter | None:
    """The parameter of the task that the session goes to."""
    for index, argument in enumerate(site.arguments):
        if factories.spelled(argument.value) == escape.name:
            if argument.keyword:
                return next((one for one in task.node.parameters if one.name == argument.keyword), None)
            here = task.node.parameters[index] if index < len(task.node.parameters) else None
            return here if here is not None and here.kind == "positional" else None
    return None


def _given(site: handovers.Site, task: FunctionInfo, parameter: tree.Parameter) -> str:
    """Which argument of the site's call is the session: its position, counted from 0 among all of them."""
    return _position(site, task, parameter.name)


def _position(site: handovers.Site, task: FunctionInfo, parameter: str) -> str:
    for index, argument in enumerate(site.arguments):
        name = argument.keyword or (task.node.parameters[index].name if index < len(task.node.parameters) else "")
        if name == parameter:
            return str(index + site.skipped)
    return ""


def _imports(analysis: Analysis, way: factories.Way, task: FunctionInfo, escape: Escape) -> list[str] | None:
    """What the task's file has to import, as `module:name`; `None` when it cannot."""
    known = analysis.project.scope(task.path).names
    wanted = []
    for root in way.roots:
        if task.path == way.path:
            continue
        ours = names.module_name(analysis, way.path, root)
        if root in known:
            if names.module_name(analysis, task.path, root) != ours:
                return None
            continue
        source = factories.module_name(analysis, way.path, task.path, escape.function.path)
        if not source:
            return None
        wanted.append(f"{source}:{root}")
    return wanted


def _misused(analysis: Analysis, task: FunctionInfo, parameter: tree.Parameter) -> str:
    """Why the parameter cannot become the variable of a block."""
    if parameter.kind != "positional" and sum(one.kind == "keyword" for one in task.node.parameters) == 1:
        return "the session is the only parameter behind the `*`"
    if any(binds(node, parameter.name) for node in walk(task.node.body)):
        return "the task gives its parameter another value"
    for node in walk(task.node.body):
        if isinstance(node, tree.Return) and isinstance(node.value, tree.Name) and node.value.id == parameter.name:
            return "the task returns the session"
    if not task.node.is_generator:
        return ""
    names = {parameter.name, *_objects_of(analysis, task, parameter)}
    using = [
        index
        for index, statement in enumerate(task.node.body)
        if any(isinstance(node, tree.Name) and node.id in names for node in walk(statement))
    ]
    covered = task.node.body[using[0] : using[-1] + 1] if using else []
    return "it yields while it reads" if any(isinstance(node, tree.Yield) for node in walk(covered)) else ""


def _unused(
    analysis: Analysis, sites: list[handovers.Site], task: FunctionInfo, parameter: tree.Parameter
) -> Iterator[Part]:
    """The handlers that asked for a session only to give it away: they need not ask."""
    for around in {id(site.around): site.around for site in sites if site.around is not None}.values():
        mine = [site for site in sites if site.around is around]
        path = mine[0].path
        for one in around.parameters:
            gone = 0
            for site in mine:
                at = _given(site, task, parameter)
                value = site.call.arguments[int(at)].value if at else None
                gone += isinstance(value, tree.Name) and value.id == one.name
            named = sum(isinstance(node, tree.Name) and node.id == one.name for node in walk(around.body))
            if not gone or named != gone:
                continue
            info = next(
                (
                    names.function_info(analysis, path, qualified, node, "")
                    for qualified, node, owner in analysis.project.scope(path).functions
                    if node is around and not owner
                ),
                None,
            )
            if (
                info is not None
                and dependencies.route_of(analysis, info) is not None
                and not called_by_name(analysis, info)
            ):
                yield Part(path, *around.span[:2], "unused", one.name)


def _doubts(
    analysis: Analysis, task: FunctionInfo, sites: list[handovers.Site], provider: FunctionInfo, path: str
) -> Iterator[str]:
    """What the task would miss; `path` is the file that is told of it."""
    # What is known of sites in other files depends on which files were analysed: nothing is, then.
    escapes = {id(site): _at(analysis, task, site) if site.path == path else None for site in sites}
    if any(one is not None and (one.unsaved or _is_used_behind(one)) for one in escapes.values()):
        yield "what the caller writes may not be committed when the task begins"
    if None in escapes.values():
        yield "it is not known what another caller has committed when the task begins"
    name = provider.name.rpartition(".")[2]
    if any(name in analysis.project.bytes_of(path).decode(errors="replace") for path in _overriding(analysis)):
        yield f"`{name}` is overridden in tests, which the task would not notice"


def _at(analysis: Analysis, task: FunctionInfo, site: handovers.Site) -> Escape | None:
    """What is known of the session that a site hands over, whichever files are reported on."""
    roots.analyse(analysis, site.path)
    for one in analysis.by_file.of(analysis.events.escapes, site.path):
        is_task = isinstance(one.run, Suspended) and one.run.target == FunctionOf(task.id)
        if is_task and _is_here(site, one):
            return one
    return None


def _overriding(analysis: Analysis) -> list[str]:
    return analysis.project.naming("dependency_overrides")


def _is_used_behind(escape: Escape) -> bool:
    """Whether the caller does anything with the session behind the hand-over."""
    variable = escape.name.partition(".")[0]
    return any(
        isinstance(node, tree.Call)
        and node.span[:2] > escape.span[2:]
        and any(isinstance(one, tree.Name) and one.id == variable for one in walk(node))
        for node in walk(escape.function.node.body)
    )
