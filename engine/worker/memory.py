"""How much memory there is and is taken: on CUDA as torch counts it, on a CPU as the system does (see proc(5))."""

import resource
from collections.abc import Callable
from pathlib import Path

import torch


def held(device: torch.device) -> int | None:
    """Bytes this process holds there, or ``None`` where nobody tells."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return _kibibytes("/proc/self/status", "VmRSS:")


def left(device: torch.device) -> int | None:
    """Bytes that can still be had there, or ``None`` where nobody tells."""
    if device.type == "cuda":
        unused, _ = torch.cuda.mem_get_info(device)
        return int(unused + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type != "cpu":
        return None
    free = _kibibytes("/proc/meminfo", "MemAvailable:")
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    data = _kibibytes("/proc/self/status", "VmData:")
    if most == resource.RLIM_INFINITY or data is None:
        return free
    return max(0, most - data if free is None else min(free, most - data))


def measuring(device: torch.device) -> Callable[[], int | None]:
    """Begin to measure; what is given back tells how many bytes more than now were held since then at the most."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return lambda: int(torch.cuda.max_memory_allocated(device) - before)
    now = held(device) if device.type == "cpu" else None
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
    except OSError:
        now = None

    def taken() -> int | None:
        peak = _kibibytes("/proc/self/status", "VmHWM:")
        return None if now is None or peak is None or peak <= now else peak - now

    return taken


def give_back(device: torch.device) -> None:
    """Let the device have what torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _kibibytes(file: str, name: str) -> int | None:
    try:
        lines = Path(file).read_text("ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) * 1024 if found else None
