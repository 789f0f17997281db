"""Stands for aioboto3, and for aiobotocore.session."""

from types import TracebackType
from typing import Any, Self

from _peer import ask


class _Client:
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    async def put_object(self, **parameters: object) -> dict[str, Any]:
        return await ask("put", **parameters)

    async def head_object(self, **parameters: object) -> dict[str, Any]:
        return await ask("head", **parameters)

    async def generate_presigned_url(self, name: str, Params: dict[str, str]) -> str:
        return f"https://storage/{Params['Key']}"


class Session:
    def client(self, service: str, **options: object) -> _Client:
        return _Client()

    def create_client(self, service: str, **options: object) -> _Client:
        return _Client()
