"""`drive-with-context-manager`: `async for db in get_db()` and `db = await anext(get_db())` become `async with`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.finding import Edit, Finding, FixOffer
from flake8_poolhold.fixes import CannotFixError, _imports, _opening, with_block
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import below, end_row, function_around, node_at, parsed
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines

_STEPS = ("next", "anext")


class _File(NamedTuple):
    """The file that is changed: its path, text and tree, and where the nodes are."""

    path: str
    text: str
    module: cst.Module
    found: Spans


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the provider cannot be entered in its place."""
    offer = finding.fix
    part = offer.parts[0] if offer is not None and offer.parts else None
    if offer is None or part is None:
        raise CannotFixError("no fix is offered")
    file = _File(finding.path, text, *parsed(text))
    if part.role == "loop":
        return _loop(file, (part.line, part.column), part.text)
    return _step(file, offer, (part.line, part.column), part.text)


def _loop(file: _File, at: tuple[int, int], known: str) -> tuple[Edit, ...]:
    node = node_at(file.module, cst.For, at, file.found)
    if not isinstance(node, cst.For) or not isinstance(node.iter, cst.Call) or node.iter.lpar:
        raise CannotFixError("the loop is not written as others are")
    if not isinstance(node.body, cst.IndentedBlock):
        raise CannotFixError("the loop stands on one line")
    manager, imports = _manager(file, node.iter, known, is_async=node.asynchronous is not None)
    keyword = "async with" if node.asynchronous is not None else "with"
    target = file.module.code_for_node(node.target)
    row, column = file.found[id(node)][:2]
    last, end = file.found[id(node.iter)][2:]
    made = [Edit(file.path, row, column, last, end, f"{keyword} {manager} as {target}")]
    for line, alone in _leaving(node.body):
        made.append(_without(file, line, alone=alone))
    return (*made, *imports)


def _leaving(suite: cst.BaseSuite) -> Iterator[tuple[cst.SimpleStatementLine, bool]]:
    """The lines with nothing but a `break` or `continue` at the end of a block, and whether they are all there is.

    Raises `CannotFixError` where such a statement shares its line.
    """
    last = suite.body[-1] if suite.body else None
    match last:
        case cst.SimpleStatementLine(body=[cst.Break() | cst.Continue()]):
            yield last, len(suite.body) == 1
        case cst.SimpleStatementLine(body=[*_, cst.Break() | cst.Continue()]) | cst.Break() | cst.Continue():
            raise CannotFixError("the `break` shares its line")
        case cst.If():
            yield from _leaving(last.body)
            if isinstance(last.orelse, cst.If):
                yield from _leaving(cst.IndentedBlock([last.orelse]))
            elif last.orelse is not None:
                yield from _leaving(last.orelse.body)
        case cst.Try(orelse=None, finalbody=None):
            yield from _leaving(last.body)
            for handler in last.handlers:
                yield from _leaving(handler.body)
        case cst.With():
            yield from _leaving(last.body)
        case _:
            return


def _without(file: _File, line: cst.SimpleStatementLine, *, alone: bool) -> Edit:
    """The edit that takes a `break` away, or puts `pass` in its place."""
    small = line.body[0]
    source = lines(file.text)
    row = file.found[id(line)][0]
    column = len(margin(source[row - 1])) + 1
    word = "break" if isinstance(small, cst.Break) else "continue"
    if alone:
        return Edit(file.path, row, column, row, column + len(word), "pass")
    first = row
    while not source[first - 2].strip():
        first -= 1
    return (
        Edit(file.path, first, 1, row + 1, 1, "")
        if row < len(source)
        else _opening.deleted(file.path, file.text, first, row)
    )


def _step(file: _File, offer: FixOffer, at: tuple[int, int], known: str) -> tuple[Edit, ...]:
    opening = _opening.opened(file.module, at, file.found)
    function = function_around(file.module, at, file.found)
    value = opening.assign.value
    is_async = isinstance(value, cst.Await)
    step = value.expression if isinstance(value, cst.Await) else value
    if not isinstance(step, cst.Call) or step.lpar:
        raise CannotFixError("the generator is not advanced as others are")
    generator = _generator(step)
    made: list[Edit] = []
    if isinstance(generator, cst.Name):
        line, generator = _made(function, generator.value)
        first = file.found[id(line)][0]
        made.append(Edit(file.path, first, 1, end_row(line, file.found, lines(file.text)) + 1, 1, ""))
    if not isinstance(generator, cst.Call):
        raise CannotFixError("the generator is not made by a call")
    manager, imports = _manager(file, generator, known, is_async=is_async)
    words = ("async with" if is_async else "with", manager, offer.session[0])
    inside = _opening.covered(opening, function, {*offer.session, *offer.objects}, offer.session)
    made += _opening.header(file.path, file.module, opening, file.found, words)
    made += with_block.body(file.path, file.text, opening, inside, file.found, set())
    return (*made, *imports)


def _generator(step: cst.Call) -> cst.BaseExpression:
    match step:
        case cst.Call(func=cst.Name(value=name), args=[first, *_]) if name in _STEPS:
            return first.value
        case cst.Call(func=cst.Attribute(value=generator, attr=cst.Name(value="__next__" | "__anext__"))):
            return generator
        case _:
            raise CannotFixError("the generator is not advanced as others are")


def _made(function: cst.CSTNode, name: str) -> tuple[cst.SimpleStatementLine, cst.BaseExpression]:
    """The line that makes the generator, and the call in it."""
    for node in below(function):
        match node:
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=target))], value=value)]
            ) if target == name:
                return node, value
            case _:
                pass
    raise CannotFixError("the generator is not made on a line of its own")


def _manager(file: _File, call: cst.Call, known: str, *, is_async: bool) -> tuple[str, Sequence[Edit]]:
    """How the provider is spelled as a context manager, and the imports that this takes."""
    code = file.module.code_for_node(call)
    provider = file.module.code_for_node(call.func)
    rest = code[len(provider) :]
    if known and isinstance(call.func, cst.Name) and (found := _beside(file, call.func.value, known)) is not None:
        return f"{known}{rest}", found
    symbol = "asynccontextmanager" if is_async else "contextmanager"
    name = _imports.imported_as(file.module, "contextlib", symbol)
    if name:
        return f"{name}({provider}){rest}", ()
    added = _imports.added(file.path, file.text, file.module, file.found, "contextlib", symbol)
    return f"{symbol}({provider}){rest}", added


def _beside(file: _File, provider: str, known: str) -> Sequence[Edit] | None:
    """The import of the project's own context manager from where the provider comes from; `None` when there is none."""
    names = {node.name.value for node in file.module.body if isinstance(node, cst.FunctionDef)}
    if provider in names:
        return ()
    source = _imports.source_of(file.module, provider)
    if not source:
        return None
    if _imports.imported_as(file.module, source, known) == known:
        return ()
    return _imports.added(file.path, file.text, file.module, file.found, source, known)
