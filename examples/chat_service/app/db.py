import os
from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.models import Base, User

DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///chat.db")

engine = create_async_engine(DATABASE_URL, pool_size=5, max_overflow=10, pool_timeout=10, pool_pre_ping=True)
SessionFactory = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with SessionFactory() as session:
        try:
            yield session
        except Exception:
            await session.rollback()
            raise


async def prepare_database() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionFactory() as session:
        if await session.get(User, 1) is None:
            session.add(User(id=1, name="Demo", api_key="demo", persona="You answer in one sentence."))
            await session.commit()
