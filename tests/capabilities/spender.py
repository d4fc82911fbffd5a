"""A program that uses a capability as fast as it can: ``python -m tests.capabilities.spender URL CAP SEED N``.

It prints a line for each thing that the kernel said was done; ``N`` calls are attempted, without end where it is 0.
"""

import itertools
import random
import secrets
import sys
import time
from pathlib import Path

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database

ROOT_FOLDER = Path(__file__).resolve().parents[2]
KEY = b"k" * 32
OWNER = "ann"


@capability("toy", label="Toys")
class Toy:
    """Play."""

    @method(effects=Effect.WRITES)
    async def play(self, use: Use) -> None:
        """Play."""


def kernel_at(url: str) -> Kernel:
    """The kernel on the database at ``url``, as any process would make it."""
    database = Database(url, busy_s=120)
    return Kernel(database, Registry([Mint(), Toy()]), clock=time.time, token_bytes=secrets.token_bytes, key=KEY)


def main() -> None:
    url, cap, seed, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    kernel, chances = kernel_at(url), random.Random(seed)
    for _ in itertools.count() if most == 0 else range(most):
        try:
            call = kernel.calls.admit(OWNER, cap, "play", {}, {"uses": 1, "compute": 1_000_000})
        except HostFault as fault:
            print(fault.kind, flush=True)
            continue
        if most == 0 and chances.random() < 0.3:
            kernel.calls.release(call)
            print("released", flush=True)
        else:
            kernel.calls.settle(call, {"compute": 500_000})
            print("settled", flush=True)
        if most == 0 and chances.random() < 0.2:
            child = kernel.delegate(OWNER, cap, Terms({}, {"uses": 3}))
            kernel.revoke(OWNER, child.id)
            print(f"revoked {child.id}", flush=True)


if __name__ == "__main__":
    main()
