"""A run's own capabilities end with it, unless it gave them back."""

from contextlib import suppress
from typing import Any

import pytest

from mintaka.client import Connection, RemoteError, connect

DELEGATE = '(let small (delegate (get-capability "diffusers.generate") {:max_width 64}))'


async def held(connection: Connection) -> int:
    listed = await connection.call("capabilities.list")
    assert isinstance(listed, list)
    return len(listed)


@pytest.mark.parametrize("end", ["null", '(throw "over")', "(while true null)"])
async def test_what_a_run_made_for_itself_ends_with_it(server: Any, end: str) -> None:
    async with connect(server.url, server.token) as connection:
        before = await held(connection)
        with suppress(RemoteError):
            await connection.run(f"{DELEGATE} {end}", budget={"fuel": 10_000})
        assert await held(connection) == before


async def test_what_a_run_gives_back_lives_on(server: Any) -> None:
    async with connect(server.url, server.token) as connection:
        before = await held(connection)
        small = await connection.run(f"{DELEGATE} {{:mine small}}")
        assert isinstance(small, dict)
        assert await held(connection) == before + 1
        assert await connection.call("capabilities.revoke", {"cap": small["mine"]}) == {"revoked": 1}
