"""Pictures are decoded by processes that can do nothing else, and that end when a picture asks too much."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from mintaka.engine.errors import BadImage, EngineError, Unsupported
from mintaka.engine.pixels import Pixels
from mintaka.engine.requests import Interpolation, Resample
from mintaka.engine.uploads import Allowance, Uploads


def saved(width: int, height: int, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(out, format, **({"lossless": True} if format == "WEBP" else {}))
    return out.getvalue()


def content(pixels: Pixels) -> bytes:
    return Path(pixels.path).read_bytes()


def files_beside(pixels: Pixels) -> list[Path]:
    """What is in the folder that the file was in."""
    return list(Path(pixels.path).parent.iterdir())


def asked(data: bytes) -> Resample:
    return Resample(id="test", image=data, factor=2, interpolation=Interpolation.AREA)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uploads() -> AsyncIterator[Uploads]:
    uploads = Uploads(sys.executable, {})
    yield uploads
    await uploads.close()


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_picture_becomes_plain_pixels_that_live_as_long_as_its_request(uploads: Uploads, format: str) -> None:
    data = saved(31, 17, format)
    async with uploads.decoded(asked(data)) as request:
        pixels = Pixels.from_bytes(request.image)
        assert (pixels.mode, pixels.width, pixels.height) == ("RGB", 31, 17)
        assert content(pixels) == Image.open(io.BytesIO(data)).convert("RGB").tobytes()
    assert files_beside(pixels) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_picture_that_breaks_off_is_refused_and_the_next_is_decoded(uploads: Uploads) -> None:
    with pytest.raises(BadImage, match="broken"):
        async with uploads.decoded(asked(saved(64, 64)[:200])):
            pass
    async with uploads.decoded(asked(saved(8, 8))) as request:
        assert Pixels.from_bytes(request.image).width == 8


@pytest.mark.asyncio(loop_scope="module")
async def test_a_decoder_that_was_killed_is_started_anew(uploads: Uploads) -> None:
    async with uploads.decoded(asked(saved(8, 8))):
        pass
    [decoder] = children()
    os.kill(decoder, signal.SIGKILL)
    async with uploads.decoded(asked(saved(8, 8))) as request:
        assert Pixels.from_bytes(request.image).width == 8


def children() -> list[int]:
    """Processes of this one that decode pictures."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "mintaka.engine.decoder" in line]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_request_cancelled_while_its_picture_is_decoded_leaves_no_file(uploads: Uploads) -> None:
    async def draw() -> None:
        async with uploads.decoded(asked(saved(512, 512))):
            raise AssertionError("it was to be cancelled before")

    async with uploads.decoded(asked(saved(8, 8))) as request:
        pixels = Pixels.from_bytes(request.image)
    task = asyncio.create_task(draw())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while files_beside(pixels):  # noqa: ASYNC110 - nobody is told when the decoder is done with it
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("allowance", "said"),
    [(Allowance(wall_s=0.001, cpu_s=1), "too long"), (Allowance(memory=2**20, memory_a_pixel=1), "too much memory")],
)
async def test_a_picture_that_asks_too_much_is_refused_and_said_to(allowance: Allowance, said: str) -> None:
    uploads = Uploads(sys.executable, {}, allowance)
    try:
        with pytest.raises(BadImage, match=said):
            async with uploads.decoded(asked(saved(2000, 1500))):
                pass
    finally:
        await uploads.close()


async def test_what_is_missing_for_decoding_is_named(tmp_path: Path) -> None:
    program = tmp_path / "python"
    says = "link = socket.socket(fileno=0)\nlink.recv(99)\nlink.sendall(b'no Pillow here')\n"
    program.write_text(f"#!{sys.executable}\nimport socket\n{says}")
    program.chmod(0o700)
    with pytest.raises(Unsupported, match="no Pillow here"):
        async with Uploads(str(program), {}).decoded(asked(saved(8, 8))):
            pass
    with pytest.raises(EngineError, match="cannot be started: No such file"):
        async with Uploads("/nowhere/python", {}).decoded(asked(saved(8, 8))):
            pass


ESCAPES = """
import os, socket, sys
from mintaka.engine.decoder.confinement import Bounds, confine
def refused(attempt):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "allowed"
attempts = (
    lambda: open("/etc/passwd"), lambda: socket.socket(), lambda: os.pipe(), lambda: os.kill(os.getppid(), 0),
    lambda: os.fork(), lambda: os.execv("/bin/true", ["true"]), lambda: bytes(2**28),
)
filtered = confine(Bounds(memory=2**26, cpu_s=5, wall_s=30.0, written=100))
names = [refused(attempt) for attempt in attempts]
os.write(1, f"{filtered} {' '.join(names)}".encode())
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="system calls are filtered on Linux")
def test_a_confined_process_opens_no_file_socket_or_program_and_takes_no_more_memory() -> None:
    found = subprocess.run([sys.executable, "-c", ESCAPES], capture_output=True, text=True, check=True)
    filtered, *refused, memory = found.stdout.split()
    assert filtered == "True"
    assert set(refused) <= {"PermissionError", "OSError"}
    assert memory == "MemoryError"
