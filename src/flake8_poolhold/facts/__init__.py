"""The interpreter's syntax tree becomes the facts of one module: a lean event tree, serialisable."""

from __future__ import annotations

import ast
import functools
import sys
import warnings
from hashlib import blake2b
from importlib import resources

import msgspec

from flake8_poolhold.facts.tree import Module, Statement


class FactsError(Exception):
    """The text is not Python that the running interpreter reads. `line` is 1-based, 0 where none is known."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def extract(path: str, text: str) -> Module:
    """Return the facts of the module with this source text, which has no byte order mark.

    Raises `FactsError` on a syntax error, and `RecursionError` or `MemoryError` on what nests too deep. Deep nesting
    needs a deep stack: see `flake8_poolhold.source.deep`.
    """
    from flake8_poolhold.facts.statements import lower_module

    with warnings.catch_warnings(action="ignore"):  # of invalid escapes and the like
        return Module(path, lower_module(_parsed(text), text))


def syntax(text: str) -> ast.Module:
    """The interpreter's tree of a text; of newer syntax, one of what stands in the same places. Raises as `extract`."""
    with warnings.catch_warnings(action="ignore"):
        return _parsed(text)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        newer = _newer(text)
        if newer is not None:
            return newer
        raise FactsError(error.lineno or 0, f"syntax error: {error.msg} ({_READER})") from error
    except ValueError as error:  # characters that no source may have
        raise FactsError(0, f"syntax error: {error}") from error


def _newer(text: str) -> ast.Module | None:
    """The tree of a text in newer syntax than the interpreter's; `None` for what is no Python at all."""
    from flake8_poolhold.facts.newer import older

    readable = older(text)
    try:
        return ast.parse(readable) if readable is not None else None
    except (SyntaxError, ValueError):
        return None


_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_READER = f"read as Python {_VERSION}; run poolhold with the Python that the code is written for"


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
    """Changes with the code that makes facts and with the interpreter, so that old facts are not taken for new ones."""
    digest = blake2b(_VERSION.encode(), digest_size=16)
    for file in sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


_ENCODER = msgspec.msgpack.Encoder()


@functools.cache
def _decoder() -> msgspec.msgpack.Decoder[list[Statement]]:
    return msgspec.msgpack.Decoder(list[Statement])
