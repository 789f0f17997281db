"""Whose a session is: what closes it only where it made it, and what only borrows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, marks


@pytest.mark.parametrize(
    ("files", "select"),
    [
        case(
            "a connection out of a cache is everybody's",
            """
            import streamlit as st
            from cachetools import TTLCache, cached

            @st.cache_resource(ttl=600)
            def shared():
                return sync_engine.connect()

            @cached(TTLCache(1, 60))
            def kept():
                return sync_engine.connect()

            def passed_on():
                return kept()

            @functools.wraps(print)
            def fresh():
                return sync_engine.connect()

            def first():
                connection = shared()
                return connection.execute(select(1)).all()

            def second():
                connection = passed_on()
                return connection.execute(select(1)).all()

            def third():
                connection = fresh()  # error: PHL401
                return connection.execute(select(1)).all()

            @app.get("/")
            def handler():
                return [first(), second(), third()]
        """,
            select=("PHL401", "PHL405"),
        ),
    ],
)
def test_both_ways(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
