"""The archive of the old desktop product: a read-only SQLite file that nobody has moved yet."""

import os
import sqlite3
from contextlib import closing

ARCHIVE_PATH = os.environ.get("ARCHIVE_PATH", "archive.db")


def search_archive(term: str) -> list[str]:
    with closing(sqlite3.connect(ARCHIVE_PATH)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS letters (title TEXT)")
        rows = connection.execute("SELECT title FROM letters WHERE title LIKE ?", (f"%{term}%",))
        return [title for (title,) in rows]
