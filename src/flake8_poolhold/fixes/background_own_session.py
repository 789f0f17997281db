"""`background-own-session`: a task loses its session parameter and opens a session in a block around what uses it.

Its callers no longer give it one, in all files at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.finding import Edit, Finding, Part
from flake8_poolhold.fixes import CannotFixError, Read, _arguments, _imports, _opening
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import below, newline, node_at, parsed
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines

_WRAPS = ("asynccontextmanager", "contextmanager")


class _File(NamedTuple):
    path: str
    text: str
    module: cst.Module
    found: Spans


def edits_across(finding: Finding, read: Read) -> tuple[Edit, ...]:
    """The edits of the fix, in the file of the task and those of its callers.

    Raises `CannotFixError` where a signature, a call or the body cannot be changed.
    """
    offer = finding.fix
    if offer is None:
        raise CannotFixError("no fix is offered")
    parts, names = offer.parts, {*offer.session, *offer.objects}
    made: list[Edit] = []
    for path in sorted({part.path for part in parts}):
        text = read(path)
        file = _File(path, text, *parsed(text))
        here = [part for part in parts if part.path == path]
        made += _of_file(file, here, names)
    return tuple(dict.fromkeys(made))


def _of_file(file: _File, parts: Sequence[Part], names: Collection[str]) -> Iterator[Edit]:
    gone: list[cst.CSTNode] = []
    alone = not any(part.role in ("swap", "id") for part in parts)
    for part in parts:
        if part.role == "id":
            yield from _id(file, part)
        elif part.role == "swap":
            name, new, kind, _ = part.text.split(":")
            content = f"{new}: {kind}" if kind else new
            yield _arguments.other_parameter(file.path, file.module, _function(file, part), name, content, file.found)
        elif part.role == "site":
            call = node_at(file.module, cst.Call, (part.line, part.column), file.found)
            if not isinstance(call, cst.Call):
                raise CannotFixError("the call was not found; the file may have changed")
            yield _arguments.without_argument(file.path, file.text, call, int(part.text), file.found, alone=alone)
            gone.append(call.args[int(part.text)])
        elif part.role in ("task", "unused"):
            function = _function(file, part)
            yield _arguments.without_parameter(
                file.path, file.text, file.module, function, part.text, file.found, alone=alone
            )
            gone += [
                one for one in below(function.params) if isinstance(one, cst.Param) and one.name.value == part.text
            ]
        elif part.role == "import":
            source, _, symbol = part.text.partition(":")
            yield from _imports.added(file.path, file.text, file.module, file.found, source, symbol, own=True)
    opening = next((part for part in parts if part.role in ("open", *_WRAPS)), None)
    task = next((part for part in parts if part.role == "task"), None)
    if opening is not None and task is not None:
        reads = [part.text.split(":") for part in parts if part.role == "swap"]
        yield from _body(file, opening, task.text, names, reads)
    used = {node.value for root in gone for node in below(root) if isinstance(node, cst.Name)}
    for name in sorted(used):
        yield from _imports.dropped(file.path, file.text, file.module, file.found, name, gone)


def _function(file: _File, part: Part) -> cst.FunctionDef:
    node = node_at(file.module, cst.FunctionDef, (part.line, part.column), file.found)
    if not isinstance(node, cst.FunctionDef):
        raise CannotFixError("the function was not found; the file may have changed")
    return node


def _body(
    file: _File, part: Part, session: str, names: Collection[str], reads: Sequence[Sequence[str]]
) -> Iterator[Edit]:
    """The edits that put what uses the session into a block."""
    function = _function(file, part)
    if not isinstance(function.body, cst.IndentedBlock):
        raise CannotFixError("the task stands on one line")
    using = [index for index, one in enumerate(function.body.body) if _opening.mentions(one, names)]
    if not using:
        raise CannotFixError("the task does not use the session")
    body = list(function.body.body[using[0] : using[-1] + 1])
    expression = part.text
    if part.role in _WRAPS:
        keyword, _, call = part.text.rpartition(" ")
        name = _imports.imported_as(file.module, "contextlib", part.role)
        if not name:
            yield from _imports.added(file.path, file.text, file.module, file.found, "contextlib", part.role)
        expression = f"{keyword} {name or part.role}({call.removesuffix('()')})()"
    source = lines(file.text)
    row = file.found[id(body[0])][0]
    outer = margin(source[row - 1])
    while source[row - 2].lstrip().startswith("#") and margin(source[row - 2]) == outer:
        row -= 1
    yield from _opening.indented_from(file.path, file.text, row, outer, body, file.found, ())
    # Of two insertions at one place, the later one comes to stand first.
    behind = newline(source[row - 1], file.module)
    inner = f"{outer}{_opening.step(body, outer, source, file.found)}"
    content = "".join(f"{inner}{name} = {read}{behind}" for name, _, _, read in reads)
    yield Edit(file.path, row, 1, row, 1, f"{outer}{expression} as {session}:{behind}{content}")


def _id(file: _File, part: Part) -> Iterator[Edit]:
    """The edits that give an object's id in its place."""
    index, _, new = part.text.partition(":")
    call = node_at(file.module, cst.Call, (part.line, part.column), file.found)
    argument = call.args[int(index)] if isinstance(call, cst.Call) else None
    if argument is None:
        raise CannotFixError("the call was not found; the file may have changed")
    row, column, last, end = file.found[id(argument)]
    yield Edit(file.path, last, end, last, end, ".id")
    if argument.keyword is not None:
        yield Edit(file.path, row, column, row, column + len(argument.keyword.value), new)
