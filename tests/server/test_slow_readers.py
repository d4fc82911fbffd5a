import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

CALLS = 400
"""Each is answered with some fifty kilobytes: far more than the buffers between the two hold."""


async def test_who_does_not_read_is_sent_away_and_others_are_not(start_server):
    server = start_server(env={"MINTAKA_LIMITS__SEND_BUFFER_BYTES": "500000", "MINTAKA_LIMITS__IN_FLIGHT": "1000"})
    async with (
        connect(server.url, compression=None, proxy=None, max_size=None) as other,
        connect(server.url, compression=None, proxy=None, max_size=None, max_queue=1, ping_interval=None) as slow,
    ):
        for socket in (other, slow):
            await socket.send(rpc("auth", {"token": server.token}))
            assert "result" in json.loads(await socket.recv())
        with pytest.raises(ConnectionClosed):
            await ask_first_and_read_later(slow)
        assert slow.close_code == 1013
        await other.send(rpc("ping"))
        assert json.loads(await other.recv())["result"] == "pong"


async def ask_first_and_read_later(socket):
    for _ in range(CALLS):
        await socket.send(rpc("get_opcodes"))
    for _ in range(CALLS):
        await socket.recv()


def rpc(method, params=None):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}})
