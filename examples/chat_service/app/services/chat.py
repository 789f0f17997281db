from sqlalchemy.ext.asyncio import AsyncSession

from app.clients.llm import LLMClient
from app.models import Conversation
from app.repositories.messages import MessageRepository


class ChatService:
    def __init__(self, session: AsyncSession, llm: LLMClient) -> None:
        self.session = session
        self.llm = llm
        self.messages = MessageRepository(session)

    async def reply(self, conversation_id: int, text: str) -> str:
        history = await self.messages.recent(conversation_id)
        prompt = "\n".join([*(f"{message.role}: {message.body}" for message in history), f"user: {text}"])
        completion = await self.llm.complete(prompt)
        await self.messages.append(conversation_id, "user", text)
        await self.messages.append(conversation_id, "assistant", completion.text)
        await self.session.commit()
        return completion.text

    async def suggest_title(self, conversation_id: int) -> str:
        history = await self.messages.recent(conversation_id, limit=5)
        excerpt = "\n".join(message.body for message in history)
        await self.session.commit()

        completion = await self.llm.complete(f"Find a title of three words for:\n{excerpt}")

        conversation = await self.session.get_one(Conversation, conversation_id)
        conversation.title = completion.text
        await self.session.commit()
        return conversation.title
