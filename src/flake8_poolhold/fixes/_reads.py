"""Reading attributes into variables before a connection is given back, and using the variables from then on."""

from __future__ import annotations

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._places import Position, below, contains
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines


def statements(finding: Finding) -> list[str]:
    """The assignments of the fix."""
    reads = finding.fix.reads if finding.fix is not None else ()
    return [f"{name} = {variable}.{attribute}" for variable, attribute, name in reads]


def replaced(finding: Finding, text: str, root: cst.CSTNode, found: Spans, start: Position) -> tuple[Edit, ...]:
    """The edits that put the variables in the place of the attributes, in `root` from `start` on."""
    reads = finding.fix.reads if finding.fix is not None else ()
    names = {(variable, attribute): name for variable, attribute, name in reads}
    source = lines(text)
    edits = []
    for node in below(root) if names else ():
        if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name):
            name = names.get((node.value.value, node.attr.value), "")
            line, column, last, end = found[id(node)]
            if not name or (line, column) < start:
                continue
            if line != last or source[line - 1][column - 1 : end - 1] != f"{node.value.value}.{node.attr.value}":
                raise CannotFixError("an attribute to be read beforehand is written over several lines")
            edits.append(Edit(finding.path, line, column, line, end, name))
    return tuple(edits)


def check(finding: Finding, root: cst.CSTNode) -> None:
    """Raise `CannotFixError` where a function does with the session or its objects what the analysis does not look at.

    It asks whether the session has an object (`note in db`), or joins lists of objects (`new + old`).
    """
    session, objects = (finding.fix.session, finding.fix.objects) if finding.fix is not None else ((), ())
    for node in below(root):
        match node:
            case cst.ComparisonTarget(operator=cst.In() | cst.NotIn(), comparator=cst.Name(value=name)):
                if name in session:
                    raise CannotFixError("the function asks whether the session has an object")
            case cst.BinaryOperation(left=left, right=right):
                if any(isinstance(side, cst.Name) and side.value in objects for side in (left, right)):
                    raise CannotFixError("the function computes with what the session has loaded")
            case _:
                pass


def function_around(root: cst.CSTNode, at: Position, found: Spans) -> cst.CSTNode:
    """The innermost function around a position."""
    around = [node for node in below(root) if isinstance(node, cst.FunctionDef) and contains(found[id(node)], at)]
    return max(around, key=lambda node: found[id(node)][:2], default=root)
