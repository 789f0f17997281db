"""What a statement does, by its text or its builder."""

from __future__ import annotations

import pytest

from flake8_poolhold.flow.effects import queries
from flake8_poolhold.flow.model.values import UNKNOWN, BoundArgument, Choice, Library


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("SELECT id FROM notes WHERE updated_at > now()", "reads"),
        ("select count(*) from notes where id in (1, 2)", "reads"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "reads"),
        ("SHOW server_version", "reads"),
        ("SELECT row_number() OVER (PARTITION BY a) FROM notes", "reads"),
        ("SELECT * FROM notes FOR UPDATE SKIP LOCKED", "locks"),
        ("SELECT * FROM notes FOR NO KEY UPDATE", "locks"),
        ("SELECT * FROM notes\n  FOR   SHARE", "locks"),
        ("SELECT pg_try_advisory_xact_lock(1)", "locks"),
        ("SELECT set_config('app.tenant', '1', true)", "locks"),
        ("SELECT GET_LOCK('x', 10)", "locks"),
        ("SET LOCAL app.tenant = 1", "locks"),
        ("LOCK TABLE notes", "locks"),
        ("DECLARE c CURSOR FOR SELECT 1", "locks"),
        ("CREATE TEMPORARY TABLE t (id int)", "locks"),
        ("SAVEPOINT a", "locks"),
        ("WITH gone AS (DELETE FROM notes RETURNING id) SELECT * FROM gone", "writes"),
        ("SELECT * INTO copy FROM notes", "writes"),
        ("SELECT nextval('ids')", "writes"),
        ("INSERT INTO notes VALUES (1)", "writes"),
        ("EXPLAIN ANALYZE DELETE FROM notes", "writes"),
        ("", "writes"),
        ("SELECT archive_notes(1)", "unknown"),
    ],
)
def test_text(text: str, verdict: str) -> None:
    assert queries.verdict(queries.of_text(text)) == verdict


def run(path: str, *arguments: Library) -> Library:
    made, locks = queries.built(Library(path.removesuffix("()")), path, tuple(BoundArgument(one) for one in arguments))
    return Library(made, (), locks)


def test_builders() -> None:
    assert queries.verdict(run("sqlalchemy.select()")) == "reads"
    assert queries.verdict(run("sqlalchemy.insert().values()")) == "writes"
    assert queries.verdict(Library("project.build()")) == "unknown"
    assert queries.verdict(UNKNOWN) == "unknown"
    assert queries.verdict(Library("sqlalchemy.Select")) == "unknown"
    assert queries.verdict(Choice((run("sqlalchemy.select()"), run("sqlalchemy.delete()")))) == "writes"
    assert queries.built(Library("httpx.get"), "httpx.get()", ()) == ("httpx.get()", False)


def test_what_arguments_bring_in() -> None:
    count = run("sqlalchemy.func.count()")
    assert queries.verdict(count) == "reads"
    assert queries.verdict(run("sqlalchemy.select()", count)) == "reads"
    lock = run("sqlalchemy.func.pg_advisory_xact_lock()")
    assert queries.verdict(run("sqlalchemy.select()", lock)) == "locks"
    assert queries.verdict(run("sqlalchemy.select()", run("sqlalchemy.func.archive()"))) == "unknown"
    nested = run("sqlalchemy.cast()", run("sqlalchemy.func.archive()"))
    assert queries.verdict(run("sqlalchemy.select()", nested)) == "unknown"
    cte = run("sqlalchemy.insert().returning().cte()")
    assert queries.verdict(run("sqlalchemy.select()", cte)) == "writes"
    assert queries.verdict(run("sqlalchemy.update().values()", run("sqlalchemy.func.archive()"))) == "writes"


def test_a_statement_that_is_narrowed_is_the_same_statement() -> None:
    assert run("sqlalchemy.select().where()") == Library("sqlalchemy.select()")
    assert run("sqlmodel.select().options()") == Library("sqlmodel.select()")
    assert run("sqlalchemy.select().with_for_update()").path == "sqlalchemy.select().with_for_update()"
    assert run("sqlalchemy.update().where()") == Library("sqlalchemy.update().where()")
    archived = run("sqlalchemy.select().where()", run("sqlalchemy.func.archive()"))
    assert queries.verdict(archived) == "unknown"
