"""Stands for aiobotocore.session."""

from aioboto3 import Session as AioSession


def get_session() -> AioSession:
    return AioSession()
