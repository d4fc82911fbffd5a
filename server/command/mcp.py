"""``mintaka mcp``: for agents that start a program and speak with it over its standard input and output."""

from typing import TYPE_CHECKING, Any

import typer

from mintaka.server.command.faults import extras_explained
from mintaka.server.command.options import Data, Token, Url

if TYPE_CHECKING:
    from mintaka.server.command.reach import Reached


def mcp(url: Url = None, token: Token = None, data: Data = None) -> None:
    """Speak the Model Context Protocol over standard input and output, for the server whose data folder this is.

    Example: mintaka mcp --url ws://127.0.0.1:8321 --token mt_…
    """
    with extras_explained():
        from mcp.server.stdio import stdio_server

        from mintaka.server.command.reach import speak

        async def work(reached: "Reached") -> None:
            async with stdio_server() as streams:
                await _bridge(reached, *streams)

        speak(work, data, url, token)
    raise typer.Exit


async def _bridge(reached: "Reached", said: Any, answers: Any) -> None:
    """Pass every message on to the server and back, until whoever started this closes our input."""
    import anyio
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {"authorization": f"Bearer {reached.connection.token}"}
    address = f"{reached.http}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers, timeout=None, trust_env=False) as http,
        streamable_http_client(address, http_client=http) as (heard, told),
        anyio.create_task_group() as group,
    ):

        async def back() -> None:
            async for message in heard:
                if not isinstance(message, Exception):
                    await answers.send(message)

        group.start_soon(back)
        async for message in said:
            if not isinstance(message, Exception):
                await told.send(message)
        group.cancel_scope.cancel()
