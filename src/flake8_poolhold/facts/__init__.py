"""One libcst tree becomes the facts of one module: a lean event tree, without libcst, serialisable."""

from __future__ import annotations

import functools
from hashlib import blake2b
from importlib import resources

import msgspec

from flake8_poolhold.facts.tree import Module, Statement


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


def dump(module: Module) -> bytes:
    """The facts as bytes; `path` is not among them, so that equal files share them."""
    return _ENCODER.encode(module.body)


def load(path: str, data: bytes) -> Module | None:
    """The facts that `dump` wrote, for the file at `path`; `None` when the bytes are damaged."""
    try:
        return Module(path, _decoder().decode(data))
    except (msgspec.DecodeError, RecursionError):
        return None


@functools.cache
def version() -> str:
    """Changes whenever the code that makes facts changes, so that old facts are not taken for new ones."""
    digest = blake2b(digest_size=16)
    for file in sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


_ENCODER = msgspec.msgpack.Encoder()


@functools.cache
def _decoder() -> msgspec.msgpack.Decoder[list[Statement]]:
    return msgspec.msgpack.Decoder(list[Statement])
