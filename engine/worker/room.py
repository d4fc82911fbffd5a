"""Who may have weights on a device at one time: as many as its budget of bytes holds, first come, first served.

A request asks once for all that it draws with, so none holds some and waits for more, and nobody waits for ever. What
several hold counts once. Weights that nobody holds are not counted here: they leave whenever others need the room.
"""

import math
import os
import threading
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from pathlib import Path

import torch

from mintaka.engine.models.info import Placement
from mintaka.engine.models.kinds import SAFETENSORS
from mintaka.engine.models.single_file import NotReadable, read_shapes

Wants = Mapping[Hashable, int]
"""What a request draws with, each with the bytes of its weights."""


class Room:
    """Room for ``budget`` bytes of weights; who wants more is alone there. Any thread may ask."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._holders: Counter[Hashable] = Counter()
        self._bytes: dict[Hashable, int] = {}
        self._waiting: deque[tuple[Wants, Future[None]]] = deque()
        self._lock = threading.RLock()

    @property
    def held(self) -> int:
        """Bytes of what somebody holds."""
        with self._lock:
            return sum(self._bytes.values())

    def holds(self, key: Hashable) -> bool:
        """Whether somebody holds ``key``."""
        return key in self._holders

    def ask(self, wants: Wants) -> "Future[None]":
        """Done as soon as there is room for ``wants``, which are held from then on until `leave`."""
        answer: Future[None] = Future()
        with self._lock:
            self._waiting.append((wants, answer))
            self._admit()
        return answer

    def leave(self, wants: Wants, answer: "Future[None]") -> None:
        """Hold ``wants`` no more, or wait for them no more."""
        with self._lock:
            if answer.done():
                for key in wants:
                    self._holders[key] -= 1
                    if not self._holders[key]:
                        del self._holders[key], self._bytes[key]
            else:
                self._waiting = deque(each for each in self._waiting if each[1] is not answer)
            self._admit()

    def correct(self, key: Hashable, bytes: int) -> None:
        """What is known better once ``key`` is loaded: how large it is."""
        with self._lock:
            if key in self._bytes:
                self._bytes[key] = bytes
                self._admit()

    def _admit(self) -> None:
        while self._waiting:
            wants, answer = self._waiting[0]
            more = sum(bytes for key, bytes in wants.items() if key not in self._bytes)
            if self._bytes and more and self.held + more > self.budget:
                return
            self._waiting.popleft()
            for key, bytes in wants.items():
                self._bytes.setdefault(key, bytes)
                self._holders[key] += 1
            answer.set_result(None)


def on_device(bytes_of: Mapping[str, int], placement: Placement, device: str) -> int:
    """Bytes of parts of a model that are on ``device`` at one time; on a CPU they all are."""
    if device == "cpu":
        return sum(bytes_of.values())
    away = {"vae": placement.vae_on_cpu}
    kept = [
        bytes
        for name, bytes in bytes_of.items()
        if not away.get(name, placement.clip_on_cpu and name.startswith("text_encoder"))
    ]
    return max(kept, default=0) if placement.offload_to_cpu else sum(kept)


def loaded_bytes(file: Path, device: str) -> int:
    """What the weights in ``file`` will take: single precision on a CPU, half elsewhere; others stay as they are."""
    if file.suffix != SAFETENSORS:
        return file.stat().st_size
    try:
        numbers = sum(math.prod(shape) for shape in read_shapes(file).values())
    except NotReadable:  # whoever loads it says so
        return file.stat().st_size
    return numbers * (4 if device == "cpu" else 2)


def usual_budget(device: str) -> int:
    """Four fifths of an accelerator's memory, half of the main memory where the CPU draws."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) * 4 // 5
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
