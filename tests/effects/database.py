"""The small database that methods are tried on: two tables in a file, with a pool of the kind that services use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, ForeignKey, create_engine
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(AsyncAttrs, DeclarativeBase):
    """The registry of the two tables."""


class Parent(Base):
    """Has children that are deleted with it: a delete must load them."""

    __tablename__ = "parents"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    children: Mapped[list[Child]] = relationship(cascade="all, delete-orphan")


class Child(Base):
    """Has nothing that depends on it."""

    __tablename__ = "children"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))


@dataclass(frozen=True)
class Database:
    """The engines on one file. Both hold parents 1 and 2 and child 1."""

    engine: Engine
    async_engine: AsyncEngine


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    """Create the file, its tables and rows."""
    file = folder / "effects.db"
    db = Database(create_engine(f"sqlite:///{file}"), create_async_engine(f"sqlite+aiosqlite:///{file}"))
    Base.metadata.create_all(db.engine)
    with Session(db.engine) as session:
        session.add_all([Parent(id=1), Parent(id=2), Child(id=1)])
        session.commit()
    yield db
    db.engine.dispose()
    await db.async_engine.dispose()
