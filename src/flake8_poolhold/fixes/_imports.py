"""Imports that a fix needs, or leaves without a use: written once, where they belong."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import libcst as cst
from libcst.helpers import get_full_name_for_node

from flake8_poolhold.finding import Edit
from flake8_poolhold.fixes import CannotFixError, _layout
from flake8_poolhold.fixes._code import margin
from flake8_poolhold.fixes._places import below, end_row, newline
from flake8_poolhold.fixes._positions import Spans
from flake8_poolhold.source.text import lines

_Import = cst.Import | cst.ImportFrom


def imported_as(module: cst.Module, source: str, symbol: str) -> str:
    """The name by which a file knows `symbol` of the module `source` at its top level; empty when it does not."""
    for _, node in _top_level(module):
        if isinstance(node, cst.ImportFrom) and _module(node) == source and not isinstance(node.names, cst.ImportStar):
            for alias in node.names:
                if alias.evaluated_name == symbol:
                    return alias.evaluated_alias or symbol
        elif isinstance(node, cst.Import):
            for alias in node.names:
                if alias.evaluated_name == source:
                    return f"{alias.evaluated_alias or source}.{symbol}"
    return ""


def source_of(module: cst.Module, name: str) -> str:
    """The module from which a file imports `name` at its top level, with the dots of a relative import; or empty."""
    for _, node in _top_level(module):
        if isinstance(node, cst.ImportFrom) and name in _names(node):
            return _module(node)
    return ""


def added(
    path: str, text: str, module: cst.Module, found: Spans, source: str, symbol: str, *, own: bool = False
) -> tuple[Edit, ...]:
    """The edits that import `symbol` from `source`, a module of the project itself if it is its `own`.

    It joins an import from the same module, else it gets a line of its own among those that it sorts with. Raises
    `CannotFixError` where the name is taken by something else.
    """
    if symbol in _bound(module):
        raise CannotFixError(f"`{symbol}` is the name of something else in {path}")
    for line, node in _top_level(module):
        if isinstance(node, cst.ImportFrom) and _module(node) == source and not isinstance(node.names, cst.ImportStar):
            return (_joined(path, text, module, found, line, node, symbol),)
    return (_line(path, text, module, found, source, symbol, source.partition(".")[0] if own else ""),)


def dropped(
    path: str, text: str, module: cst.Module, found: Spans, name: str, without: Sequence[cst.CSTNode]
) -> tuple[Edit, ...]:
    """The edits that take away the import of `name`, when nothing but the nodes `without` uses it."""
    gone = {id(node) for root in without for node in below(root)}
    imports = [(line, node) for line, node in _top_level(module) if name in _names(node)]
    if len(imports) != 1:
        return ()
    inside = {id(node) for node in below(imports[0][0])}
    for node in below(module):
        if isinstance(node, cst.Attribute):
            inside.add(id(node.attr))
        elif isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString):
            inside.add(id(node.value))  # a docstring; any other string may be an annotation, or in `__all__`
    for node in below(module):
        uses = (isinstance(node, cst.Name) and node.value == name) or (
            isinstance(node, cst.SimpleString) and name in node.value
        )
        if uses and id(node) not in gone and id(node) not in inside:
            return ()
    line, node = imports[0]
    source = lines(text)
    if len(line.body) > 1 or isinstance(node.names, cst.ImportStar):
        return ()
    first, last = found[id(line)][0], end_row(line, found, source)
    if len(node.names) == 1:
        is_section = first == 1 or not source[first - 2].strip()
        if is_section and last < len(source) and not source[last].strip():
            last += 1
        return (Edit(path, first, 1, last + 1, 1, ""),) if last < len(source) else ()
    kept = [alias for alias in node.names if (alias.evaluated_alias or alias.evaluated_name) != name]
    return _rewritten(path, source, first, last, name) if len(kept) == len(node.names) - 1 else ()


def _rewritten(path: str, source: Sequence[str], first: int, last: int, name: str) -> tuple[Edit, ...]:
    """The edit that takes one name out of an import of several."""
    own = [row for row in range(first, last + 1) if source[row - 1].strip().rstrip(",") == name]
    if len(own) == 1 and first < own[0] < last:
        return (Edit(path, own[0], 1, own[0] + 1, 1, ""),)
    row = source[first - 1]
    if first != last or name not in {word.strip(" ()\r\n") for word in row.partition("import ")[2].split(",")}:
        return ()
    start = _column(row, name)
    end = start + len(name)
    if row[end - 1 :].startswith(", "):
        end += 2
    elif row[: start - 1].endswith(", "):
        start -= 2
    return (Edit(path, first, start, first, end, ""),)


def _top_level(module: cst.Module) -> list[tuple[cst.SimpleStatementLine, _Import]]:
    return [
        (line, small)
        for line in module.body
        if isinstance(line, cst.SimpleStatementLine)
        for small in line.body
        if isinstance(small, cst.Import | cst.ImportFrom)
    ]


def _module(node: cst.ImportFrom) -> str:
    return "." * len(node.relative) + (get_full_name_for_node(node.module) or "" if node.module else "")


def _names(node: _Import) -> set[str]:
    if isinstance(node.names, cst.ImportStar):
        return set()
    return {(alias.evaluated_alias or alias.evaluated_name).partition(".")[0] for alias in node.names}


def _bound(module: cst.Module) -> set[str]:
    """The names that a file uses for anything but the modules from which it imports."""
    sources = [node.module for node in below(module) if isinstance(node, cst.ImportFrom) and node.module is not None]
    paths = {id(part) for source in sources for part in below(source)}
    return {node.value for node in below(module) if isinstance(node, cst.Name) and id(node) not in paths}


def _joined(
    path: str,
    text: str,
    module: cst.Module,
    found: Spans,
    line: cst.SimpleStatementLine,
    node: cst.ImportFrom,
    symbol: str,
) -> Edit:
    """The edit that puts a name into an import, before the first that sorts behind it."""
    source = lines(text)
    first, last = found[id(line)][0], end_row(line, found, source)
    names = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    words = [module.code_for_node(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for alias in names]
    before = next((index for index, word in enumerate(words) if _key(word) > _key(symbol)), len(words))
    behind = newline(source[first - 1], module)
    if first == last:
        row = source[first - 1]
        if before < len(words):
            column, content = _column(row, words[before]), f"{symbol}, "
        else:
            column, content = _column(row, words[-1]) + len(words[-1]), f", {symbol}"
        if _layout.fits(row, source) and not _layout.fits(f"{row.rstrip()}{content}", source) and "(" not in row:
            words.insert(before, symbol)
            items = "".join(f"    {word},{behind}" for word in words)
            start = _column(row, words[0] if before else words[1])
            end = start + len(row[start - 1 :].split("#")[0].rstrip())
            return Edit(path, first, start, first, end, f"({behind}{items})")
        return Edit(path, first, column, first, column, content)
    for at in range(first + 1, last + 1):
        code = source[at - 1].split("#")[0].strip()
        indent = margin(source[at - 1])
        if before < len(words) and code.rstrip(",") == words[before]:
            return Edit(path, at, 1, at, 1, f"{indent}{symbol},{behind}")
        if before == len(words) and code == f"{words[-1]},":
            return Edit(path, at + 1, 1, at + 1, 1, f"{indent}{symbol},{behind}")
    raise CannotFixError(f"the import of {symbol} cannot be joined to the one at line {first}")


def _column(row: str, word: str) -> int:
    start = row.index("import") + len("import")
    while True:
        start = row.index(word, start)
        around = row[start - 1], row[start + len(word) : start + len(word) + 1]
        if not any(one.isalnum() or one == "_" for one in around):
            return start + 1
        start += 1


def _key(word: str) -> tuple[int, str]:
    """The order of names in an import: constants, classes, the rest, as isort and ruff have it."""
    name = word.partition(" ")[0]
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()


def _line(path: str, text: str, module: cst.Module, found: Spans, source: str, symbol: str, own: str) -> Edit:
    """The edit that gives an import a line of its own: among those of its section, `from` imports behind the others."""
    rows = lines(text)
    content = f"from {source} import {symbol}"
    imports = [(line, node) for line, node in _top_level(module) if not _is_future(node)]
    if not imports:
        return _first_import(path, module, found, rows, content)
    kind = _section(source, own)
    same = [(line, node) for line, node in imports if _section(_name_of(node), own) == kind]
    groups = same or imports
    after: cst.SimpleStatementLine | None = None
    for line, node in groups:
        if isinstance(node, cst.Import) or _name_of(node).lower() < source.lower():
            after = line
    behind = newline(rows[found[id(groups[0][0])][0] - 1], module)
    if not same:
        later = [line for line, node in imports if _section(_name_of(node), own) > kind]
        if later:
            row = found[id(later[0])][0]
            return Edit(path, row, 1, row, 1, f"{content}{behind}{behind}")
        row = end_row(imports[-1][0], found, rows) + 1
        return Edit(path, row, 1, row, 1, f"{behind}{content}{behind}")
    if after is None:
        row = found[id(same[0][0])][0]
        return Edit(path, row, 1, row, 1, f"{content}{behind}")
    row = end_row(after, found, rows) + 1
    return Edit(path, row, 1, row, 1, f"{content}{behind}")


def _first_import(path: str, module: cst.Module, found: Spans, rows: Sequence[str], content: str) -> Edit:
    """The edit for a file without imports: behind its docstring and `__future__`."""
    behind = module.default_newline
    last = 0
    for line in module.body:
        if not isinstance(line, cst.SimpleStatementLine):
            break
        small = line.body[0]
        is_text = isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)
        if not is_text and not (isinstance(small, cst.ImportFrom) and _is_future(small)):
            break
        last = end_row(line, found, rows)
    if last:
        return Edit(path, last + 1, 1, last + 1, 1, f"{behind}{content}{behind}")
    row = found[id(module.body[0])][0] if module.body else 1
    return Edit(path, row, 1, row, 1, f"{content}{behind}{behind}")


def _is_future(node: _Import) -> bool:
    return isinstance(node, cst.ImportFrom) and _module(node) == "__future__"


def _name_of(node: _Import) -> str:
    return _module(node) if isinstance(node, cst.ImportFrom) else str(node.names[0].evaluated_name)


def _section(source: str, own: str) -> int:
    """The section of an import: standard library, others, those of the package `own`, relative ones."""
    if source.startswith("."):
        return 4
    root = source.partition(".")[0]
    return 3 if root == own else 1 if root in sys.stdlib_module_names else 2
