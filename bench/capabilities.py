"""What authority costs: checking a chain, letting a call begin and end, handing on, and taking back a large tree.

Everything runs on a real SQLite file with commits flushed to the disk. A bare SQLite transaction of the same kind is
timed beside it, in turns, and the ratio tells what is ours.
"""

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.rows import Rows
from mintaka.capabilities.terms import AS_IT_IS, Terms
from mintaka.capabilities.use import Use
from mintaka.storage.database import Database

DEPTHS = (0, 8, 31)
TURNS = 300
TREE = 100_000


@capability("toy", label="Toys")
class Toy:
    """Play."""

    @method(effects=Effect.WRITES)
    async def play(self, use: Use) -> None:
        """Play."""


def median_us(work: Callable[[], object], beside: Callable[[], object], turns: int = TURNS) -> tuple[float, float]:
    """Microseconds of ``work`` and of what is timed beside it, medians over turns."""
    taken, compared = [], []
    for _ in range(turns):
        for action, times in ((work, taken), (beside, compared)):
            began = time.perf_counter()
            action()
            times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken), statistics.median(compared)


def told(what: str, figures: tuple[float, float]) -> None:
    ours, beside = figures
    print(f"{what:<44}{ours:>10.0f} µs   bare SQLite {beside:>8.0f} µs   × {ours / beside:.1f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        bits = random.Random(1)
        key = b"k" * 32
        kernel = Kernel(database, Registry([Mint(), Toy()]), clock=time.time, token_bytes=bits.randbytes, key=key)
        roots = {held.type: held.id for held in kernel.bootstrap("ann")}
        chain = [roots["toy"]]
        for _ in range(max(DEPTHS)):
            chain.append(kernel.delegate("ann", chain[-1], Terms({}, {"uses": 10**9})).id)

        def bare_read() -> None:
            with database.read() as tx:
                tx.execute(text("SELECT holder FROM cap WHERE id = :id"), {"id": chain[0]}).all()

        numbers = itertools.count()

        def bare_write() -> None:
            with database.write() as tx:
                tx.execute(text("UPDATE cap SET label = :new WHERE id = :id"), {"id": chain[0], "new": next(numbers)})

        for depth in DEPTHS:
            id = chain[depth]
            told(f"check a chain of {depth + 1}", median_us(lambda id=id: kernel.describe("ann", id), bare_read))
        for depth in DEPTHS:
            id = chain[depth]

            def use(id: str = id) -> None:
                kernel.calls.settle(kernel.calls.admit("ann", id, "play", {}, {"uses": 1}), {})

            told(f"admit and settle a call, chain of {depth + 1}", median_us(use, bare_write, 60))
        told("delegate", median_us(lambda: kernel.delegate("ann", roots["toy"]), bare_write, 60))
        _, link = kernel.export("ann", roots["toy"])
        told("redeem a share link", median_us(lambda: kernel.redeem("ann", link), bare_write, 60))

        rows = Rows(kernel._chains, clock=time.time, token_bytes=bits.randbytes, key=key)
        top = kernel.delegate("ann", roots["toy"]).id
        toy = kernel.registry.get("toy")
        with database.write() as tx:
            parents = [top]
            for made in range(TREE):
                parent = parents[made // 10]
                parents.append(rows.insert(tx, toy, AS_IT_IS, holder="ann", issuer="ann", parent=parent))
        bare_write()  # what writing so much left to do for SQLite is not the revocation's
        for id in (parents[1], top):
            began = time.perf_counter()
            ended = kernel.revoke("ann", id)
            taken = (time.perf_counter() - began) * 1e3
            below = TREE if id == top else TREE // 10
            print(f"revoke above about {below:,} capabilities: {taken:.1f} ms ({ended:,} counted)")


if __name__ == "__main__":
    main()
