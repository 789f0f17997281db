"""Tasks that look as if they outlived what they use, beside their twins that do."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import Files, case, found, marks

LIFETIMES = ("PHL201", "PHL202", "PHL203", "PHL205", "PHL206")

UNITS = """
import abc

class BaseNotes(abc.ABC):
    @abc.abstractmethod
    async def add(self, words): ...

class Notes(BaseNotes):
    def __init__(self, db: AsyncSession):
        self.db = db

    async def add(self, words):
        await self.db.execute(insert(words))

class BaseUnit(abc.ABC):
    notes: BaseNotes

    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        await self.undo()

    @abc.abstractmethod
    async def undo(self): ...

class Unit(BaseUnit):
    def __init__(self, make=maker):
        self.make = make

    async def __aenter__(self):
        self.db = self.make()
        self.notes = Notes(self.db)
        return await super().__aenter__()

    async def __aexit__(self, *raised):
        await super().__aexit__(*raised)
        await self.db.close()

    async def undo(self):
        await self.db.rollback()

class Inside:
    def __init__(self, unit: {unit}):
        self.unit = unit

    async def run(self, words):
        await ask()
        async with self.unit:
            await self.unit.notes.add(words)

class Before:
    def __init__(self, unit: {unit}):
        self.unit = unit

    async def run(self, words):
        await self.unit.notes.add(words)
        async with self.unit:
            await self.unit.notes.add(words)

class Starts:
    def __init__(self, unit: {unit}):
        self.unit = unit

    async def inside(self, words):
        asyncio.create_task(Inside(self.unit).run(words))

    async def inside_again(self, words):
        await Inside(self.unit).run(words)
        asyncio.create_task(Inside(self.unit).run(words))

    async def before(self, words):
        asyncio.create_task(Before(self.unit).run(words))  # error: PHL202
"""


@pytest.mark.parametrize(
    ("files", "select"),
    [
        case(
            "a unit of work that makes its session when it is entered, as its base class",
            UNITS.replace("{unit}", "BaseUnit"),
            select=LIFETIMES,
        ),
        case(
            "a unit of work that makes its session when it is entered, as it is",
            UNITS.replace("{unit}", "Unit"),
            select=LIFETIMES,
        ),
        case(
            "a unit of work that gets its session when it is made, as its base class",
            UNITS.replace("{unit}", "BaseUnit")
            .replace("def __init__(self, make=maker):", "def __init__(self, db: AsyncSession):")
            .replace("self.make = make", "self.db = db")
            .replace("        self.db = self.make()\n", "")
            .replace("await self.db.close()", "print(raised)")
            .replace("Inside(self.unit).run(words))", "Inside(self.unit).run(words))  # error: PHL202"),
            select=LIFETIMES,
        ),
    ],
)
def test_both_ways(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
