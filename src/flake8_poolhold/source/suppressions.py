"""`# noqa` comments, with the meaning that flake8 gives them, and which of them silence nothing.

flake8 looks for a comment in the reported physical line; lines that a multi-line string or a backslash holds together
count as one. It looks at the text, so a `# noqa` inside a string silences too. A comment without codes silences every
code, and so does one whose list does not start with letters followed by digits. `# flake8: noqa` at the start of a line
silences the whole file, whatever follows it.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from functools import cached_property

_INLINE = re.compile(r"# noqa(?::\s?(?P<codes>(?:[A-Z]+[0-9]+[,\s]*)+))?", re.IGNORECASE)
_FILE = re.compile(r"^\s*# flake8[:=]\s*noqa", re.IGNORECASE | re.MULTILINE)
_CODE = re.compile(r"[^,\s]+")
_OURS = re.compile(r"PHL[0-9]+", re.IGNORECASE)
_UNUSED = "PHL901"


class Suppressions:
    """The `# noqa` comments of one file. Asking whether they silence a finding marks them as used."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._any = _INLINE.search(text) is not None
        self._whole_file = _FILE.search(text) is not None
        self._used: set[tuple[int, int]] = set()

    def silences(self, line: int, code: str) -> bool:
        """Tell whether a finding of `code` reported on `line` (1-based) is silenced, as flake8 would decide."""
        if self._whole_file:
            return True
        if not self._any:
            return False
        first, last = self._joined.get(line, (line, line))
        match = _INLINE.search("".join(self._lines[first - 1 : last]))
        if match is None:
            return False
        if match["codes"] is None:
            return True
        hits = [
            found.start()
            for found in _CODE.finditer(match.string, match.start("codes"), match.end("codes"))
            if code.startswith(found.group())
        ]
        self._used.update((first, hit) for hit in hits)
        return bool(hits)

    def unused(self, checked: Iterable[str], known: Iterable[str] | None = None) -> list[tuple[int, int, str]]:
        """Return the line, column (both 1-based) and code of every PHL code in a comment that silenced nothing.

        Ask after `silences` was asked for every finding. `checked` are the codes that were looked for in this file;
        `known` are all there are (default: `checked`). A code or prefix counts only when everything it may stand for
        was looked for. PHL901, the report itself, never counts. A comment whose list is `phl101` silences nothing in
        flake8, which compares capitals, and is reported.
        """
        if self._whole_file or not self._any or not _OURS.search(self._text):
            return []
        checked = frozenset(checked)
        everything = checked if known is None else frozenset(known)
        found = []
        used = self._used_places()
        for line, column, comment in self._comments:
            for match in _INLINE.finditer(comment):
                if match["codes"] is None:
                    continue
                for code in _CODE.finditer(comment, match.start("codes"), match.end("codes")):
                    name = code.group().upper()
                    meant = {rule for rule in everything if rule.startswith(name)} - {_UNUSED}
                    silenced = (line, column + code.start()) in used
                    if name.startswith("PHL") and meant and meant <= checked and not silenced:
                        found.append((line, column + code.start() + 1, code.group()))
        return found

    @cached_property
    def _lines(self) -> Sequence[str]:
        """The lines as flake8 reads them: every newline is a line feed, and nothing else ends a line."""
        return io.StringIO(re.sub(r"\r\n?", "\n", self._text)).readlines()

    @cached_property
    def _tokens(self) -> list[tokenize.TokenInfo]:
        """The tokens of this interpreter's tokenizer, none when it cannot read the file; flake8 does the same."""
        lines = iter(self._lines)
        try:
            return list(tokenize.generate_tokens(lambda: next(lines, "")))
        except (tokenize.TokenError, SyntaxError):
            return []

    @cached_property
    def _joined(self) -> dict[int, tuple[int, int]]:
        """The first and last line of the group that a line is searched with."""
        joined: dict[int, tuple[int, int]] = {}
        first, last = 0, 0
        for token in self._tokens:
            if token.type in {tokenize.ENDMARKER, tokenize.DEDENT}:
                continue
            first = first or token.start[0]
            last = max(last, token.end[0])
            if token.type in {tokenize.NL, tokenize.NEWLINE}:
                joined.update(dict.fromkeys(range(first, last + 1), (first, last)))
                first = last = 0
        return joined

    @cached_property
    def _comments(self) -> list[tuple[int, int, str]]:
        return [(*token.start, token.string) for token in self._tokens if token.type == tokenize.COMMENT]

    def _used_places(self) -> set[tuple[int, int]]:
        """The used codes as line and zero-based column; they are recorded as offsets into a group of lines."""
        places = set()
        for line, offset in self._used:
            while offset >= len(self._lines[line - 1]):
                offset -= len(self._lines[line - 1])
                line += 1
            places.add((line, offset))
        return places


def suppressions(text: str) -> Suppressions:
    """Return the suppression comments of a file's text (without a byte order mark, newlines as in the file)."""
    return Suppressions(text)
