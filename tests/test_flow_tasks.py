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

KEEPS = """
class Feed:
    def __init__(self, db: AsyncSession):
        self.db = db
        self.running: dict[str, asyncio.Task] = {}
        self.handlers = {"start": self.start}

    async def follow(self, name):
        await ask()
        await self.db.execute(insert(name))

    async def start(self, name):
        task = asyncio.create_task(self.follow(name))MARK
        self.running[name] = task

    async def stop(self, name):
        self.running.pop(name).cancel()

    async def stop_all(self):
        for task in self.running.values():
            task.cancel()

    async def handle(self, kind, name):
        await self.handlers[kind](name)

"""
"""The tasks on the session of an object, and who cancels them is still to be said."""

MARK = "  # error: PHL202"

CANCELLED = """
    async def run(self, kind, names):
        try:
            for name in names:
                await self.handle(kind, name)
        finally:
            await self.stop_all()
"""

OUTSIDE = """
async def run(kind, name, db: AsyncSession = Depends(get_db)):
    feed = Feed(db)
    try:
        await feed.handle(kind, name)
    finally:
        await feed.stop_all()
"""


def keeps(end: str, *, reported: bool) -> str:
    return KEEPS.replace("MARK", MARK if reported else "") + end


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
        case(
            "an ORM object that a task gives to something unknown, and one that a field may hold",
            """
            from elsewhere import publish
            from sqlalchemy.orm import DeclarativeBase, Mapped

            class Base(DeclarativeBase): ...

            class Note(Base):
                __tablename__ = "notes"
                body: Mapped[str]

            async def publish_later(note: Note):
                await asyncio.sleep(1)
                publish(note, title=note.body)

            @app.post("/kept")
            async def kept(db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                asyncio.create_task(publish_later(note))

            @app.post("/rolled-back")
            async def rolled_back(db: AsyncSession = Depends(get_db)):
                note = await db.get_one(Note, 1)
                await db.rollback()
                asyncio.create_task(publish_later(note))  # error: PHL205

            class Board:
                def __init__(self, note: Note):
                    self.note = note

                async def publish(self):
                    publish(self.note.body)

                async def start(self):
                    asyncio.create_task(self.publish())

            class Shelf:
                def __init__(self, note):
                    self.note = note

                async def publish(self):
                    publish(self.note.body)  # error: PHL205

                async def start(self):
                    asyncio.create_task(self.publish())

            async def shelf():
                async with async_sessionmaker(engine)() as db:
                    await Shelf(await db.get_one(Note, 1)).start()
                    await db.commit()
        """,
            select=LIFETIMES,
        ),
        case("tasks that are cancelled around the method", keeps(CANCELLED, reported=False), select=LIFETIMES),
        case(
            "tasks that are cancelled when all has gone well",
            keeps(CANCELLED.replace("finally", "except ValueError"), reported=True),
            select=LIFETIMES,
        ),
        case(
            "tasks that are cancelled around another method",
            keeps(CANCELLED.replace("self.handle(kind, name)", "self.follow(name)"), reported=True),
            select=LIFETIMES,
        ),
        case(
            "one of the tasks is cancelled",
            keeps(CANCELLED.replace("self.stop_all()", "self.stop(kind)"), reported=True),
            select=LIFETIMES,
        ),
        case("tasks that are cancelled by whoever made the object", keeps(OUTSIDE, reported=False), select=LIFETIMES),
        case(
            "tasks of another object are cancelled",
            keeps(OUTSIDE.replace("await feed.stop_all", "await Feed(db).stop_all"), reported=True),
            select=LIFETIMES,
        ),
        case(
            "tasks that the exit of the object cancels",
            keeps("    async def __aexit__(self, *raised):\n        await self.stop_all()\n", reported=False),
            select=LIFETIMES,
        ),
        case(
            "the exit of the object forgets the tasks",
            keeps("    async def __aexit__(self, *raised):\n        self.running.clear()\n", reported=True),
            select=LIFETIMES,
        ),
        case(
            "tasks that are cancelled in a comprehension",
            keeps(CANCELLED, reported=False).replace(
                "        for task in self.running.values():\n            task.cancel()",
                "        [task.cancel() for task in list(self.running.values())]",
            ),
            select=LIFETIMES,
        ),
        case(
            "tasks that are asked in a comprehension",
            keeps(CANCELLED, reported=True).replace(
                "        for task in self.running.values():\n            task.cancel()",
                "        [task.done() for task in list(self.running.values())]",
            ),
            select=LIFETIMES,
        ),
        case(
            "tasks in a container of somebody else",
            keeps(CANCELLED, reported=True).replace("self.running[name] = task", "kept[name] = task") + "\nkept = {}\n",
            select=LIFETIMES,
        ),
    ],
)
def test_both_ways(tmp_path: Path, files: Files, select: tuple[str, ...]) -> None:
    assert found(tmp_path, files, select) == marks(tmp_path)
