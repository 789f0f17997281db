from sqlalchemy.ext.asyncio import AsyncSession

from app.clients.llm import LLMClient
from app.db import SessionFactory
from app.models import Document, Usage


async def count_upload(session: AsyncSession, size: int) -> None:
    session.add(Usage(kind="upload", amount=size))
    await session.commit()


async def index_document(document_id: int) -> None:
    async with SessionFactory() as session:
        document = await session.get_one(Document, document_id)
        body = document.body

    embedding = await LLMClient().embed(body)

    async with SessionFactory() as session:
        document = await session.get_one(Document, document_id)
        document.embedding = embedding
        await session.commit()
