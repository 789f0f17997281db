# ruff: noqa: E501  # a case stands on a line
"""A value that another session has stored and committed is nothing to write: each condition, changed in one point."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import flow_of

SERVICE = (Path(__file__).parent / "fixtures" / "PHL101" / "stored_by_another_session.py").read_text()
KEY = "key_id = key.id"
WHERE = "where(Key.id == key_id, Key.owner_id.in_(select(Owner.id)))"
JOIN = ".join(Owner, Key.owner_id == Owner.id)"
SET = "        key.used_at = now\n"
COMMIT = "            await own.commit()\n"


def verdict(tmp_path: Path, *changes: tuple[str, str], files: dict[str, str] | None = None) -> tuple[str, str]:
    """The grade of a commit before the wait of `ask`, and what is doubtful or wrong about it."""
    text = SERVICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    flow = flow_of(tmp_path, {"service.py": text, **(files or {})})
    (hold,) = [one for one in flow.holds if one.function.name == "ask"]
    found = next(one for one in flow.remedies(hold) if one.name == "commit-before")
    return ("refused" if found.refused else "unsafe" if found.doubts else "safe"), found.refused or "; ".join(
        found.doubts
    )


SAFE = {
    "as it is": (),
    "by the key only": ((WHERE, "where(Key.id == key_id)"), (JOIN, "")),
    "by the object's key": ((WHERE, "where(Key.id == key.id)"), (KEY, "pass")),
    "more values": (("values(used_at=now)", "values(used_at=now, tries=2)"),),
}
UNSAFE = {
    "another value": ((SET, "        key.used_at = datetime(2020, 1, 1)\n"),),
    "another variable": (("now = NOW", "now = NOW\n    later = NOW"), (SET, "        key.used_at = later\n")),
    "another attribute": ((SET, "        key.tries = now\n"),),
    "one attribute more": ((SET, f"{SET}        key.tries = 1\n"),),
    "bound twice": (("now = NOW", "now = NOW\n    if db:\n        now = datetime.now()"),),
    "not committed": ((COMMIT, "            pass\n"),),
    "committed before it": ((COMMIT, ""), ("            await own.execute(", "            await own.commit()\n            await own.execute(")),
    "rolled back": ((COMMIT, f"            await own.rollback()\n{COMMIT}"),),
    "perhaps stored": (("            await own.execute(", "            if word:\n              await own.execute("),),
    "something between": ((SET, f"        now.replace()\n{SET}"),),
    "of another row": ((WHERE, "where(Key.id == 1)"),),
    "of another object": ((KEY, "other = await db.get(Key, 1)\n        key_id = other.id"),),
    "by no key": ((WHERE, "where(Key.word == key.word)"),),
    "one condition more": ((WHERE, "where(Key.id == key_id, Key.tries > 2)"),),
    "not joined": ((JOIN, ""),),
    "joined on something else": ((JOIN, ".join(Owner, Key.tries == Owner.id)"),),
    "of another class": (("update(Key)", "update(Owner)"),),
    "not equal": ((WHERE, "where(Key.id != key_id)"),),
    "in the same session": (("async with maker() as own:", "async with nothing() as own:"),),
    "made by an update": (("tries: Mapped[int] = mapped_column(default=0)", "tries: Mapped[int] = mapped_column(default=0, onupdate=1)"),),
    "counted versions": (('    __tablename__ = "keys"\n', '    __tablename__ = "keys"\n    __mapper_args__ = {"version_id_col": "tries"}\n'),),
    "heard": (("app = FastAPI()", "app = FastAPI()\nevent.listen(Base, 'before_update', print)"),),
    "two factories": (("app = FastAPI()", "app = FastAPI()\nother = async_sessionmaker(create_async_engine('sqlite+aiosqlite://'))\nimport service"),),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFE)
def test_nothing_is_written(case: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, *SAFE[case]) == ("safe", "")


@pytest.mark.parametrize("case", UNSAFE)
def test_something_may_be_written(case: str, tmp_path: Path) -> None:
    grade, why = verdict(tmp_path, *UNSAFE[case])
    assert grade == "unsafe"
    assert "service.py" in why


def test_the_factory_of_a_script_is_its_own(tmp_path: Path) -> None:
    factory = "from sqlalchemy.ext.asyncio import async_sessionmaker\nmaker = async_sessionmaker()\n"
    assert verdict(tmp_path, files={"repair.py": factory})[0] == "safe"
    importing = {"repair.py": factory, "more.py": "import repair\n"}
    assert verdict(tmp_path, files=importing)[0] == "unsafe"
    assert verdict(tmp_path, files={"repair.py": f"{factory}key_of(maker())\n"})[0] == "unsafe"
