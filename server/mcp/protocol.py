"""The protocol itself, by the official SDK. https://modelcontextprotocol.io"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as Told

from mintaka.server.api.visit import Visit
from mintaka.server.faults import Faults
from mintaka.server.mcp.offered import Tools

VISIT = "mintaka.visit"
"""Where in an ASGI scope it stands who asks."""

INSTRUCTIONS = (
    "Pictures are made by tools that draw; they come back as images with an id, `asset`, which other tools take as "
    "a picture. What is refused says why and what would be accepted."
)


def manager(tools: Tools, faults: Faults, version: str, most_bytes: int) -> StreamableHTTPSessionManager:
    """What answers the requests of agents; each stands for itself, so any of them may come to a server anew."""

    async def list_tools(context: ServerRequestContext[Any], params: PaginatedRequestParams | None) -> ListToolsResult:
        principal = _visit(context).session
        assert principal is not None
        found = await asyncio.to_thread(tools.of, principal.principal)
        return ListToolsResult(
            tools=[
                Told(
                    name=name,
                    title=each.title,
                    description=each.description,
                    input_schema=dict(each.schema),
                    annotations=ToolAnnotations(read_only_hint=each.reads),
                )
                for name, each in found.items()
            ]
        )

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        steps: asyncio.Queue[Mapping[str, object]] = asyncio.Queue()

        def heard(kind: str, data: Mapping[str, object]) -> None:
            if kind == "progress":
                steps.put_nowait(data)

        telling = asyncio.create_task(_tell(context, steps))
        try:
            result = await tools.call(_visit(context), params.name, params.arguments or {}, heard)
        except Exception as error:  # every refusal and failure is told to the agent, which may do better then
            told = faults.tell(error)
            return CallToolResult(content=[TextContent(text=_error_text(told))], is_error=True)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        pictures: list[ContentBlock] = []
        plain = _taken_out(result, pictures)
        text = TextContent(text=json.dumps(plain, ensure_ascii=False))
        return CallToolResult(content=[*pictures, text], structured_content={"result": plain})

    server = Server(
        "mintaka", version=version, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )
    return StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=most_bytes)


def _visit(context: ServerRequestContext[Any]) -> Visit:
    assert context.request is not None
    visit: Visit = context.request.scope[VISIT]
    return visit


async def _tell(context: ServerRequestContext[Any], steps: asyncio.Queue[Mapping[str, object]]) -> None:
    """Report each step, counted over all pictures of the call, since progress may only grow."""
    count = 0
    while True:
        step = await steps.get()
        count += 1
        await context.session.report_progress(count, None, f"step {step.get('step')} of {step.get('steps')}")


def _error_text(told: Mapping[str, Any]) -> str:
    hint = told["data"].get("hint")
    return f"{told['message']}" + (f" Hint: {hint}." if hint else "") + f" [{told['data']['kind']}]"


def _taken_out(value: Any, pictures: list[ContentBlock]) -> Any:
    """A result without the bytes of its pictures, which become contents of their own."""
    if isinstance(value, list):
        return [_taken_out(each, pictures) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("image"), str) and "asset" in value and "image_url" in value:
        pictures.append(ImageContent(data=value["image"], mime_type=f"image/{value['format']}"))
        return {key: fact for key, fact in value.items() if key != "image"}
    return {key: _taken_out(each, pictures) for key, each in value.items()}
