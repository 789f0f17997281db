from fastapi import APIRouter, BackgroundTasks, HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy import func, select

from app.clients.legacy import search_archive
from app.db import SessionFactory
from app.deps import CurrentUser, SessionDep
from app.models import Document
from app.tasks import count_upload, index_document

router = APIRouter(prefix="/documents", tags=["documents"])


class Upload(BaseModel):
    title: str
    body: str


@router.post("")
async def upload(
    document: Upload, background: BackgroundTasks, session: SessionDep, user: CurrentUser
) -> dict[str, int | str]:
    row = Document(title=document.title, body=document.body)
    session.add(row)
    await session.commit()
    background.add_task(count_upload, session, len(document.body))
    return {"id": row.id, "owner": user.name}


@router.post("/{document_id}/index", status_code=202)
async def index(document_id: int, background: BackgroundTasks, session: SessionDep) -> dict[str, str]:
    document = await session.get(Document, document_id)
    if document is None:
        raise HTTPException(status_code=404, detail="no such document")
    title = document.title
    await session.commit()
    background.add_task(index_document, document_id)
    return {"indexing": title}


@router.get("/statistics")
async def statistics() -> dict[str, int]:
    session = SessionFactory()
    total = await session.scalar(select(func.count(Document.id)))
    if not total:
        return {"documents": 0, "characters": 0}
    characters = await session.scalar(select(func.sum(func.length(Document.body))))
    await session.close()
    return {"documents": total, "characters": characters or 0}


@router.get("/longest")
async def longest() -> dict[str, str]:
    session = SessionFactory()
    try:
        title = await session.scalar(select(Document.title).order_by(func.length(Document.body).desc()).limit(1))
        return {"title": title or ""}
    finally:
        await session.close()


@router.get("/archive")
async def archive(term: str) -> list[str]:
    return search_archive(term)


@router.get("/archive/size")
async def archive_size() -> dict[str, int]:
    letters = await run_in_threadpool(search_archive, "")
    return {"letters": len(letters)}
