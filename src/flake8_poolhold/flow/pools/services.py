"""What kind of service a project is: whether it waits for models, whether it runs in serverless functions."""

from __future__ import annotations

import re

from flake8_poolhold.facts import tree
from flake8_poolhold.flow.interpreting import expressions
from flake8_poolhold.flow.model.frames import Analysis
from flake8_poolhold.flow.model.states import State
from flake8_poolhold.flow.model.values import Library
from flake8_poolhold.flow.naming import names
from flake8_poolhold.source.paths import is_test

_ADAPTERS = {
    "mangum.Mangum": "Mangum",
    "apig_wsgi.make_lambda_handler": "apig-wsgi",
    "awsgi.response": "awsgi",
    "serverless_wsgi.handle_request": "serverless-wsgi",
    "azure.functions.AsgiFunctionApp": "Azure Functions",
    "azure.functions.AsgiMiddleware": "Azure Functions",
}
"""What puts a web application into a serverless function, and its name for people."""

_WORDS = sorted({adapter.rpartition(".")[2] for adapter in _ADAPTERS})


def model_library(analysis: Analysis) -> str:
    """A library of language models that the project imports outside of its tests; empty if it imports none."""
    roots = sorted(root for root in analysis.project.knowledge.roots_of("llm") if "*" not in root)
    spelled = b"|".join(
        rb"(?:from|import)\s+%b\b" % root.replace(".", r"\.").encode()
        if "." not in root
        else rb"(?:from|import)\s+%b\b|from\s+%b\s+import\s[^\n]*\b%b\b"
        % (root.replace(".", r"\.").encode(), *(part.encode() for part in root.rsplit(".", 1)))
        for root in roots
    )
    imports = re.compile(rb"(?m)^[ \t]*(?:%b)" % spelled)
    for path in sorted(analysis.project.all_files()):
        if path.endswith(".py") and not is_test(path):
            match = imports.search(analysis.project.bytes_of(path))
            if match is not None:
                text = match[0].decode(errors="replace")
                named = [root for root in roots if root.rsplit(".", 1)[-1] in re.findall(r"\w+", text)]
                return max(named, key=len, default=text.split()[-1])
    return ""


def serverless_modules(analysis: Analysis) -> dict[str, tuple[str, tree.Span, str]]:
    """By module that a serverless function imports: the file, place and name of the adapter that leads to it."""
    found: dict[str, tuple[str, tree.Span, str]] = {}
    for path in sorted({path for word in _WORDS for path in analysis.project.naming(word)}):
        place = _adapter(analysis, path) if path.endswith(".py") and not is_test(path) else None
        if place is None:
            continue
        waiting = [path]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = (path, *place)
                waiting += [target for target in analysis.reach.imports(one) if target is not None]
    return found


def _adapter(analysis: Analysis, path: str) -> tuple[tree.Span, str] | None:
    module = analysis.project.module(path)
    if module is None:
        return None
    frame = names.module_frame(analysis, path)
    calls = analysis.project.index(path).calls
    for word in _WORDS:
        for _, call in calls.get(word, ()):
            callee = expressions.evaluate(frame, State(), call.function)
            if isinstance(callee, Library) and callee.path in _ADAPTERS:
                return call.span, _ADAPTERS[callee.path]
    return None
