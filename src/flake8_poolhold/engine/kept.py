"""What earlier runs have told of files, and whether it still holds.

Kept with each result are the questions about the project that it rests on, and with each question its answer. A result
holds as long as all its questions have the same answers; only what speaks of files that have changed, or of where
imports lead when files came or went, is asked again. A file whose time, size and number are as they were has not
changed; of any other the content decides.
"""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from flake8_poolhold.finding import Finding, Gap, Problem
from flake8_poolhold.source.words import contains

if TYPE_CHECKING:
    from flake8_poolhold.cache import Cache
    from flake8_poolhold.engine.modules import Modules, Stamp
    from flake8_poolhold.flow.model.project import Project
    from flake8_poolhold.flow.model.tracking import Question

_ABOUT_A_FILE = frozenset({"file", "name", "uses", "classes", "methods", "read", "in", "imports"})
FRESH = 2_000_000_000
"""Nanoseconds: a file that was changed this shortly before may change again without its time telling."""


class FileResult(msgspec.Struct, frozen=True):
    """What there is to tell of one file."""

    findings: tuple[Finding, ...]
    problem: Problem | None = None
    holders: int = 0
    waits: int = 0
    suppressed: int = 0
    gaps: tuple[Gap, ...] = ()


class _Entry(msgspec.Struct, array_like=True):
    """An encoded result, and the numbers of its questions: a bit set, compressed."""

    result: msgspec.Raw
    rests_on: bytes


class _Stored(msgspec.Struct, array_like=True):
    """`stamps` and `digests` are those of the project's files and of all others that questions speak of.

    `words`: by word and name that were asked for, the files that contain them, as places in `files`.
    """

    files: list[str]
    starts: list[str]
    stamps: dict[str, tuple[int, int, int, int] | None]
    digests: dict[str, str]
    questions: list[tuple[str, ...]]
    answers: list[str]
    words: dict[tuple[str, str], list[int]]
    entries: dict[str, _Entry]


class Kept:
    """The results that are kept below `key` in a cache, for a project of these `files`, and those of this run.

    `starts` are the folders with project files. `project` is needed only when something has changed.
    """

    def __init__(
        self,
        cache: Cache,
        key: str,
        modules: Modules,
        files: Iterable[str],
        starts: Iterable[str],
        project: Callable[[], Project],
    ) -> None:
        self._cache, self._key, self._modules, self._project = cache, key, modules, project
        self._files, self._starts = sorted(files), sorted(starts)
        self._read = cache.get(key)
        self._stored = _decoded(self._read) or _Stored([], [], {}, {}, [], [], {}, {})
        self._words = {
            word: [self._stored.files[place] for place in places] for word, places in self._stored.words.items()
        }
        self._numbers: dict[tuple[str, ...], int] = {}
        self._is_new = False
        modules.remember(self._stored.stamps, self._stored.digests)

    def refresh(self) -> None:
        """Drop the results that rest on a question whose answer is another one by now. To be called first."""
        stored = self._stored
        if not stored.entries:
            self._words.clear()
            return
        moved = stored.files != self._files or stored.starts != self._starts
        came_or_went = {*stored.files} ^ {*self._files} if moved else set()
        changed = came_or_went | {
            path for path in {*stored.digests, *self._files} if self._modules.digest(path) != stored.digests.get(path)
        }
        if not changed and not moved:
            return
        self._is_new = True
        reworded = self._reword(changed)
        project = self._project()
        mask = 0
        for number, question in enumerate(stored.questions):
            kind = question[0]
            if kind in _ABOUT_A_FILE:
                asks_again = question[1] in changed
            elif kind == "word":
                asks_again = question[1:] in reworded
            else:
                asks_again = moved
            if asks_again:
                answer = project.answer(question)
                if answer != stored.answers[number]:
                    stored.answers[number] = answer
                    mask |= 1 << number
        for path, entry in list(stored.entries.items()):
            if _bits(entry.rests_on) & mask:
                del stored.entries[path]

    def result(self, path: str) -> FileResult | None:
        """What is known of a file, if it still holds."""
        entry = self._stored.entries.get(path)
        if entry is None:
            return None
        try:
            return _results().decode(entry.result)
        except msgspec.DecodeError:
            return None

    def naming(self, word: str, name: str) -> list[str] | None:
        """The files that contain a word and a name, if that is known."""
        return self._words.get((word, name))

    def keep(self, results: Sequence[tuple[str, FileResult]], questions: Iterable[list[Question]]) -> None:
        """Keep results of this run, each with the questions that it rests on."""
        stored = self._stored
        self._numbers = self._numbers or {question: number for number, question in enumerate(stored.questions)}
        project = self._project()
        for (path, result), asked in zip(results, questions, strict=True):
            stored.entries[path] = _Entry(msgspec.Raw(_encoder.encode(result)), self._packed(project, asked))
            self._is_new = True

    def save(self) -> None:
        """Write what is known now, if it is more than was read."""
        if not self._is_new:
            return
        self._is_new = False
        with self._cache.alone(self._key):
            self._join(_decoded(self._cache.get(self._key)))
            self._write()

    def _write(self) -> None:
        stored = self._stored
        _compact(stored, self._numbers)
        asked = {question[1] for question in stored.questions if question[0] in _ABOUT_A_FILE}
        paths = {*self._files, *asked}
        places = {path: place for place, path in enumerate(self._files)}
        now = time.time_ns()
        stored.files, stored.starts = self._files, self._starts
        stored.digests = {path: self._modules.digest(path) for path in paths}
        stored.stamps = {path: _settled(self._modules.stamp(path), now) for path in paths}
        words = {(question[1], question[2]) for question in stored.questions if question[0] == "word"}
        stored.words = {word: [places[path] for path in self._words[word]] for word in words if word in self._words}
        self._cache.put(self._key, _encoder.encode(stored))

    def _join(self, other: _Stored | None) -> None:
        """Take over what another process has found meanwhile, if it has seen the same files."""
        stored = self._stored
        if other is None or (other.files, other.starts) != (self._files, self._starts):
            return
        more = [path for path in other.entries if path not in stored.entries]
        if not more or any(self._modules.digest(path) != digest for path, digest in other.digests.items()):
            return
        self._numbers = self._numbers or {question: number for number, question in enumerate(stored.questions)}
        places = []
        for question, answer in zip(other.questions, other.answers, strict=True):
            if question not in self._numbers:
                self._numbers[question] = len(stored.questions)
                stored.questions.append(question)
                stored.answers.append(answer)
            places.append(self._numbers[question])
        for word, files in other.words.items():
            self._words.setdefault(word, [other.files[place] for place in files])
        for path in more:
            entry = other.entries[path]
            stored.entries[path] = _Entry(entry.result, _pack(_moved(_bits(entry.rests_on), places)))

    def _packed(self, project: Project, questions: list[Question]) -> bytes:
        numbers = []
        for question in questions:
            number = self._numbers.get(question)
            if number is None:
                number = self._numbers[question] = len(self._stored.questions)
                self._stored.questions.append(question)
                self._stored.answers.append(project.answer(question))
                if question[0] == "word":
                    self._words[question[1], question[2]] = project.naming(question[1], question[2])
            numbers.append(number)
        return _pack(numbers)

    def _reword(self, changed: set[str]) -> set[tuple[str, ...]]:
        """Find out which files contain which words now. Returns the words of which the files are others."""
        there = changed.intersection(self._files)
        contents = {path: self._modules.read(path) for path in there}
        reworded: set[tuple[str, ...]] = set()
        for word, before in self._words.items():
            after = sorted(
                [path for path in before if path not in changed]
                + [path for path, data in contents.items() if contains(data, *word)]
            )
            if after != before:
                self._words[word] = after
                reworded.add(word)
        return reworded


def _compact(stored: _Stored, numbers: dict[tuple[str, ...], int]) -> None:
    """Forget questions that no result rests on any more, once they are the larger part."""
    used = 0
    for entry in stored.entries.values():
        used |= _bits(entry.rests_on)
    if used.bit_count() * 2 >= len(stored.questions):
        return
    kept = [number for number in range(len(stored.questions)) if used >> number & 1]
    places = dict.fromkeys(range(len(stored.questions)), 0) | {number: place for place, number in enumerate(kept)}
    for entry in stored.entries.values():
        entry.rests_on = _pack(_moved(_bits(entry.rests_on), places))
    stored.questions = [stored.questions[number] for number in kept]
    stored.answers = [stored.answers[number] for number in kept]
    numbers.clear()
    numbers.update({question: number for number, question in enumerate(stored.questions)})


def _pack(numbers: list[int]) -> bytes:
    bits = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return zlib.compress(bits, 1)


def _bits(packed: bytes) -> int:
    return int.from_bytes(zlib.decompress(packed), "little")


def _moved(bits: int, places: Mapping[int, int] | list[int]) -> list[int]:
    """The new numbers of the questions in a bit set, by their old ones."""
    digits = f"{bits:b}"[::-1]
    return [places[number] for number, digit in enumerate(digits) if digit == "1"]


def _settled(stamp: Stamp, now: int) -> Stamp:
    """A stamp that tells every later change; `None` for a file that has just been changed."""
    return stamp if stamp is not None and max(stamp[:2]) < now - FRESH else None


def _decoded(data: bytes | None) -> _Stored | None:
    try:
        return msgspec.msgpack.decode(data, type=_Stored) if data is not None else None
    except msgspec.DecodeError:
        return None


@functools.cache
def _results() -> msgspec.msgpack.Decoder[FileResult]:
    return msgspec.msgpack.Decoder(FileResult)


_encoder = msgspec.msgpack.Encoder()
