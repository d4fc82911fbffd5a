"""The Python side of the wire: connect, sign in, run scripts, keep their pictures.

    async with mintaka.client.connect("ws://127.0.0.1:8321", token) as m:
        picture = await m.run('(let draw (get-capability "diffusers.generate")) (draw.textToImage "a red circle")')
        picture.save("circle.png")

Errors are `RemoteError` with the protocol's ``kind``; `ConnectionLost` when the server is gone.
"""

from mintaka.client.connection import Connection, connect
from mintaka.client.errors import ClientError, ConnectionLost, RemoteError
from mintaka.client.events import Event
from mintaka.client.values import RemoteCapability, RemoteImage, pictures_in

__all__ = [
    "ClientError",
    "Connection",
    "ConnectionLost",
    "Event",
    "RemoteCapability",
    "RemoteError",
    "RemoteImage",
    "connect",
    "pictures_in",
]
