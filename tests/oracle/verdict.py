"""Compares what a fixture's marks say with what its run showed, in both directions."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from oracle.clients import KIND

if TYPE_CHECKING:
    from oracle.frames import Frame
    from oracle.runner import Run

# Codes that explain a wait with a connection out. Those of MEASURED are proved by such a wait and by nothing else.
HOLD_CODES = frozenset({"PHL101", "PHL103", "PHL104", "PHL105", "PHL106", "PHL107"})
MEASURED = frozenset({"PHL101", "PHL103", "PHL104", "PHL106"})
OPEN_CODES = frozenset({"PHL102"})

Marks = dict[tuple[str, int], set[str]]
_MARK = re.compile(r"#\s*error:\s*(PHL\d{3}(?:\s*,\s*PHL\d{3})*)")


def expected_marks(path: Path) -> Marks:
    """The codes marked with `# error: PHLnnn` comments: by file (relative to the fixture's folder) and line."""
    marks: Marks = {}
    root, files = (path, sorted(path.rglob("*.py"))) if path.is_dir() else (path.parent, [path])
    for file in files:
        with tokenize.open(file) as source:
            for token in tokenize.generate_tokens(source.readline):
                found = _MARK.match(token.string) if token.type == tokenize.COMMENT else None
                if found:
                    key = (file.relative_to(root).as_posix(), token.start[0])
                    marks.setdefault(key, set()).update(re.findall(r"PHL\d{3}", found[1]))
    return marks


def judge(run: Run, marks: Marks) -> list[str]:
    """The disagreements between a run and the marks, one sentence each, without repetitions. Empty: they agree."""
    disagreements: dict[str, None] = {}
    proved: set[tuple[str, int, str]] = set()
    for wait in run.waits:
        measured = []
        if wait.checkouts:
            since = "; ".join(_place(frames) for frames in wait.checkouts)
            measured.append((HOLD_CODES, f"with a connection out (since {since})", "PHL101"))
        if run.recorder.fresh_then_used(wait) and wait.kind != KIND:
            measured.append((OPEN_CODES, "in a session that is open, never used before and used later", "PHL102"))
        for codes, how, code in measured:
            hits = {(frame.file, frame.line, code) for frame in wait.frames for code in _marked(marks, frame) & codes}
            if wait.kind == KIND and code == "PHL101":
                hits |= {place for frame in wait.frames for place in _in_function(run.root, marks, frame)}
            proved |= hits
            if not hits:
                stack = " < ".join(f"{frame.file}:{frame.line}" for frame in wait.frames)
                disagreements[f"{wait.kind} wait {how}, none of its lines is marked {code}: {stack}"] = None
    for nested in run.recorder.nested:
        hits = {(frame.file, frame.line, "PHL106") for frame in nested.frames if "PHL106" in _marked(marks, frame)}
        proved |= hits
        if nested.own and not hits:
            stack = " < ".join(f"{frame.file}:{frame.line}" for frame in nested.frames)
            disagreements[f"second checkout of one task, none of its lines is marked PHL106: {stack}"] = None
    for (file, line), codes in sorted(marks.items()):
        for code in sorted(codes & (MEASURED | OPEN_CODES)):
            if (file, line, code) not in proved:
                disagreements[f"{file}:{line} is marked {code}, no run showed it"] = None
    return list(disagreements)


def _in_function(root: Path, marks: Marks, frame: Frame) -> set[tuple[str, int, str]]:
    """The streams marked in the function of a frame: a response is marked where it is returned."""
    around = [
        node
        for node in ast.walk(ast.parse((root / frame.file).read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and frame.line in _lines(node)
    ]
    lines = _lines(max(around, key=lambda node: node.lineno)) if around else range(0)
    return {
        (file, line, "PHL103")
        for (file, line), codes in marks.items()
        if file == frame.file and line in lines and "PHL103" in codes
    }


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _marked(marks: Marks, frame: Frame) -> set[str]:
    return marks.get((frame.file, frame.line), set())


def _place(frames: Iterable[Frame]) -> str:
    innermost = next(iter(frames), None)
    return "outside of the fixture" if innermost is None else f"{innermost.file}:{innermost.line}"
