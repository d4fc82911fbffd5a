"""Asking a real server over plain HTTP, as other programs do."""

import asyncio
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from mintaka.client import connect


def client(server, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.http, headers=headers, trust_env=False, timeout=60)


@pytest.fixture
def web(server) -> Iterator[httpx.Client]:
    """The owner's requests."""
    with client(server, server.token) as made:
        yield made


@pytest.fixture
def somebody(server, request) -> Iterator[Callable[..., httpx.Client]]:
    """Makes principals who hold children of some of the owner's capabilities: their requests."""
    made: list[httpx.Client] = []

    async def token(name: str, types: tuple[str, ...], restrictions: dict[str, object]) -> str:
        async with connect(server.url, server.token) as owner:
            told = await owner.call("principals.create", {"name": name, "kind": "service"})
            for each in await owner.call("capabilities.list"):
                if each["type"] in types and each["parent"] is None and each["holder"] == "owner":
                    terms = {"cap": each["cap"], "to": name, "restrictions": restrictions}
                    await owner.call("capabilities.share", terms)
            return told["token"]

    def make(*types: str, **restrictions: object) -> httpx.Client:
        name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())[:50]}-{len(made)}"
        made.append(client(server, asyncio.run(token(name, types, restrictions))))
        return made[-1]

    yield make
    for each in made:
        each.close()
