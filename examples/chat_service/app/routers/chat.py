from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from sqlalchemy import select

from app.db import SessionFactory
from app.deps import CurrentUser, LLMDep, SessionDep
from app.models import Conversation, Message, User
from app.services.chat import ChatService

router = APIRouter(prefix="/chat", tags=["chat"])


class Prompt(BaseModel):
    text: str


class Answer(BaseModel):
    text: str


@router.post("/conversations")
async def start_conversation(session: SessionDep, user: CurrentUser) -> dict[str, int]:
    conversation = Conversation(owner_id=user.id, title="New conversation")
    session.add(conversation)
    await session.commit()
    return {"id": conversation.id}


@router.get("/conversations")
async def list_conversations(session: SessionDep, user: CurrentUser) -> list[str]:
    titles = await session.scalars(select(Conversation.title).where(Conversation.owner_id == user.id))
    return list(titles)


@router.post("/conversations/{conversation_id}/messages")
async def send_message(
    conversation_id: int, prompt: Prompt, session: SessionDep, user: CurrentUser, llm: LLMDep
) -> Answer:
    conversation = await session.get(Conversation, conversation_id)
    if conversation is None or conversation.owner_id != user.id:
        raise HTTPException(status_code=404, detail="no such conversation")
    service = ChatService(session, llm)
    return Answer(text=await service.reply(conversation_id, prompt.text))


@router.post("/conversations/{conversation_id}/title")
async def rename_conversation(conversation_id: int, session: SessionDep, llm: LLMDep) -> Answer:
    service = ChatService(session, llm)
    return Answer(text=await service.suggest_title(conversation_id))


@router.post("/personas/{user_id}")
async def try_persona(user_id: int, prompt: Prompt, session: SessionDep, llm: LLMDep) -> Answer:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(status_code=404, detail="no such user")
    completion = await llm.complete(f"{user.persona}\n{prompt.text}")
    session.add(Message(role="assistant", body=completion.text))
    await session.commit()
    return Answer(text=completion.text)


@router.post("/quick")
async def quick_answer(prompt: Prompt, user: CurrentUser, llm: LLMDep) -> Answer:
    completion = await llm.complete(f"{user.persona}\n{prompt.text}")
    return Answer(text=completion.text)


@router.post("/anonymous")
async def anonymous_answer(prompt: Prompt, session: SessionDep, llm: LLMDep) -> Answer:
    completion = await llm.complete(prompt.text)
    session.add(Message(role="assistant", body=completion.text))
    await session.commit()
    return Answer(text=completion.text)


@router.post("/summary")
async def summarise(session: SessionDep, user: CurrentUser, llm: LLMDep) -> Answer:
    bodies = await session.scalars(
        select(Message.body).join(Conversation).where(Conversation.owner_id == user.id).limit(50)
    )
    text = "\n".join(bodies)
    await session.commit()
    completion = await llm.complete(f"Summarise:\n{text}")
    return Answer(text=completion.text)


@router.post("/rewrite/{message_id}")
async def rewrite_message(message_id: int, session: SessionDep, llm: LLMDep) -> Answer:
    message = await session.get(Message, message_id)
    if message is None:
        raise HTTPException(status_code=404, detail="no such message")
    body = message.body
    await session.close()

    completion = await llm.complete(f"Say it more kindly:\n{body}")

    async with SessionFactory() as second:
        fresh = await second.get_one(Message, message_id)
        fresh.body = completion.text
        await second.commit()
    return Answer(text=completion.text)
