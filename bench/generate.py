"""Services of any size, made up: `python bench/generate.py FOLDER --lines 100000 --shape service`.

The same arguments give the same files. Each shape makes something else hard: `service` is what real ones look like,
`chain` calls through many files, `fan` has one function that all others call, `cycle` imports and calls in circles,
`long` is one file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

HEAD = """from __future__ import annotations

import httpx
from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from {package}.db import Item, get_db
"""

DB = """from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine("postgresql+asyncpg://db/service")
maker = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def get_db():
    async with maker() as session:
        yield session


async def ask(text: str) -> str:
    import httpx

    async with httpx.AsyncClient() as client:
        response = await client.post("https://peer.example/ask", json={"text": text})
        return response.text
"""

PLAIN = """

class Report{n}:
    def __init__(self, rows: list[tuple[str, int]], title: str = "report {n}") -> None:
        self.rows = rows
        self.title = title

    def total(self) -> int:
        return sum(value for _, value in self.rows if value > {n})

    def render(self) -> str:
        lines = [self.title, "=" * len(self.title)]
        for name, value in sorted(self.rows):
            share = value / (self.total() or 1)
            if share > 0.5:
                lines.append(f"{{name:<20}} {{value:>8}} {{share:.1%}} !")
            elif share > 0.1:
                lines.append(f"{{name:<20}} {{value:>8}} {{share:.1%}}")
            else:
                lines.append(f"{{name:<20}} {{value:>8}}")
        return "\\n".join(lines)
"""

WORK = """

class Service{n}:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def load(self, key: int) -> Item | None:
        return await self.db.get(Item, key)

    async def rename(self, key: int, name: str) -> Item:
        item = await self.load(key)
        if item is None:
            item = Item(id=key, name=name)
            self.db.add(item)
        else:
            item.name = await {callee}
        await self.db.commit()
        return item


@router.get("/items/{n}/{{key}}")
async def read{n}(key: int, db: AsyncSession = Depends(get_db)) -> str:
    service = Service{n}(db)
    item = await service.load(key)
    if item is None:
        return ""
    return await {callee}
"""

LINK = """

async def step{n}(db: AsyncSession, text: str) -> str:
    rows = await db.execute(select(Item).where(Item.name == text))
    for row in rows.scalars():
        text = text + row.name
    return await {callee}
"""

Files = Iterator[tuple[str, str]]


def _lines(text: str) -> int:
    return text.count("\n")


def _plain(package: str, number: int, lines: int) -> Files:
    """Code that has nothing to do with databases, as most has."""
    text, made = "from __future__ import annotations\n", 0
    while _lines(text) < lines:
        text += PLAIN.format(n=made)
        made += 1
    yield f"{package}/plain/report{number}.py", text


def service(lines: int) -> Files:
    """Routers with their services; each second file is plain. A package has some 10,000 lines."""
    made = number = 0
    while made < lines:
        package = f"part{number // 40}"
        if number % 40 == 0:
            yield f"{package}/__init__.py", ""
            yield f"{package}/db.py", DB
        if number % 2:
            files = list(_plain(package, number, 250))
        else:
            text = HEAD.format(package=package) + f"from {package}.db import ask\n\nrouter = APIRouter()\n"
            for one in range(8):
                text += WORK.format(n=number * 8 + one, callee='ask("name")')
            files = [(f"{package}/routes/route{number}.py", text)]
        yield from files
        made += sum(_lines(text) for _, text in files)
        number += 1


def chain(lines: int) -> Files:
    """Each function calls one in the next file; chains of 50 that end at the network."""
    yield "app/db.py", DB
    made = number = 0
    while made < lines:
        last = number % 50 == 49
        calls = "ask" if last else f"step{number + 1}"
        text = HEAD.format(package="app") + f"from app.{'db' if last else f'link{number + 1}'} import {calls}\n"
        text += LINK.format(n=number, callee="ask(text)" if last else f"step{number + 1}(db, text)")
        text += "".join(PLAIN.format(n=one) for one in range(4))
        yield f"app/link{number}.py", text
        made += _lines(text)
        number += 1
    while number % 50:
        following = "ask(text)" if number % 50 == 49 else f"step{number + 1}(db, text)"
        origin = "db import ask" if number % 50 == 49 else f"link{number + 1} import step{number + 1}"
        yield (
            f"app/link{number}.py",
            HEAD.format(package="app") + f"from app.{origin}\n" + LINK.format(n=number, callee=following),
        )
        number += 1


def fan(lines: int) -> Files:
    """One function that is called from everywhere."""
    yield "app/db.py", DB
    made = number = 0
    while made < lines:
        text = HEAD.format(package="app") + "from app.db import ask\n"
        for one in range(20):
            text += LINK.format(n=f"{number}_{one}", callee="ask(text)")
        yield f"app/user{number}.py", text
        made += _lines(text)
        number += 1


def cycle(lines: int) -> Files:
    """Files that import and call each other in circles of ten."""
    yield "app/db.py", DB
    made = number = 0
    while made < lines or number % 10:
        following = number + 1 if number % 10 != 9 else number - 9
        text = HEAD.format(package="app")
        text += LINK.format(n=number, callee=f"again{number}(db, text)")
        text += f"\n\nasync def again{number}(db: AsyncSession, text: str) -> str:\n"
        text += f"    from app.ring{following} import step{following}\n\n"
        text += f"    return await step{following}(db, text[1:]) if text else ''\n"
        text += "".join(PLAIN.format(n=one) for one in range(4))
        yield f"app/ring{number}.py", text
        made += _lines(text)
        number += 1


def long(lines: int) -> Files:
    """One file."""
    yield "app/db.py", DB
    text = HEAD.format(package="app") + "from app.db import ask\n\nrouter = APIRouter()\n"
    number = 0
    while _lines(text) < lines:
        text += WORK.format(n=number, callee='ask("name")') + PLAIN.format(n=number)
        number += 1
    yield "app/everything.py", text


SHAPES: dict[str, Callable[[int], Files]] = {
    "service": service, "chain": chain, "fan": fan, "cycle": cycle, "long": long,
}  # fmt: skip


def write(folder: Path, shape: str, lines: int) -> None:
    """Write a project of about so many lines."""
    for name, text in SHAPES[shape](lines):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nname = "made-up"\nversion = "1"\n', encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--shape", choices=SHAPES, default="service")
    options = parser.parse_args()
    write(options.folder, options.shape, options.lines)


if __name__ == "__main__":
    main()
