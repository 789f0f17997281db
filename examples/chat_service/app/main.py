from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import text

from app.db import engine, prepare_database
from app.deps import SessionDep
from app.routers import chat, documents


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    await prepare_database()
    yield
    await engine.dispose()


app = FastAPI(title="Chat service", lifespan=lifespan)
app.include_router(chat.router)
app.include_router(documents.router)


@app.get("/health")
async def health(session: SessionDep) -> dict[str, str]:
    await session.execute(text("SELECT 1"))
    return {"status": "ok"}
