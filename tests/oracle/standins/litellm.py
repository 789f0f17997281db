"""Stands for litellm."""

from typing import Any

from _peer import ask, ask_sync


async def acompletion(model: str, messages: list[dict[str, str]], **options: object) -> dict[str, Any]:
    answer = await ask("completion", model=model, messages=messages, **options)
    return {"choices": [{"message": {"content": answer["text"]}}]}


def completion(model: str, messages: list[dict[str, str]], **options: object) -> dict[str, Any]:
    answer = ask_sync("completion", model=model, messages=messages, **options)
    return {"choices": [{"message": {"content": answer["text"]}}]}


def token_counter(model: str, text: str) -> int:
    return len(text.split())
