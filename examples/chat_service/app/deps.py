from typing import Annotated

from fastapi import Depends, Header, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clients.llm import LLMClient
from app.db import get_session
from app.models import User

SessionDep = Annotated[AsyncSession, Depends(get_session)]


async def current_user(session: SessionDep, x_api_key: Annotated[str, Header()]) -> User:
    user = await session.scalar(select(User).where(User.api_key == x_api_key))
    if user is None:
        raise HTTPException(status_code=401, detail="unknown API key")
    return user


def get_llm() -> LLMClient:
    return LLMClient()


CurrentUser = Annotated[User, Depends(current_user)]
LLMDep = Annotated[LLMClient, Depends(get_llm)]
