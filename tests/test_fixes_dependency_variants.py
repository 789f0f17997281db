"""Generated services with a dependency that queries: a safe fix of it changes nothing but the holds.

A part of them runs here, each on one of the databases; with `POOLHOLD_VARIANTS=1` all of them on both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dependency_variants import Parts, every, source
from harmless import assert_safe_fixes_are_harmless, written
from services import database, on_databases

CHOSEN = every() if os.environ.get("POOLHOLD_VARIANTS") else every()[::5]


def name(parts: Parts) -> str:
    return " / ".join(
        ["async" if parts[0] else "sync", *(part for part in parts[1:] if isinstance(part, str) and part)]
    )


@pytest.mark.parametrize(
    ("parts", "backend"), on_databases(CHOSEN, name, both=bool(os.environ.get("POOLHOLD_VARIANTS")))
)
def test_a_safe_fix_is_harmless(parts: Parts, backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert_safe_fixes_are_harmless(written(source(parts), tmp_path), database(backend, tmp_path, request))
