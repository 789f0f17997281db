"""Bytes to text and back, without changing a byte."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import msgspec

from flake8_poolhold.source.paths import relative

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_NEWLINE_BYTES = re.compile(rb"\r\n|\n|\r")
# Every byte sequence that these decode is given back by their encoder.
_BIJECTIVE = frozenset({"utf-8", "ascii", "iso-8859-1", "iso8859-1", "latin-1"})


class SourceError(Exception):
    """A file that cannot be analysed. `line` is 1-based, 0 where no line is to blame; `reason` is for people."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


class Source(msgspec.Struct, frozen=True):
    """The text of one file and what is needed to write it back.

    `path` is relative to the project root, with forward slashes. `text` keeps the newlines of the file and has no
    byte order mark. `newline` is the first newline of the file, `"\\n"` in a file of one line.
    """

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    newline: str = "\n"


def read(file: Path, root: Path) -> Source:
    """Read and decode a file. Raises SourceError, also for a file that is gone or may not be read."""
    return decode(read_bytes(file), relative(file, root))


def read_bytes(file: Path) -> bytes:
    """Return the content of a file. Raises SourceError for a file that is gone or may not be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        reason = "broken symbolic link" if file.is_symlink() else "no such file; it may have been removed meanwhile"
        raise SourceError(0, reason) from None
    except OSError as error:
        raise SourceError(0, f"cannot be read: {error.strerror or error}") from None


def decode(data: bytes, path: str) -> Source:
    """Decode the bytes of the file called `path` as Python does: byte order mark, coding comment, else UTF-8.

    Raises SourceError for what Python itself would refuse, and for encodings whose text does not give the same bytes
    back.
    """
    if data.startswith(_UTF16_BOMS):
        raise SourceError(1, "looks like UTF-16; Python reads source as UTF-8 unless a coding comment says otherwise")
    if (nul := data.find(b"\0")) >= 0:
        raise SourceError(_line(data, nul), "contains a NUL byte")
    bom = data.startswith(_UTF8_BOM)
    encoding = _encoding(data)
    body = data[len(_UTF8_BOM) :] if bom else data
    try:
        text = body.decode(encoding)
        exact = encoding in _BIJECTIVE or text.encode(encoding) == body
    except UnicodeDecodeError as error:
        line = _line(body, error.start)
        raise SourceError(line, f"is not {encoding}: {error.reason}, byte 0x{body[error.start]:02x}") from None
    except (LookupError, ValueError) as error:
        raise SourceError(1, f"cannot be decoded as {encoding}: {error}") from None
    if not exact:
        raise SourceError(1, f"text in {encoding} does not give the same bytes back; save the file as UTF-8")
    first = _NEWLINE.search(text)
    return Source(path, text, encoding, bom, first.group() if first else "\n")


def encode(source: Source, text: str) -> bytes:
    """Return the bytes to write for `text` into the file that `source` was read from.

    `encode(source, source.text)` is what was read. Raises SourceError when the encoding of the file lacks a character.
    """
    try:
        body = text.encode(source.encoding)
    except UnicodeEncodeError as error:
        line = len(_NEWLINE.findall(text, 0, error.start)) + 1
        raise SourceError(line, f"{text[error.start]!r} does not exist in {source.encoding}") from None
    return _UTF8_BOM + body if source.bom else body


def unwrapped(text: str) -> bytes:
    """Return bytes that decode to `text`, which comes from somewhere that keeps no bytes: its coding comment holds."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        return text.encode(_encoding(data))
    except (SourceError, LookupError, UnicodeEncodeError):
        return data


def lines(text: str) -> list[str]:
    """Split a text into its lines, newlines kept. Only the three newlines of Python end a line, not a form feed."""
    return io.StringIO(text, newline="").readlines()


def _encoding(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "missing encoding declaration" in str(error):
            return "utf-8"  # and not UTF-8 in its first two lines: the full decoding names the byte and the line
        raise SourceError(1, f"coding comment cannot be followed: {error.msg}") from None
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _line(data: bytes, offset: int) -> int:
    return len(_NEWLINE_BYTES.findall(data, 0, offset)) + 1
