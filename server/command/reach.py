"""Find the server a command speaks to: the one named, the one running on the data folder, or one started for it."""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mintaka.client import ClientError, Connection, RemoteError, connect
from mintaka.server.command.faults import CommandFault
from mintaka.server.command.folder import data_folder
from mintaka.server.datafolder import running_server

T = TypeVar("T")

STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Reached:
    """A signed-in connection and where it leads."""

    connection: Connection
    http: str
    embedded: bool
    """Whether the server was started for this command and ends with it."""


@contextlib.asynccontextmanager
async def reach(data: Path, url: str | None = None, token: str | None = None) -> AsyncIterator[Reached]:
    """Connect to ``url``, else to the server running on ``data``, else to a new one that ends with the block."""
    if url is not None:
        async with _connected(url, token) as connection:
            yield Reached(connection, url.replace("ws", "http", 1), embedded=False)
        return
    running = running_server(data)
    if running is not None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(connect(running.url, running.token))
            except ClientError:
                pass  # it died without tidying up
            else:
                yield Reached(connection, running.http, embedded=False)
                return
    async with _embedded(data) as (url, http, token), _connected(url, token) as connection:
        yield Reached(connection, http, embedded=True)


def speak(
    work: Callable[[Reached], Awaitable[T]], data: Path | None, url: str | None = None, token: str | None = None
) -> T:
    """Do ``work`` with the server that `reach` finds; what it refuses is told as a `CommandFault`."""

    async def reached() -> T:
        try:
            async with reach(data_folder(data), url, token) as found:
                return await work(found)
        except RemoteError as error:
            raise CommandFault(error.message) from None
        except ClientError as error:
            raise CommandFault(str(error)) from None

    return asyncio.run(reached())


def ask(
    method: str, params: Mapping[str, object], data: Path | None, url: str | None = None, token: str | None = None
) -> Any:
    """What a method of the server that `reach` finds answers; as `speak`."""

    async def work(reached: Reached) -> Any:
        return await reached.connection.call(method, params)

    return speak(work, data, url, token)


@contextlib.asynccontextmanager
async def _connected(url: str, token: str | None) -> AsyncIterator[Connection]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(connect(url, token))
        except RemoteError as error:
            raise CommandFault(f"{url}: {error.message}") from None
        except ClientError as error:
            raise CommandFault(str(error)) from None
        yield connection


@contextlib.asynccontextmanager
async def _embedded(data: Path) -> AsyncIterator[tuple[str, str, str]]:
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "mintaka", "serve", "--port", "0", "--data", str(data), "--json", "--until-eof"),
            stdin=asyncio.subprocess.PIPE,  # when this process ends in whatever way, the server reads the end of it
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end the server ourselves
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
            try:
                ready = json.loads(line)
                url, http, token = str(ready["url"]), str(ready["http"]), str(ready["token"])
            except (ValueError, KeyError, TypeError):
                await process.wait()
                log.seek(0)
                said = log.read().decode(errors="replace").strip().splitlines() or ["it ended without a word"]
                reason = said[-1].removeprefix("mintaka: ")
                raise CommandFault(f"No server could be started for this: {reason}") from None
            yield url, http, token
        finally:
            process.stdin.close()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                try:
                    async with asyncio.timeout(STOP_TIMEOUT_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
