import asyncio
import sys
from types import SimpleNamespace

import httpx

from mintaka.server.mcp.mount import Agents
from mintaka.server.settings import Limits
from mintaka.server.tokens import SignedIn


async def test_a_server_without_the_sdk_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mintaka.server.mcp.protocol", None)
    tokens = SimpleNamespace(sign_in=lambda token, address: SignedIn("owner", None))
    guests = SimpleNamespace(admit=lambda address: None)
    agents = Agents(None, tokens, guests, None, None, Limits(), "1")  # type: ignore[arg-type]
    transport = httpx.ASGITransport(agents)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answers = [await client.post("/mcp", headers={"authorization": "Bearer x"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [501, 501]
    assert "pip install 'mintaka[mcp]'" in answers[0].text
    await asyncio.wait_for(agents.close(), 5)
