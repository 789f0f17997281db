"""Stands for stripe."""

from typing import Any

from _peer import ask, ask_sync

api_key = ""


class _Resource:
    @classmethod
    async def create_async(cls, **parameters: object) -> dict[str, Any]:
        return {**await ask(cls.__name__, **parameters), "id": "x_1"}

    @classmethod
    async def retrieve_async(cls, identity: str) -> dict[str, Any]:
        return {**await ask(cls.__name__, identity=identity), "id": identity}

    @classmethod
    def create(cls, **parameters: object) -> dict[str, Any]:
        return {**ask_sync(cls.__name__, **parameters), "id": "x_1"}


class Customer(_Resource):
    pass


class PaymentIntent(_Resource):
    pass
