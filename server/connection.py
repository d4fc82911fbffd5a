"""One WebSocket: frames in, answers and notifications out, in order, within limits.

Requests run concurrently, each as a task of the connection; when the connection closes, what it awaited is cancelled
and nothing else. Nobody waits for a slow reader: what is not sent yet is kept up to a limit, then the connection is
closed with 1013.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mintaka.capabilities.principals import OWNER
from mintaka.server import rpc
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.sessions import Peer, Session
from mintaka.server.settings import Limits

TOO_BIG = 1009
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008
CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a method answers: JSON (with bytes where the frame is binary), and what happens once it is on its way."""

    result: object
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a method, and how the answer will be written."""

    connection: Peer
    binary: bool

    @property
    def session(self) -> Session:
        """The caller's session. Raises `Fault` (unauthenticated)."""
        return self.require_session()

    def require_session(self) -> Session:
        """Refuse whoever has not signed in. Raises `Fault` (unauthenticated)."""
        if self.connection.session is None:
            raise Fault(
                Kind.UNAUTHENTICATED,
                'Sign in first: call `auth` with {"token": …}. `mintaka serve` prints the token, '
                "and keeps it in the file `token` of the data folder.",
            )
        return self.connection.session

    def require_owner(self) -> None:
        """Refuse everybody but the owner of the server. Raises `Fault` (unauthenticated, denied)."""
        if self.session.principal != OWNER:
            raise Fault(Kind.DENIED, "Only the owner of this server may do that. Ask whoever runs it.")


Dispatch = Callable[[Caller, str, Mapping[str, object] | Sequence[object]], Awaitable[Reply]]


class Connection:
    """A connected peer; ``serve`` runs until it is gone."""

    def __init__(self, socket: WebSocket, dispatch: Dispatch, faults: Faults, limits: Limits) -> None:
        self.session: Session | None = None
        self.binary = False
        """Whether notifications are written as msgpack: as the peer's last frame was."""
        self.wrong_tokens = 0
        self._socket = socket
        self._dispatch = dispatch
        self._faults = faults
        self._limits = limits
        self._frame_limits = rpc.FrameLimits(limits.frame_bytes, limits.json_depth, limits.json_nodes, limits.batch)
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = 0
        self._outbox: deque[str | bytes] = deque()
        self._unsent = 0
        self._wake = asyncio.Event()
        self._close_with: int | None = None
        self._aborted = asyncio.Event()

    @property
    def address(self) -> str:
        """The network address the peer connects from."""
        return "" if self._socket.client is None else self._socket.client.host

    async def serve(self) -> None:
        """Accept, then read and answer until the peer goes or is sent away."""
        await self._socket.accept()
        ends = {asyncio.create_task(work) for work in (self._read(), self._write(), self._aborted.wait())}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = ends | self._tasks
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._close_with is not None and self._socket.application_state is not WebSocketState.DISCONNECTED:
                # A peer that reads nothing does not take the closing frame either.
                with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        await self._socket.close(self._close_with)

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Queue a notification; ``params`` is JSON, with bytes only where `binary` is set."""
        self._send(rpc.notification(method, params), self.binary)

    def close(self, code: int) -> None:
        """Close once everything queued is sent."""
        self._close_with = code
        self._wake.set()

    async def _read(self) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except RuntimeError:  # Starlette's word for a socket that is closed already
                return
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            frame: str | bytes = text if text is not None else message["bytes"]
            if self.session is None and len(frame) > self._limits.frame_bytes_before_auth:
                self._abort(TOO_BIG)
                return
            self._take(frame)

    def _take(self, frame: str | bytes) -> None:
        self.binary = isinstance(frame, bytes)
        incoming = rpc.read(frame, self._frame_limits)
        items: list[rpc.Call | rpc.Refusal] = []
        for item in incoming.items:
            if isinstance(item, rpc.Call):
                if self._calls >= self._limits.in_flight:
                    items.append(rpc.Refusal(None if item.notification else item.id, self._too_many()))
                    continue
                self._calls += 1
            items.append(item)
        task = asyncio.create_task(self._answer(items, batch=incoming.batch, binary=self.binary))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, items: Sequence[rpc.Call | rpc.Refusal], *, batch: bool, binary: bool) -> None:
        caller = Caller(self, binary)
        after: list[Callable[[], None]] = []
        try:
            answers = await asyncio.gather(*(self._outcome(caller, item, after) for item in items))
            self._send_answers([answer for answer in answers if answer is not None], batch=batch, binary=binary)
        finally:
            # What was accepted goes on, whether or not anybody is left to hear of it.
            for then in after:
                then()

    async def _outcome(
        self, caller: Caller, item: rpc.Call | rpc.Refusal, after: list[Callable[[], None]]
    ) -> dict[str, object] | None:
        if isinstance(item, rpc.Refusal):
            return rpc.failure(item.id, item.fault.to_json())
        try:
            reply = await self._dispatch(caller, item.method, item.params)
            answer = rpc.success(item.id, reply.result)
            if reply.then is not None:
                after.append(reply.then)
        except Exception as error:
            answer = rpc.failure(item.id, self._faults.tell(error))
        finally:
            self._calls -= 1
        return None if item.notification else answer

    def _send_answers(self, answers: list[dict[str, object]], *, batch: bool, binary: bool) -> None:
        if not answers:
            return
        try:
            self._send(answers if batch else answers[0], binary)
        except (TypeError, ValueError, RecursionError) as error:
            told = self._faults.tell(error)
            failures = [{"jsonrpc": rpc.JSONRPC, "id": answer["id"], "error": told} for answer in answers]
            self._send(failures if batch else failures[0], binary)

    def _send(self, message: object, binary: bool) -> None:
        if self._close_with is not None:
            return
        frame = rpc.write_binary(message) if binary else rpc.write_text(message)
        self._unsent += len(frame)
        if self._unsent > self._limits.send_buffer_bytes:
            self._abort(TRY_AGAIN_LATER)
            return
        self._outbox.append(frame)
        self._wake.set()

    def _abort(self, code: int) -> None:
        self._outbox.clear()
        self.close(code)
        self._aborted.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                frame = self._outbox.popleft()
                try:
                    if isinstance(frame, bytes):
                        await self._socket.send_bytes(frame)
                    else:
                        await self._socket.send_text(frame)
                except (WebSocketDisconnect, RuntimeError):
                    return
                self._unsent -= len(frame)
            if self._close_with is not None:
                return

    def _too_many(self) -> Fault:
        most = self._limits.in_flight
        return Fault(
            Kind.LIMIT,
            f"At most {most} requests of one connection may be unanswered. Wait for some answers.",
            data={"limit": "in_flight", "value": most},
        )
