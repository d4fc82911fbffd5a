"""Taking from this process everything that decoding a picture does not need.

On every system with ``resource``: bounds of memory, processor time, bytes written; no new descriptor, process or core
file. On Linux on x86-64 and ARM also a filter of system calls (seccomp, see seccomp(2)) that lets through what reading,
writing and memory take and refuses all else with EPERM: no file, no socket, no program can be opened. Where the filter
cannot be set the bounds alone hold; no descriptor can be had there either, so no file and no socket.
"""

import ctypes
import platform
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What decoding one picture may take."""

    memory: int
    """Bytes of address space beside what the process has already."""
    cpu_s: int
    """Seconds of processor time."""
    wall_s: float
    """Seconds from beginning to end."""
    written: int
    """Bytes of the file it writes."""

    def to_bytes(self) -> bytes:
        """As they are sent to the decoder."""
        return _LAYOUT.pack(self.memory, self.cpu_s, self.wall_s, self.written)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bounds":
        """The other way."""
        return cls(*_LAYOUT.unpack(data))


_LAYOUT = struct.Struct("<QIdQ")
SENT = _LAYOUT.size
"""Bytes of bounds that were sent."""


ALLOWED: Mapping[str, tuple[int, ...]] = {
    # read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn madvise exit futex
    # mremap clock_gettime exit_group getrandom
    "x86_64": (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 28, 60, 202, 25, 228, 231, 318),
    "aarch64": (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 233, 93, 98, 216, 113, 94, 278),
}
"""Numbers of system calls, in the order of the names above, by machine."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_X32 = 0x40000000
"""Numbers from here on are those of another table, which x86-64 answers to as well."""


def confine(bounds: Bounds) -> bool:
    """Confine this process for good; whether system calls are filtered too. A timer ends it when its time is over."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, bounds.wall_s)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_CPU, bounds.cpu_s)
    _bound(resource.RLIMIT_FSIZE, bounds.written)
    _bound(resource.RLIMIT_AS, _address_space() + bounds.memory)
    _bound(resource.RLIMIT_NPROC, 0)
    _bound(resource.RLIMIT_NOFILE, 0)
    return _filter_system_calls()


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(what, (least, least))
    except (OSError, ValueError):
        if sys.platform == "linux":  # macOS refuses bounds of address space below what it has mapped
            raise


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _filter_system_calls() -> bool:
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ALLOWED or sys.byteorder != "little":
        return False
    program = _program(_AUDIT_ARCH[machine], ALLOWED[machine])
    code = ctypes.create_string_buffer(program, len(program))

    filter = _Program(len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    nothing = ctypes.c_ulong(0)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), nothing, nothing, nothing) != 0:
        return False
    return bool(libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(filter), nothing, nothing) == 0)


def _program(architecture: int, allowed: tuple[int, ...]) -> bytes:
    """Classic BPF over ``struct seccomp_data`` (see linux/seccomp.h): the number is at 0, the machine at 4."""
    count = len(allowed)
    lines = [
        (_LOAD | 0x00, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD | 0x00, 0, 0, 0),
        (_JUMP_AT_LEAST, count, 0, _X32),
        *((_JUMP_EQUAL, count - place, 0, number) for place, number in enumerate(allowed)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
