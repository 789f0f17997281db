"""Taking one argument out of a call, or one parameter out of a function, with its comma."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from flake8_poolhold.facts.tree import Span
from flake8_poolhold.finding import Edit
from flake8_poolhold.fixes import CannotFixError, _layout
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


def without_argument(path: str, text: str, call: cst.Call, index: int, found: Spans, *, alone: bool = True) -> Edit:
    """The edit that takes the argument at `index` out of a call, if `alone` with a change of its layout."""
    if index >= len(call.args):
        raise CannotFixError("the argument was not found; the file may have changed")
    spans = [found[id(one)] for one in call.args]
    return _without(path, text, spans, index) if alone else _plainly_without(path, text, spans, index)


def without_parameter(
    path: str, text: str, module: cst.Module, function: cst.FunctionDef, name: str, found: Spans, *, alone: bool = True
) -> Edit:
    """The edit that takes the parameter `name` out of a function."""
    spans, index = _parameters(module, function, name, found)
    only = function.params.kwonly_params
    if len(only) == 1 and only[0].name.value == name:
        raise CannotFixError("the session is the only parameter behind the `*`")
    return _without(path, text, spans, index) if alone else _plainly_without(path, text, spans, index)


def other_parameter(
    path: str, module: cst.Module, function: cst.FunctionDef, name: str, content: str, found: Spans
) -> Edit:
    """The edit that puts another parameter in the place of `name`."""
    spans, index = _parameters(module, function, name, found)
    return Edit(path, *spans[index], content)


def _parameters(module: cst.Module, function: cst.FunctionDef, name: str, found: Spans) -> tuple[list[Span], int]:
    """Where the parameters of a function stand, and which one of them has this name."""
    groups = (function.params.posonly_params, function.params.params, function.params.kwonly_params)
    parameters = [one for group in groups for one in group]
    index = next((index for index, one in enumerate(parameters) if one.name.value == name), None)
    if index is None:
        raise CannotFixError("the parameter was not found; the file may have changed")
    return [_whole(module, one, found) for one in parameters], index


def _whole(module: cst.Module, parameter: cst.Param, found: Spans) -> Span:
    """Where a parameter stands, with its annotation and default: its own span is only its name."""
    code = module.code_for_node(
        parameter.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_param=cst.SimpleWhitespace(""))
    )
    row, column = found[id(parameter)][:2]
    rows = code.replace("\r\n", "\n").split("\n")
    return row, column, row + len(rows) - 1, len(rows[-1]) + (column if len(rows) == 1 else 1)


def _without(path: str, text: str, spans: Sequence[Span], index: int) -> Edit:
    edit = _plainly_without(path, text, spans, index)
    source = lines(text)
    row = spans[index][0]
    if edit.line == edit.end_line == row and all(one[0] == one[2] == row for one in spans):
        line = source[row - 1].rstrip("\r\n")
        closed = _layout.closed_up(path, source, row, line[: edit.column - 1] + line[edit.end_column - 1 :])
        return closed or edit
    if len(spans) == 1 and edit.end_line == row + 1:
        return _layout.closed_up(path, source, row, "") or edit
    return edit


def _plainly_without(path: str, text: str, spans: Sequence[Span], index: int) -> Edit:
    row, column, last, end = spans[index]
    source = lines(text)
    behind = source[last - 1][end - 1 :].split("#")[0].strip()
    if not source[row - 1][: column - 1].strip() and behind in ("", ","):
        if index + 1 < len(spans) or behind == ",":
            return Edit(path, row, 1, last + 1, 1, "")
        raise CannotFixError("the last of several lines has no comma")
    if index + 1 < len(spans):
        return Edit(path, row, column, *spans[index + 1][:2], "")
    if index:
        return Edit(path, *spans[index - 1][2:], last, end, "")
    return Edit(path, row, column, last, end + (1 if behind.startswith(",") else 0), "")
