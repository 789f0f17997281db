"""Replacing the content of files in one step."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from flake8_poolhold.source.text import SourceError, read_bytes


class Change(NamedTuple):
    """New content for a file that has had the content `original`."""

    file: Path
    data: bytes
    original: bytes


class ChangeError(SourceError):
    """Files that were not replaced because of one of them, `file`."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(0, reason)
        self.file = file


class _Staged(NamedTuple):
    """A change that is written to a temporary file beside the file that it is for."""

    change: Change
    target: str
    temporary: str


def replace(changes: Sequence[Change]) -> None:
    """Give some files new content: all of them or none, keeping their modes; of a link, the file that it leads to.

    Raises ChangeError, and leaves all files as they are, when the content of one is not the original or one cannot be
    written.
    """
    staged: list[_Staged] = []
    done: list[_Staged] = []
    try:
        for change in changes:
            staged += [_stage(change, change.data)]
        for one in staged:
            with _named(one.change.file):
                os.replace(one.temporary, one.target)
            done.append(one)
    except BaseException:
        for one in reversed(done):
            with contextlib.suppress(OSError, ChangeError):
                back = _stage(Change(one.change.file, one.change.original, one.change.data), one.change.original)
                os.replace(back.temporary, back.target)
        raise
    finally:
        for one in staged:
            with contextlib.suppress(OSError):
                os.unlink(one.temporary)


def _stage(change: Change, data: bytes) -> _Staged:
    """Write new content beside a file, if the file has its original content and may be written."""
    with _named(change.file):
        target = os.path.realpath(change.file)
        if read_bytes(Path(target)) != change.original:
            raise ChangeError(change.file, "changed while it was analysed; nothing was written to it")
        if not os.access(target, os.W_OK):
            raise ChangeError(change.file, "may not be written")
        mode = os.stat(target).st_mode
        handle, temporary = tempfile.mkstemp(prefix=".poolhold-", dir=os.path.dirname(target))
        try:
            with open(handle, "wb") as stream:
                stream.write(data)
            os.chmod(temporary, mode)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return _Staged(change, target, temporary)


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except ChangeError:
        raise
    except SourceError as error:
        raise ChangeError(file, error.reason) from None
    except OSError as error:
        raise ChangeError(file, f"cannot be written: {error.strerror or error}") from None
