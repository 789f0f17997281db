"""One libcst tree becomes the facts of one module: a lean event tree, without libcst, serialisable."""

from __future__ import annotations

from flake8_poolhold.facts.tree import Module


class FactsError(Exception):
    """The text is not Python that libcst reads. `line` is 1-based, 0 where none is known."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def extract(path: str, text: str) -> Module:
    """Return the facts of the module with this source text.

    Raises `FactsError` on a syntax error. Deep nesting needs a deep stack: see `flake8_poolhold.deep`.
    """
    import libcst as cst

    from flake8_poolhold.facts.positions import spans
    from flake8_poolhold.facts.statements import lower_module

    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise FactsError(error.raw_line, f"syntax error: {error.message.splitlines()[0]}") from error
    return Module(path, lower_module(module, spans(module)))
