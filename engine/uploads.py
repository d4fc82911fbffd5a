"""Pictures that come with requests, decoded before a worker gets them: in a process that can do nothing else.

Neither the server nor a worker ever decodes a picture. The decoder (`mintaka.engine.decoder`) is started with the first
one; each picture is decoded by a process of its own, within bounds of memory and time. The pixels go through a file
from there to the worker, never through the server.
"""

import asyncio
import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mintaka.engine.decoder.confinement import Bounds
from mintaka.engine.errors import BadImage, EngineError, Unsupported
from mintaka.engine.headers import Header, read_header
from mintaka.engine.pixels import CHANNELS, Pixels
from mintaka.engine.requests import Request

MIB = 1024**2

START_S = 60.0
"""Seconds the decoder may take to start."""

DYING_S = 0.5

ATTEMPTS = 2
"""Decoders that are tried with a picture; it is not the picture's fault when one dies, unless it broke out."""

AT_ONCE = 2
"""Pictures decoded at a time."""

T = TypeVar("T", bound=Request)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What decoding one picture may take; one of 33.5 million pixels, the most that are taken, took 2 to 4 s."""

    memory: int = 256 * MIB
    """Bytes, whatever its size."""
    memory_a_pixel: int = 32
    cpu_s: int = 10
    wall_s: float = 60.0
    """Longer than ``cpu_s``, for machines that have other work."""


class Uploads:
    """Decodes the pictures of requests. ``python`` and ``environment`` are those of the decoder's process."""

    def __init__(self, python: str, environment: Mapping[str, str], allowance: Allowance | None = None) -> None:
        self._python = python
        self._environment = environment
        self._allowance = allowance or Allowance()
        self._starting = threading.Lock()
        self._decoder: _Decoder | None = None
        self._places = asyncio.Semaphore(AT_ONCE)
        self._closed = False

    @asynccontextmanager
    async def decoded(self, request: T) -> AsyncIterator[T]:
        """``request`` with every picture decoded: in its place stands a `Pixels`, whose file lives as long as this.

        Raises BadImage for what cannot be decoded within bounds, Unsupported where no picture can be.
        """
        made: list[Pixels] = []
        try:
            for data in _pictures(request):
                made.append(await self._pixels(data))
            waiting = iter(made)
            yield _each_picture(request, lambda data: next(waiting).to_bytes())
        finally:
            for pixels in made:
                _remove(pixels)

    @asynccontextmanager
    async def picture(self, data: bytes) -> AsyncIterator[Pixels]:
        """One encoded picture, decoded; its file lives as long as this. Raises BadImage, Unsupported."""
        made = await self._pixels(data)
        try:
            yield made
        finally:
            _remove(made)

    async def close(self) -> None:
        """End the decoder and remove what it left."""
        self._closed = True
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            await asyncio.to_thread(decoder.end)

    async def _pixels(self, data: bytes) -> Pixels:
        async with self._places:
            decoding = asyncio.ensure_future(asyncio.to_thread(self._decode, data))
            try:
                return await asyncio.shield(decoding)
            except asyncio.CancelledError:
                decoding.add_done_callback(_discard)
                raise

    def _decode(self, data: bytes) -> Pixels:
        header = read_header(data)
        pixels = header.width * header.height
        allowed = self._allowance
        bounds = Bounds(
            memory=allowed.memory + allowed.memory_a_pixel * pixels,
            cpu_s=allowed.cpu_s,
            wall_s=allowed.wall_s,
            written=pixels * max(CHANNELS.values()),
        )
        for _ in range(ATTEMPTS):
            decoder = self._running()
            try:
                return decoder.decode(data, header, bounds)
            except _Gone:
                self._bury(decoder)
        raise EngineError("pictures cannot be decoded now: the decoder died", hint="try again")

    def _running(self) -> "_Decoder":
        with self._starting:
            if self._closed:
                raise EngineError("the engine is closed", hint="start the server again")
            if self._decoder is None:
                self._decoder = _Decoder(self._python, self._environment)
            return self._decoder

    def _bury(self, decoder: "_Decoder") -> None:
        with self._starting:
            if self._decoder is decoder:
                self._decoder = None
        decoder.end()


class _Gone(Exception):
    """The decoder is no more."""


class _Decoder:
    """A running decoder and its folder. Raises Unsupported when it cannot run here, EngineError when it does not."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mintaka-pixels-"))
        self._numbers = itertools.count(1)
        self._asking = threading.Lock()
        self._link, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [python, "-P", "-m", "mintaka.engine.decoder"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                    env=environment,
                )
            except OSError as error:
                self._link.close()
                shutil.rmtree(self._folder, ignore_errors=True)
                raise EngineError(f"the decoder of pictures cannot be started: {error.strerror}") from error
        self._link.settimeout(START_S)
        try:
            self._link.sendall(os.fsencode(self._folder))
            said = self._link.recv(1024).decode(errors="replace")
        except OSError:
            said = ""
        if said != "ready":
            self.end()
            if said:
                raise Unsupported(said, hint="install mintaka[engine]")
            raise EngineError("the decoder of pictures did not start", hint="see the server's log")

    def decode(self, data: bytes, header: Header, bounds: Bounds) -> Pixels:
        """Have one picture decoded within ``bounds``. Raises BadImage, `_Gone`."""
        path = self._folder / str(next(self._numbers))
        began = time.monotonic()
        try:
            ours, theirs = socket.socketpair()
            with ours:
                with theirs, tempfile.TemporaryFile(dir=self._folder) as source, path.open("xb") as target:
                    source.write(data)
                    source.seek(0)
                    with self._asking:
                        descriptors = [source.fileno(), target.fileno(), theirs.fileno()]
                        socket.send_fds(self._link, [bounds.to_bytes()], descriptors)
                ours.settimeout(bounds.wall_s + START_S)
                answer = b"".join(iter(lambda: ours.recv(4096), b""))
            if not answer and self._has_ended():
                raise _Gone
            told = (
                json.loads(answer) if answer else {"over": time.monotonic() - began >= min(bounds.cpu_s, bounds.wall_s)}
            )
            return _pixels(told, path, header, data)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _Gone from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _has_ended(self) -> bool:
        """Whether the decoder itself is gone; one that dies closes its descriptors a moment before it has ended."""
        try:
            self._process.wait(DYING_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Make sure that it is gone, and its folder."""
        self._link.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _pixels(told: Mapping[str, Any], path: Path, header: Header, data: bytes) -> Pixels:
    """What the decoder ``told`` about ``data``, which is not believed any further than the file bears out."""
    if "bad" in told:
        raise BadImage(str(told["bad"]), hint=str(told["hint"]))
    if "memory" in told:
        raise BadImage("the picture takes too much memory to decode", hint="save it anew, or smaller")
    if told.get("over"):
        raise BadImage("the picture takes too long to decode", hint="save it anew, or smaller")
    sound = told.get("mode") in CHANNELS and (told.get("width"), told.get("height")) == (header.width, header.height)
    if not sound:
        raise BadImage("the picture is broken: decoding it crashes", hint="save it anew")
    digest = hashlib.sha256(data).hexdigest()
    pixels = Pixels(str(path), told["mode"], header.width, header.height, digest)
    if path.stat().st_size != pixels.size:
        raise BadImage("the picture is broken: decoding it gives nothing whole", hint="save it anew")
    return pixels


def _pictures(request: Request) -> list[bytes]:
    found: list[bytes] = []

    def keep(data: bytes) -> bytes:
        found.append(data)
        return data

    _each_picture(request, keep)
    return found


def _each_picture(value: Any, change: Callable[[bytes], bytes]) -> Any:
    """``value`` with every picture in it changed, in their order."""
    if isinstance(value, bytes):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_each_picture(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _each_picture(getattr(value, each.name), change) for each in fields(value)}
        return replace(value, **changed)
    return value


def _remove(pixels: Pixels) -> None:
    with suppress(OSError):
        os.unlink(pixels.path)


def _discard(decoding: "asyncio.Future[Pixels]") -> None:
    """Nobody waits any longer for what was being decoded."""
    if not decoding.cancelled() and decoding.exception() is None:
        _remove(decoding.result())
