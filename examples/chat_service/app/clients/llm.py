import asyncio
import os
from dataclasses import dataclass

import httpx

LLM_URL = os.environ.get("LLM_URL", "http://localhost:8080")


@dataclass(frozen=True)
class Completion:
    text: str
    tokens: int


class LLMClient:
    def __init__(self, base_url: str = LLM_URL, attempts: int = 3) -> None:
        self.base_url = base_url
        self.attempts = attempts

    async def complete(self, prompt: str) -> Completion:
        answer = await self._send("/complete", {"prompt": prompt})
        return Completion(text=answer["text"], tokens=answer["usage"]["total_tokens"])

    async def embed(self, text: str) -> str:
        answer = await self._send("/embed", {"input": text})
        return str(answer["text"])

    async def _send(self, path: str, payload: dict[str, str]) -> dict:
        async with httpx.AsyncClient(base_url=self.base_url, timeout=60) as http:
            for attempt in range(1, self.attempts + 1):
                response = await http.post(path, json=payload)
                if response.status_code != 429 or attempt == self.attempts:
                    break
                await asyncio.sleep(2**attempt)
        response.raise_for_status()
        return response.json()
