"""Asking a real server over plain HTTP, as other programs do. Every answer must be as the server describes it."""

import asyncio
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from mintaka.client import connect


@functools.cache
def description(http: str) -> tuple[dict[str, Any], list[tuple[re.Pattern[str], str]]]:
    """What the server at an address says of itself, and its paths as patterns, those without a name in them first."""
    told = httpx.get(f"{http}/openapi.json", trust_env=False).json()
    paths = sorted(told["paths"], key=lambda path: path.count("{"))
    return told, [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in paths]


def as_described(response: httpx.Response) -> None:
    """Fail where an answer is not what `/openapi.json` says of it."""
    request = response.request
    told, patterns = description(f"{request.url.scheme}://{request.url.netloc.decode()}")
    path = next((path for pattern, path in patterns if pattern.fullmatch(request.url.path)), None)
    operation = told["paths"].get(path, {}).get(request.method.lower())
    if operation is None or response.status_code in (304, 206, 416):
        return
    answers = operation["responses"]
    content = answers.get(str(response.status_code), answers["default"])["content"]
    media = response.headers["content-type"].partition(";")[0]
    assert media in content, f"{request.method} {path} answers {media}, and is said to answer {list(content)}"
    if media == "application/json":
        schema = {**content[media]["schema"], "components": told["components"]}
        jsonschema.validate(response.read() and response.json(), schema, jsonschema.Draft202012Validator)


def client(server, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"}
    hooks = {"response": [as_described]}
    return httpx.Client(base_url=server.http, headers=headers, trust_env=False, timeout=180, event_hooks=hooks)


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
