from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Message


class MessageRepository:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def recent(self, conversation_id: int, limit: int = 20) -> list[Message]:
        query = (
            select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id.desc()).limit(limit)
        )
        messages = await self.session.scalars(query)
        return list(reversed(messages.all()))

    async def append(self, conversation_id: int, role: str, body: str) -> Message:
        message = Message(conversation_id=conversation_id, role=role, body=body)
        self.session.add(message)
        await self.session.flush()
        return message
