"""`sequential-await`: the branches of a `gather` become statements, or items of a list, that are awaited in order."""

from __future__ import annotations

import libcst as cst

from flake8_poolhold.finding import Edit, Finding
from flake8_poolhold.fixes import CannotFixError, _imports, _layout
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import below, contains, function_around, newline, node_at, parsed
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines

_ITEMS = ("one", "each", "branch", "coroutine")
_Small = cst.Assign | cst.Expr | cst.Return


def edits(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits of the fix. Raises `CannotFixError` where the branches cannot be told apart."""
    part = finding.fix.parts[0] if finding.fix is not None and finding.fix.parts else None
    if part is None:
        raise CannotFixError("no fix is offered")
    module, found = parsed(text)
    waiting = node_at(module, cst.Await, (part.line, part.column), found)
    call = waiting.expression if isinstance(waiting, cst.Await) else None
    if not isinstance(waiting, cst.Await) or not isinstance(call, cst.Call) or waiting.lpar:
        raise CannotFixError("the `gather` is not awaited where it is called")
    branches = [argument for argument in call.args if argument.keyword is None]
    keywords = [argument for argument in call.args if argument.keyword is not None]
    function = function_around(module, (part.line, part.column), found)
    small = _small(function, (part.line, part.column), found)
    made: tuple[Edit, ...] = ()
    if branches and branches[0].star:
        made = _of_series(finding.path, text, module, found, waiting, branches[0], function)
    else:
        if small is not None and not keywords:
            made = _as_statements(finding.path, text, module, found, waiting, small, branches)
        made = made or _as_list(finding.path, text, module, found, waiting, call, function)
    name = call.func
    while isinstance(name, cst.Attribute):
        name = name.value
    if isinstance(name, cst.Name):
        made += _imports.dropped(finding.path, text, module, found, name.value, [call.func])
    return made


def _small(function: cst.CSTNode, at: tuple[int, int], found: Spans) -> tuple[cst.SimpleStatementLine, _Small] | None:
    """The statement around, if it has a line to itself."""
    for node in below(function):
        if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
            small = node.body[0]
            if isinstance(small, cst.Assign | cst.Expr | cst.Return) and contains(found[id(small)], at):
                return node, small
    return None


def _as_statements(
    path: str,
    text: str,
    module: cst.Module,
    found: Spans,
    waiting: cst.Await,
    small: tuple[cst.SimpleStatementLine, _Small],
    branches: list[cst.Arg],
) -> tuple[Edit, ...]:
    """A statement for each branch, where the results are dropped or unpacked into as many variables."""
    line, statement = small
    targets = _targets(statement, waiting, branches)
    if targets is None:
        return ()
    source = lines(text)
    row, column, last, end = found[id(line.body[0])]
    if any("#" in source[one - 1] for one in range(row, last)):
        return ()
    indent = margin(source[row - 1])
    behind = f"{newline(source[row - 1], module)}{indent}"
    calls = [_shifted(source, found, branch, indent) for branch in branches]
    content = behind.join(f"{target}await {call}" for target, call in zip(targets, calls, strict=True))
    return (Edit(path, row, column, last, end, content),)


def _targets(statement: _Small, waiting: cst.Await, branches: list[cst.Arg]) -> list[str] | None:
    """What stands before each `await`: nothing, or `name = `; `None` where the results stay together."""
    if isinstance(statement, cst.Expr) and statement.value is waiting:
        return [""] * len(branches)
    if not isinstance(statement, cst.Assign) or statement.value is not waiting or len(statement.targets) != 1:
        return None
    target = statement.targets[0].target
    if not isinstance(target, cst.Tuple | cst.List) or len(target.elements) != len(branches):
        return None
    names = [one.value.value for one in target.elements if isinstance(one.value, cst.Name)]
    if len(names) != len(branches) or any(isinstance(one, cst.StarredElement) for one in target.elements):
        return None
    for index, name in enumerate(names):
        later = [node for branch in branches[index + 1 :] for node in below(branch)]
        if name != "_" and any(isinstance(node, cst.Name) and node.value == name for node in later):
            return None
    return ["" if name == "_" else f"{name} = " for name in names]


def _shifted(source: list[str], found: Spans, branch: cst.Arg, indent: str) -> str:
    """The text of a branch; its further lines lose as much of their margin as its first."""
    row, column, last, end = found[id(branch.value)] if id(branch.value) in found else found[id(branch)]
    rows = source[row - 1 : last]
    rows[-1] = rows[-1][: end - 1]
    rows[0] = rows[0][column - 1 :]
    old = margin(source[row - 1])
    if len(old) + 1 == column and old.startswith(indent):
        rows[1:] = [indent + one[len(old) :] if one.startswith(old) else one for one in rows[1:]]
        rows = _layout.closed_up_all(rows, source)
    return "".join(rows)


def _as_list(
    path: str, text: str, module: cst.Module, found: Spans, waiting: cst.Await, call: cst.Call, function: cst.CSTNode
) -> tuple[Edit, ...]:
    """The call becomes a list of awaited calls, or a tuple where the function says that it returns one."""
    if any(argument.keyword is not None for argument in call.args):
        raise CannotFixError("the `gather` has keyword arguments")
    source = lines(text)
    row, column, last, end = found[id(waiting)]
    opening = len(module.code_for_node(call.func)) + len("await ") + 1
    head = source[row - 1][column - 1 : column - 1 + opening]
    if not head.endswith("(") or source[last - 1][end - 2] != ")":
        raise CannotFixError("the `gather` is not written as others are")
    open_, close = "[", "]"
    if _returned(function, waiting) and _is_tuple(module, function):
        open_, close = ("", "") if row == last and len(call.args) > 1 else ("(", ")")
    made = [Edit(path, row, column, row, column + opening, open_), Edit(path, last, end - 1, last, end, close)]
    for argument in call.args:
        line, at = found[id(argument.value)][:2] if id(argument.value) in found else found[id(argument)][:2]
        made.append(Edit(path, line, at, line, at, "await "))
    return tuple(made)


def _returned(function: cst.CSTNode, waiting: cst.Await) -> bool:
    return any(isinstance(node, cst.Return) and node.value is waiting for node in below(function))


def _is_tuple(module: cst.Module, function: cst.CSTNode) -> bool:
    returns = function.returns if isinstance(function, cst.FunctionDef) else None
    code = module.code_for_node(returns.annotation) if returns is not None else ""
    return code.strip("\"'").removeprefix("typing.").lower().startswith("tuple[")


def _of_series(
    path: str,
    text: str,
    module: cst.Module,
    found: Spans,
    waiting: cst.Await,
    branch: cst.Arg,
    function: cst.CSTNode,
) -> tuple[Edit, ...]:
    """`gather(*[f(x) for x in xs])` becomes `[await f(x) for x in xs]`."""
    row, column, last, end = found[id(waiting)]
    source = lines(text)
    value = branch.value
    if isinstance(value, cst.Name):
        taken = {node.value for node in below(function) if isinstance(node, cst.Name)}
        item = next((name for name in _ITEMS if name not in taken), "")
        if not item:
            raise CannotFixError("there is no name left for the branches")
        return (Edit(path, row, column, last, end, f"[await {item} for {item} in {value.value}]"),)
    if not isinstance(value, cst.ListComp | cst.GeneratorExp) or not isinstance(value.elt, cst.Call):
        raise CannotFixError("the branches come from a list that is made elsewhere")
    if value.lpar and isinstance(value, cst.ListComp):
        raise CannotFixError("the `gather` is not written as others are")
    start = found[id(value.elt)]
    clause = module.code_for_node(value.for_in)
    inner = value.with_changes(lpar=[], rpar=[]) if isinstance(value, cst.GeneratorExp) else value
    whole = module.code_for_node(inner)
    bare = whole[1:-1] if isinstance(value, cst.ListComp) else whole
    if row == last and clause:
        return (Edit(path, row, column, last, end, f"[await {bare.strip()}]"),)
    return _over_lines(path, source, (row, column, last, end), start, clause)


def _over_lines(
    path: str, source: list[str], around: tuple[int, int, int, int], element: tuple[int, int, int, int], clause: str
) -> tuple[Edit, ...]:
    """The same where it is written over several lines: the element and its clause keep theirs."""
    row, column, last, end = around
    line, at = element[:2]
    rows = source[line - 1 : last]
    rest = "".join(rows)[at - 1 :]
    stop = rest.rindex(clause.strip().splitlines()[-1]) + len(clause.strip().splitlines()[-1])
    body = rest[:stop]
    if line == row:
        raise CannotFixError("the branches cannot be told apart")
    newline_ = "\r\n" if source[row - 1].endswith("\r\n") else "\n"
    outer, inner = margin(source[row - 1]), margin(source[line - 1])
    step = f"{outer}    " if inner.startswith(outer) else inner
    before, behind = source[row - 1][: column - 1], source[last - 1][end - 1 :]
    if newline_ not in body and _layout.fits(f"{before}[await {body}]{behind}", source):
        return (Edit(path, row, column, last, end, f"[await {body}]"),)
    moved = body.replace(f"{newline_}{inner}", f"{newline_}{step}")
    content = f"[{newline_}{step}await {moved}{newline_}{outer}]"
    return (Edit(path, row, column, last, end, content),)
