"""Replacing the content of a file in one step."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from flake8_poolhold.source.text import SourceError, read_bytes


def replace(file: Path, data: bytes, original: bytes) -> None:
    """Give a file new content in one step, keeping its mode; of a link, the file that it leads to.

    Raises SourceError, and leaves the file as it is, when its content is not `original` or it cannot be written.
    """
    target = os.path.realpath(file)
    if read_bytes(Path(target)) != original:
        raise SourceError(0, "changed while it was analysed; nothing was written to it")
    if not os.access(target, os.W_OK):
        raise SourceError(0, "may not be written")
    temporary = ""
    try:
        mode = os.stat(target).st_mode
        handle, temporary = tempfile.mkstemp(prefix=".poolhold-", dir=os.path.dirname(target))
        with open(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError):
            raise SourceError(0, f"cannot be written: {error.strerror or error}") from None
        raise
