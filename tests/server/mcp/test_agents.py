"""Agents, with the SDK's own client against a real server: they see what their token may do, and nothing else."""

import base64
import contextlib
import sys

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mintaka.client import connect

POSTER = """
(params (prompt string "a red circle" "What to draw") (seed (int 0 9)))
(let draw (get-capability "diffusers.generate"))
(draw.textToImage prompt {:num_inference_steps 2 :seed seed :width 64 :height 64})
"""


@contextlib.asynccontextmanager
async def agent(server, token):
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{server.http}/mcp", http_client=http)) as client,
    ):
        yield client


async def link(owner, type, **terms):
    """The token of a guest who holds a narrower capability of a type."""
    listed = await owner.call("capabilities.list")
    root = next(each["cap"] for each in listed if each["type"] == type and each["parent"] is None)
    return (await owner.call("capabilities.export", {"cap": root, **terms}))["token"]


async def test_an_agent_sees_what_its_token_may_do_and_draws_with_it(server):
    async with connect(server.url, server.token) as owner:
        narrow = {"methods": ["textToImage"], "max_width": 64, "max_height": 64, "max_steps": 3}
        token = await link(owner, "diffusers.generate", restrictions=narrow)
        async with connect(server.url, token) as opened:
            token = opened.token
    async with agent(server, token) as client:
        [tool] = (await client.list_tools()).tools
        assert tool.name == "diffusers_generate_textToImage"
        assert tool.annotations.read_only_hint is False
        schema = tool.input_schema
        assert schema["required"] == ["prompt"]
        assert (schema["properties"]["width"]["maximum"], schema["properties"]["num_inference_steps"]["maximum"]) == (
            64,
            3,
        )
        assert schema["properties"]["model_id"]["enum"][0] == "starter"
        assert "widget" not in schema["properties"]["width"]

        told = []

        async def progressed(progress, total, message):
            told.append((progress, message))

        wanted = {"prompt": "a red circle", "num_inference_steps": 2, "seed": 1, "width": 64, "height": 64}
        drawn = await client.call_tool(tool.name, wanted, progress_callback=progressed)
        assert not drawn.is_error, drawn.content
        picture, text = drawn.content
        assert picture.mime_type == "image/png"
        assert base64.b64decode(picture.data).startswith(b"\x89PNG")
        assert drawn.structured_content["result"]["seed"] == 1
        assert picture.data not in text.text
        assert told == [(1, "step 1 of 2"), (2, "step 2 of 2")]

        refused = await client.call_tool(tool.name, {**wanted, "width": 128})
        assert refused.is_error
        assert "`max_width`" in refused.content[0].text
        unknown = await client.call_tool("fs_read_read", {"path": "x"})
        assert unknown.is_error


async def test_endpoints_are_tools_of_whoever_may_call_them(server):
    async with connect(server.url, server.token) as owner:
        for name, source in (("agents-poster", POSTER), ("agents-hidden", "1")):
            await owner.call("endpoints.publish", {"name": name, "source": source, "description": "Draws a poster."})
        token = await link(owner, "endpoint.call", restrictions={"endpoints": ["agents-poster"]}, limits={"uses": 1})
        async with connect(server.url, token) as opened:
            token = opened.token
        async with agent(server, token) as client:
            [tool] = (await client.list_tools()).tools
            assert (tool.name, tool.description) == ("call_agents-poster", "Draws a poster.")
            assert tool.input_schema["properties"]["seed"] == {
                "description": "",
                "type": "integer",
                "minimum": 0,
                "maximum": 9,
            }
            wrong = await client.call_tool(tool.name, {"seed": 11})
            assert wrong.is_error
            assert "`seed` is from 0 to 9" in wrong.content[0].text
            drawn = await client.call_tool(tool.name, {"seed": 4})
            assert [each.type for each in drawn.content] == ["image", "text"]
            again = await client.call_tool(tool.name, {"seed": 4})
            assert again.is_error
            assert "no_budget" in again.content[0].text
            hidden = await client.call_tool("call_agents-hidden", {})
            assert hidden.is_error
        for name in ("agents-poster", "agents-hidden"):
            await owner.call("endpoints.unpublish", {"name": name})


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer mt_wrong"}])
def test_nobody_without_a_token_is_let_in(server, headers):
    refused = httpx2.post(f"{server.http}/mcp", json={}, headers=headers, trust_env=False)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


async def test_an_agent_that_starts_programs_reaches_the_server_through_one(server):
    command = [sys.executable, "-m", "mintaka", "mcp", "--data", str(server.data)]
    async with Client(StdioServerParameters(command=command[0], args=command[1:])) as client:
        tools = {each.name for each in (await client.list_tools()).tools}
        assert "diffusers_generate_textToImage" in tools
        told = await client.call_tool("diffusers_generate_models", {})
        assert not told.is_error
        assert "starter" in told.content[0].text
