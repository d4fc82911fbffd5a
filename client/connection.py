"""A signed-in connection to a server."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from mintaka.client.errors import ClientError, ConnectionLost, RemoteError
from mintaka.client.events import Event
from mintaka.client.values import decode, encode

OnEvent = Callable[[Event], None]

MAX_FRAME = 256 * 1024 * 1024
"""Largest answer taken, in bytes; pictures travel in them."""


@contextlib.asynccontextmanager
async def connect(url: str, token: str | None = None) -> "AsyncIterator[Connection]":
    """Connect to ``url`` (``ws://127.0.0.1:8321``) and sign in with ``token``, which may be that of a share link.

    Raises `ConnectionLost` when nobody answers there and `RemoteError` (unauthenticated) for a wrong token.
    """
    try:
        socket = await connect_socket(url, max_size=MAX_FRAME, compression=None, proxy=None)
    except InvalidURI:
        raise ClientError(f"{url} is no WebSocket address. Give one like ws://127.0.0.1:8321.") from None
    except InvalidHandshake as error:
        raise ConnectionLost(f"{url} refused the connection ({error}).") from error
    except (OSError, TimeoutError, EOFError) as error:
        raise ConnectionLost(f"No server answers at {url}. Start one with `mintaka serve`.") from error
    connection = Connection(socket)
    reader = asyncio.create_task(connection._read())
    try:
        if token is not None:
            answer = await connection.call("auth", {"token": token})
            if isinstance(answer, dict):
                connection.principal = str(answer.get("principal"))
                connection.token = str(answer.get("token", token))
        yield connection
    finally:
        await socket.close()
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


class Connection:
    """What `connect` gives: call methods, run scripts, follow jobs."""

    def __init__(self, socket: ClientConnection) -> None:
        self.principal: str | None = None
        self.token: str | None = None
        """What to sign in with the next time: one's own token where one came by a share link."""
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._events: dict[str, asyncio.Queue[Event | None]] = {}
        self._starting: set[int] = set()
        self._lost = False

    async def call(self, method: str, params: Mapping[str, object] | Sequence[object] = ()) -> object:
        """Call a method and give its result. Raises `RemoteError` or `ConnectionLost`."""
        return await self._call(next(self._ids), method, params)

    async def run(
        self,
        script: str | Sequence[object],
        *,
        args: Sequence[object] = (),
        params: Mapping[str, object] | None = None,
        budget: Mapping[str, object] | None = None,
        on_event: OnEvent | None = None,
    ) -> object:
        """Run a script (text, or its JSON form) and give its value.

        With ``on_event`` it runs as a job and every event of it is passed on as it happens; cancelling the caller
        cancels the job.
        """
        request = self._request(script, args, params, budget)
        if on_event is None:
            return await self.call("execute_script", request)
        return await self.follow(await self.start(script, args=args, params=params, budget=budget), on_event)

    async def follow(self, job: str, on_event: OnEvent) -> object:
        """What a job gives, with every event of it passed on; cancelling the caller cancels the job."""
        try:
            return await self.watch(job, on_event)
        except asyncio.CancelledError:
            with contextlib.suppress(ClientError):
                await asyncio.shield(self.cancel(job))
            raise

    async def watch(self, job: str, on_event: OnEvent) -> object:
        """What a job gives, with every event of it passed on; the job goes on whatever happens to the caller."""
        async for event in self.events(job):
            on_event(event)
            if event.kind == "failed":
                raise RemoteError.from_json(event.data.get("error"))
            if event.kind == "done":
                return event.data.get("result")
        raise ConnectionLost("The server closed the connection before the script was done.")

    async def start(
        self,
        script: str | Sequence[object],
        *,
        args: Sequence[object] = (),
        params: Mapping[str, object] | None = None,
        budget: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        priority: int = 0,
    ) -> str:
        """Start a script as a job and give the job's id; follow it with `events`.

        The job is kept by the server from then on. Who lost the connection before the answer came starts it again with
        the same ``idempotency_key``: it is one job. A higher ``priority`` (-100 to 100) comes before one's other jobs.
        """
        request = {**self._request(script, args, params, budget), "mode": "job", "priority": priority}
        if idempotency_key is not None:
            request["idempotency_key"] = idempotency_key
        return await self._start("execute_script", request)

    async def call_endpoint(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
        on_event: OnEvent | None = None,
    ) -> object:
        """Call an endpoint, ``name`` or ``owner/name``, and give its value; as `run`."""
        if on_event is None:
            return await self.call("endpoints.call", _call_of(name, arguments, version, idempotency_key))
        job = await self.start_endpoint(name, arguments, version=version, idempotency_key=idempotency_key)
        return await self.follow(job, on_event)

    async def start_endpoint(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Call an endpoint as a job, whose id this gives; as `start`."""
        return await self._start(
            "endpoints.call", {**_call_of(name, arguments, version, idempotency_key), "mode": "job"}
        )

    async def _start(self, method: str, request: Mapping[str, object]) -> str:
        id = next(self._ids)
        self._starting.add(id)
        try:
            job = _job_of(await self._call(id, method, request))
        finally:
            self._starting.discard(id)
        if job is None:
            raise ClientError("The server answered a job without an id.")
        return job

    async def events(self, job: str) -> AsyncIterator[Event]:
        """The events of a job to its end; leaving early, one can go on later.

        Of a job that was not started on this connection, what is past comes first, as far as the server keeps it.
        """
        last = 0
        if job not in self._events:
            queue = self._events[job] = asyncio.Queue()
            for past in await self._past(job):
                last = past.seq
                if past.final:
                    self._events.pop(job, None)
                yield past
                if past.final:
                    return
        queue = self._events[job]
        if self._lost:
            queue.put_nowait(None)
        while (event := await queue.get()) is not None:
            if event.seq <= last:
                continue
            if event.final:
                self._events.pop(job, None)
            yield event
            if event.final:
                return

    async def check(self, script: str | Sequence[object]) -> Mapping[str, object]:
        """What the server's checker says of a script: ``{ok, diagnostics, …}``; nothing runs."""
        answer = await self.call("check_script", self._request(script, (), None, None))
        return answer if isinstance(answer, dict) else {}

    async def cancel(self, job: str) -> None:
        """Cancel a job; nothing happens if it is over."""
        await self.call("jobs.cancel", {"job": job})

    async def _past(self, job: str) -> list[Event]:
        told = await self.call("jobs.events", {"job": job})
        found = (
            Event.from_notification(str(each.pop("event", "")), each)
            for each in (told if isinstance(told, list) else [])
            if isinstance(each, dict)
        )
        return [event for event in found if event is not None]

    @staticmethod
    def _request(
        script: str | Sequence[object],
        args: Sequence[object],
        params: Mapping[str, object] | None,
        budget: Mapping[str, object] | None,
    ) -> dict[str, object]:
        request: dict[str, object] = {"source" if isinstance(script, str) else "script": script}
        if args:
            request["args"] = args
        if params:
            request["params"] = params
        if budget:
            request["budget"] = budget
        return request

    async def _call(self, id: int, method: str, params: Mapping[str, object] | Sequence[object]) -> object:
        if self._lost:
            raise ConnectionLost("The connection to the server is closed.")
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[id] = answer
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": encode(params)}
        try:
            await self._socket.send(json.dumps(message))
            return await answer
        except ConnectionClosed:
            raise ConnectionLost("The server closed the connection.") from None
        finally:
            del self._waiting[id]

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                message = json.loads(frame)
                for item in message if isinstance(message, list) else [message]:
                    self._take(item)
        except ConnectionClosed:
            pass
        finally:
            self._lost = True
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionLost("The server closed the connection."))
            for queue in self._events.values():
                queue.put_nowait(None)

    def _take(self, message: object) -> None:
        if not isinstance(message, dict):
            return
        method = message.get("method")
        if isinstance(method, str):
            event = Event.from_notification(method, decode(message.get("params")))
            if event is not None and event.job in self._events:
                self._events[event.job].put_nowait(event)
            return
        id = message.get("id")
        answer = self._waiting.get(id) if isinstance(id, int) else None
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(RemoteError.from_json(message["error"]))
            return
        result = decode(message.get("result"))
        if id in self._starting and (job := _job_of(result)) is not None:
            # The job's first events follow this answer at once, before whoever started it can ask for them.
            self._events[job] = asyncio.Queue()
        answer.set_result(result)


def _job_of(answer: object) -> str | None:
    job = answer.get("job") if isinstance(answer, dict) else None
    return job if isinstance(job, str) else None


def _call_of(
    name: str, arguments: Mapping[str, object] | None, version: int | None, key: str | None
) -> dict[str, object]:
    call: dict[str, object] = {"name": name, "arguments": arguments or {}, "version": version}
    return call if key is None else {**call, "idempotency_key": key}
