"""`drive-with-context-manager`: a provider that is driven by hand is entered as the context manager that it is."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_poolhold.facts import tree
from flake8_poolhold.facts.tree import walk
from flake8_poolhold.finding import Part
from flake8_poolhold.flow.model.frames import Analysis, FunctionInfo
from flake8_poolhold.flow.model.lifetimes import Driven
from flake8_poolhold.flow.releasing.habits import name_of
from flake8_poolhold.flow.releasing.owning import swallows
from flake8_poolhold.flow.releasing.remedies import Remedy
from flake8_poolhold.flow.repairing import blocks, results, tails

NAME = "drive-with-context-manager"

_GIVES_BACK = frozenset({"close", "aclose", "rollback", "remove", "expunge_all", "debug", "info", "warning", "error"})


def entered(analysis: Analysis, driven: Driven) -> Remedy:
    """Judge entering the provider instead of driving it."""
    source = driven.source
    if source is None or driven.how == "unentered":
        return Remedy(NAME, refused="it is not clear where the provider comes from; enter it in a `with` block")
    kind = "async with" if source.node.is_async else "with"
    by_hand = f"write a context manager for the session and enter it with `{kind}`"
    if reason := unfit(source):
        return Remedy(NAME, refused=f"{reason}; {by_hand}")
    judge = _loop if driven.how in ("loop", "delegate") else _step
    found = judge(analysis, driven, source)
    if isinstance(found, str):
        return Remedy(NAME, refused=f"{found}; {by_hand}")
    part, session, objects, doubts = found
    name = source.name.rpartition(".")[2]
    known = _manager(analysis, source)
    parts = [Part(driven.function.path, *driven.span[:2], part, known)]
    return Remedy(
        NAME,
        f"enter `{name}` with `{kind}` at line {driven.span[0]}",
        doubts=(*doubts, *exits(source, name)),
        session=session,
        objects=objects,
        parts=tuple(parts),
    )


_Found = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""How the provider is driven, the session's variable, those of what it has loaded, and doubts."""


def unfit(source: FunctionInfo) -> str:
    """Why a provider is no context manager."""
    yields = [node for node in walk(source.node.body) if isinstance(node, tree.Yield)]
    loops = [node.body for node in walk(source.node.body) if isinstance(node, tree.For | tree.While)]
    if len(yields) != 1 or any(isinstance(node, tree.Yield) for node in walk(loops)):
        return "the provider may yield more than once"
    if source.node.decorators or source.owner:
        return "the provider is decorated or a method"
    return "the provider catches exceptions and raises them no more" if swallows(source) else ""


def _loop(_analysis: Analysis, driven: Driven, _source: FunctionInfo) -> _Found | str:
    """`async for db in get_db(): ...`"""
    node = next(
        (one for one in walk(driven.function.node.body) if isinstance(one, tree.For) and one.span == driven.span), None
    )
    if node is None or not isinstance(node.target, tree.Name) or not _is_plain_call(node.iterable):
        return "the loop is not written as others are"
    if node.otherwise:
        return "the loop has an `else`"
    if not tails.leaves_at_end(node.body):
        return "the loop is left in the middle"
    return "loop", (node.target.id,), (), ()


def _step(analysis: Analysis, driven: Driven, source: FunctionInfo) -> _Found | str:
    """`db = await anext(get_db())`, `db = next(generator)`."""
    body = driven.function.node.body
    for inner in blocks.bodies(body):
        for index, statement in enumerate(inner):
            match statement:
                case tree.Assign(targets=[tree.Name(id=name)], value=tree.Await() | tree.Call() as value) if (
                    value.span[:2] == driven.span[:2]
                ):
                    pass
                case _:
                    continue
            made = results.Made(name, statement, value.span, isinstance(value, tree.Await), inner[index + 1 :])
            call = value.value if isinstance(value, tree.Await) else value
            if reason := blocks.misused(driven.function, made):
                return reason
            if isinstance(value, tree.Await) != source.node.is_async:
                return "an async provider is driven like one that is not"
            if reason := blocks.unread(made, is_async=source.node.is_async):
                return reason
            if not _advances(call, body, driven):
                return "the generator is used for more than its session"
            objects = (
                results.derived(made.name, made.rest)
                if blocks.needs_objects(analysis, made.rest, is_async=source.node.is_async)
                else frozenset[str]()
            )
            return (
                "step",
                (name,),
                tuple(sorted(objects)),
                tuple(blocks.doubts(analysis, driven.function, made, objects, is_async=source.node.is_async)),
            )
    return "the session is not assigned to a variable"


def _advances(call: tree.Expression, body: list[tree.Statement], driven: Driven) -> bool:
    """Whether a call advances a generator that is made in it, or by an assignment and used for nothing else."""
    match call:
        case tree.Call(function=tree.Name(id="next" | "anext"), arguments=[tree.Argument(value=generator), *_]):
            pass
        case tree.Call(function=tree.Attribute(value=generator, name="__next__" | "__anext__"), arguments=[]):
            pass
        case _:
            return False
    if not driven.bound or not isinstance(generator, tree.Name):
        return _is_plain_call(generator)
    uses = sum(isinstance(node, tree.Name) and node.id == generator.id for node in walk(body))
    made = [
        node
        for node in walk(body)
        if isinstance(node, tree.Assign)
        and any(isinstance(target, tree.Name) and target.id == generator.id for target in node.targets)
    ]
    return uses == 2 and len(made) == 1 and made[0].value is not None and _is_plain_call(made[0].value)


def _is_plain_call(node: tree.Expression) -> bool:
    return isinstance(node, tree.Call) and isinstance(node.function, tree.Name | tree.Attribute)


def _manager(analysis: Analysis, source: FunctionInfo) -> str:
    """What the provider's own file calls it as a context manager: `session = asynccontextmanager(get_db)`."""
    for name, bindings in analysis.project.scope(source.path).names.items():
        match bindings:
            case [
                tree.Assign(value=tree.Call(function=function, arguments=[tree.Argument(value=tree.Name(id=wrapped))]))
            ] if wrapped == source.name and name_of(function) in ("asynccontextmanager", "contextmanager"):
                return name
            case _:
                pass
    return ""


def exits(source: FunctionInfo, name: str, *, with_finally: bool = False) -> Iterator[str]:
    """A doubt when the provider does more behind its `yield` than to give the session back.

    What a `finally` does is done when the generator is destroyed, too; `with_finally` counts it all the same.
    """
    at = next(node.span for node in walk(source.node.body) if isinstance(node, tree.Yield))
    handlers = [node.body for node in walk(source.node.body) if isinstance(node, tree.Handler)]
    finals = [node.final for node in walk(source.node.body) if isinstance(node, tree.Try)]
    failing = {id(node) for node in walk([handlers, [] if with_finally else finals])}
    for node in walk(source.node.body):
        behind = isinstance(node, tree.Call) and node.span[:2] > at[:2] and id(node) not in failing
        begins = isinstance(node, tree.WithItem) and any(
            isinstance(one, tree.Call) and name_of(one.function) in ("begin", "begin_nested")
            for one in walk(node.value)
        )
        if begins or (behind and isinstance(node, tree.Call) and name_of(node.function) not in _GIVES_BACK):
            yield f"what `{name}` does behind its `yield` was skipped, and is done now"
            return
