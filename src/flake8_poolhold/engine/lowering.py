"""The facts of many files at once, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

LEAST_BYTES = 4_000_000
"""Of less code than this the facts are found sooner than processes are started."""

_AT_A_TIME = 16


def lowered(contents: Mapping[str, bytes], jobs: int) -> Iterator[tuple[str, bytes]]:
    """Files and their facts as `facts.dump` writes them; without those that cannot be read, and all that is too little.

    The program that calls this must be importable without doing anything, as the processes import it.
    """
    if jobs < 2 or sum(map(len, contents.values())) < LEAST_BYTES:
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            for path, facts in pool.map(_lower, contents.items(), chunksize=_AT_A_TIME):
                if facts is not None:
                    yield path, facts
    except (BrokenProcessPool, OSError):
        return  # no processes here: the files are read one after the other


def _lower(file: tuple[str, bytes]) -> tuple[str, bytes | None]:
    from flake8_poolhold.source import deep

    return file[0], deep.run(lambda: _facts(*file))


def _facts(path: str, data: bytes) -> bytes | None:
    from flake8_poolhold import facts
    from flake8_poolhold.source.text import decode

    try:
        return facts.dump(facts.extract(path, decode(data, path).text))
    except Exception:
        return None  # who needs the file finds out what is wrong with it
