"""Changing the arguments of one call: keywords come and go, options in an address or a dict get other names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst

from flake8_poolhold.finding import Edit, Finding, Part
from flake8_poolhold.fixes import CannotFixError, _arguments, _imports, _layout
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import newline, node_at, parsed
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


class _Call(NamedTuple):
    """The call that is changed, and the file around it."""

    path: str
    text: str
    module: cst.Module
    found: Spans
    node: cst.Call


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits that the parts of a fix stand for. Raises `CannotFixError` where the call is written in another way."""
    parts = finding.fix.parts if finding.fix is not None else ()
    if not parts:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    node = node_at(module, cst.Call, (parts[0].line, parts[0].column), found)
    if not isinstance(node, cst.Call):
        raise CannotFixError("the call was not found; the file may have changed")
    call = _Call(finding.path, text, module, found, node)
    return tuple(edit for part in parts[1:] for edit in _ROLES[part.role](call, part))


def _add(call: _Call, part: Part) -> Iterator[Edit]:
    """One more keyword argument, in the layout of the others."""
    yield _with(call, [call.found[id(one)] for one in call.node.args], part.text)


def _with(call: _Call, items: list[tuple[int, int, int, int]], content: str) -> Edit:
    """One more item before the closing bracket: on a line of its own if the last one has one."""
    path = call.path
    first_row, _, row, column = call.found[id(call.node)]
    if not items:
        return Edit(path, row, column - 1, row, column - 1, content)
    source = lines(call.text)
    if first_row == row and (broken := _broken(call, source, content)) is not None:
        return broken
    first, last, behind = items[-1][0], items[-1][2], items[-1][3]
    rest = source[last - 1][behind - 1 :].split("#")[0].strip()
    indent = margin(source[first - 1])
    if row > last and rest in ("", ",") and len(indent) + 1 == items[-1][1]:
        comma = "" if rest else ","
        if comma:
            raise CannotFixError("the last of several lines has no comma")
        at = last + 1
        return Edit(path, at, 1, at, 1, f"{indent}{content},{newline(source[last - 1], call.module)}")
    if first_row < last < row and all(one[0] == one[2] == last for one in items):
        texts = [source[last - 1][one[1] - 1 : one[3] - 1] for one in items]
        broken = _layout.spread(path, source, last, [*texts, content], newline(source[last - 1], call.module))
        if broken is not None:
            return broken
    return Edit(path, last, behind, last, behind, f", {content}")


def _broken(call: _Call, source: list[str], content: str) -> Edit | None:
    """A call that gets too long for its line is written over several, as formatters do; `None` when it is not."""
    row, _, _, end = call.found[id(call.node)]
    text = source[row - 1].rstrip("\r\n")
    code = text.split("  #")[0]
    longest = _layout.limit(source)
    if len(code) + len(content) + 2 <= longest or not set(code[end - 1 :]) <= {")", " ", ","}:
        return None
    behind = newline(source[row - 1], call.module)
    items = _layout.items_of(f"{code[: end - 2]}, {content}{code[end - 2 :]}")
    if len(items) > 1 and items[-1] and code == text:
        spread = _layout.spread(call.path, source, row, items, behind)
        if spread is not None:
            return spread
    outer = margin(text)
    inner = f"{outer}    "
    items = [
        call.module.code_for_node(one.with_changes(comma=cst.MaybeSentinel.DEFAULT)).rstrip() for one in call.node.args
    ]
    items.append(content)
    joined = f"{inner}{', '.join(items)}"
    if len(joined) > longest:
        joined = behind.join(f"{inner}{one}," for one in items)
    first = call.found[id(call.node.args[0])]
    return Edit(call.path, row, first[1], row, end - 1, f"{behind}{joined}{behind}{outer}")


def _drop(call: _Call, part: Part) -> Iterator[Edit]:
    """A keyword argument less, and its import, if nothing else uses it."""
    index = _index(call, part.text)
    yield _arguments.without_argument(call.path, call.text, call.node, index, call.found)
    value = call.node.args[index].value
    if isinstance(value, cst.Name):
        yield from _imports.dropped(call.path, call.text, call.module, call.found, value.value, [value])


def _index(call: _Call, keyword: str) -> int:
    for index, argument in enumerate(call.node.args):
        if argument.keyword is not None and argument.keyword.value == keyword:
            return index
    raise CannotFixError(f"`{keyword}` was not found in the call; the file may have changed")


def _callee(call: _Call, part: Part) -> Iterator[Edit]:
    """Another function is called, and imported."""
    source, _, symbol = part.text.partition(":")
    row, column = call.found[id(call.node)][:2]
    code = call.module.code_for_node(call.node.func)
    if "\n" in code or call.node.lpar:
        raise CannotFixError("the call is written over several lines")
    name = _imports.imported_as(call.module, source, symbol)
    if not name:
        yield from _imports.added(call.path, call.text, call.module, call.found, source, symbol)
    yield Edit(call.path, row, column, row, column + len(code), name or symbol)
    if isinstance(call.node.func, cst.Name):
        old = call.node.func
        yield from _imports.dropped(call.path, call.text, call.module, call.found, old.value, [old])


def _query(call: _Call, part: Part) -> Iterator[Edit]:
    """An option in the query of an address gets another name, or goes."""
    option, _, new = part.text.partition(":")
    row, _, last, _ = call.found[id(call.node)]
    found = []
    for line in range(row, last + 1):
        text = lines(call.text)[line - 1]
        pattern = rf"(?<=[?&]){option}(?==)" if new else rf"&{option}=[^&\"'{{}}]*|(?<=\?){option}=[^&\"'{{}}]*&?"
        found += [(line, match) for match in re.finditer(pattern, text)]
    if len(found) != 1:
        raise CannotFixError(f"`{option}` is not written once in the call")
    line, match = found[0]
    yield Edit(call.path, line, match.start() + 1, line, match.end() + 1, new)


def _entry(call: _Call, part: Part) -> Iterator[Edit]:
    """A key of `connect_args` gets another name, or goes with its value."""
    option, _, new = part.text.partition(":")
    table = _table(call)
    for element in table.elements:
        match element:
            case cst.DictElement(key=cst.SimpleString() as key) if key.evaluated_value == option:
                if not new:
                    raise CannotFixError(f"`{option}` stands in a dict")
                row, column, last, end = call.found[id(key)]
                yield Edit(call.path, row, column + len(key.prefix) + 1, last, end - 1, new)
                return
            case _:
                pass
    raise CannotFixError(f"`{option}` was not found in `connect_args`")


def _put(call: _Call, part: Part) -> Iterator[Edit]:
    """One more item in `connect_args`."""
    table = _table(call)
    if not table.elements:
        raise CannotFixError("`connect_args` is empty")
    argument = call.node.args[_index(call, "connect_args")]
    last_row, last_column = call.found[id(argument)][2:]
    source = lines(call.text)
    row = call.found[id(argument)][0]
    if row != last_row:
        indent = margin(source[last_row - 2])
        if not source[last_row - 2].split("#")[0].rstrip().endswith(","):
            raise CannotFixError("the last of several lines has no comma")
        behind = newline(source[last_row - 2], call.module)
        yield Edit(call.path, last_row, 1, last_row, 1, f"{indent}{part.text},{behind}")
        return
    at = last_column - 1
    yield Edit(call.path, row, at, row, at, f", {part.text}")


def _table(call: _Call) -> cst.Dict:
    value = call.node.args[_index(call, "connect_args")].value
    if not isinstance(value, cst.Dict):
        raise CannotFixError("`connect_args` is no literal dict")
    return value


_ROLES = {"add": _add, "drop": _drop, "callee": _callee, "query": _query, "entry": _entry, "put": _put}
