"""Reading attributes into variables before a connection is given back, and using the variables from then on."""

from __future__ import annotations

import ast

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError
from flake8_poolhold.fixes._code import Code, Position, below


def statements(finding: Finding) -> list[str]:
    """The assignments of the fix."""
    reads = finding.fix.reads if finding.fix is not None else ()
    return [f"{name} = {variable}.{attribute}" for variable, attribute, name in reads]


def replaced(finding: Finding, code: Code, root: ast.AST, start: Position) -> tuple[Edit, ...]:
    """The edits that put the variables in the place of the attributes, in `root` from `start` on."""
    reads = finding.fix.reads if finding.fix is not None else ()
    names = {(variable, attribute): name for variable, attribute, name in reads}
    edits = []
    for node in below(root) if names else ():
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = names.get((node.value.id, node.attr), "")
            line, column, last, end = code.span(node)
            if not name or (line, column) < start:
                continue
            if line != last or code.source[line - 1][column - 1 : end - 1] != f"{node.value.id}.{node.attr}":
                raise CannotFixError("an attribute to be read beforehand is written over several lines")
            edits.append(Edit(finding.path, line, column, line, end, name))
    return tuple(sorted(edits, key=lambda edit: (edit.line, edit.column), reverse=True))


def check(finding: Finding, root: ast.AST) -> None:
    """Raise `CannotFixError` where a function does with the session or its objects what the analysis does not look at.

    It asks whether the session has an object (`note in db`), or joins lists of objects (`new + old`).
    """
    session, objects = (finding.fix.session, finding.fix.objects) if finding.fix is not None else ((), ())
    for node in below(root):
        match node:
            case ast.Compare(ops=operators, comparators=compared):
                for operator, right in zip(operators, compared, strict=True):
                    if isinstance(operator, ast.In | ast.NotIn) and isinstance(right, ast.Name) and right.id in session:
                        raise CannotFixError("the function asks whether the session has an object")
            case ast.BinOp(left=left, right=right):
                if any(isinstance(side, ast.Name) and side.id in objects for side in (left, right)):
                    raise CannotFixError("the function computes with what the session has loaded")
            case _:
                pass
