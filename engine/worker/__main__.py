"""A worker process: ``python -m mintaka.engine.worker``, started by the supervisor and by nobody else.

The main thread is the stepping thread; one thread reads the socket, one is the heart, and the stepping loop has side
threads of its own. The process ends when the supervisor hangs up or dies.
"""

import ctypes
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mintaka.engine.frames import Decoder, Message
from mintaka.engine.messages import Start, start_from
from mintaka.engine.worker.link import Link, beat_forever, vanish

NOTHING_YET: Message = {"models": [], "stuck": None, "weights": None, "budget": None}


def main() -> None:
    """Be a worker until the supervisor is gone."""
    start = _read_start()
    _die_with_parent()
    if start.memory_bytes is not None and start.device == "cpu":
        bound_memory(start.memory_bytes)
    link = Link(socket.socket(fileno=start.socket))
    link.send({"kind": "hello", "token": start.token})
    beating: list[Callable[[], Message]] = []
    beat_forever(link, lambda: {"kind": "beat", "memory": memory(), **(beating[0]() if beating else NOTHING_YET)})
    try:
        import torch  # noqa: F401

        from mintaka.engine.worker import torchvision_operators

        torchvision_operators.make_importable()
        from mintaka.engine.worker.desk import Desk
    except ImportError as error:
        link.send({"kind": "unable", "message": f"the engine cannot run here: {error}"})
        for _ in link.messages():
            pass  # until the supervisor has read why and hangs up
        raise
    desk = Desk(link, start)
    beating.append(desk.beat)
    threading.Thread(target=_listen, args=(link, desk.take), name="ear", daemon=True).start()
    link.send({"kind": "ready"})
    desk.run()


def bound_memory(most: int) -> None:
    """Let allocations beyond ``most`` bytes fail (RLIMIT_DATA, see getrlimit(2)), where weights are in main memory.

    Files that are mapped for reading do not count, as safetensors are. On an accelerator the supervisor alone watches:
    a driver's mappings count here and hold no memory.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def memory() -> int | None:
    """Bytes of main memory this process holds now, or ``None`` where the system does not tell (see proc(5))."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def _read_start() -> Start:
    told = next(Decoder().feed(sys.stdin.buffer.read()))
    return start_from(told)


def _listen(link: Link, take: Callable[[Message], None]) -> None:
    try:
        for message in link.messages():
            take(message)
    finally:
        vanish()


def _die_with_parent() -> None:
    """Where the system has it (see prctl(2)), be killed when the parent dies, even while stuck inside a library."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


if __name__ == "__main__":
    main()
