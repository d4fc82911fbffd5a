"""What authority costs: checking a chain, letting a call begin and end, handing on, and taking back a large tree.

Everything runs on a real SQLite file with commits flushed to the disk where they are. Of each action two figures are
told: its own work, the least processor time of many turns; and how long it took, the median, beside what bare SQLite
took for a transaction of the same kind, in turns. On a busy machine only the first and the ratio mean anything.
"""

import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.terms import AS_IT_IS, Terms
from mintaka.capabilities.use import Use
from mintaka.storage.database import Database

DEPTHS = (0, 8, 31)
TREE = 100_000
TREES = 10
"""How often a tree is taken back."""

CHAIN = """
WITH RECURSIVE path(id, parent) AS (
  SELECT id, parent FROM cap WHERE id = ?
  UNION ALL SELECT cap.id, cap.parent FROM cap JOIN path ON cap.id = path.parent
) SELECT cap.* FROM path JOIN cap USING (id)
"""


@capability("toy", label="Toys")
class Toy:
    """Play."""

    @method(effects=Effect.WRITES)
    async def play(self, use: Use) -> None:
        """Play."""


@dataclass(frozen=True)
class Figures:
    """Microseconds of some action."""

    own: float
    """Processor time, the least."""
    took: float
    """The median."""


def measure(*actions: Callable[[], object], turns: int, before: Callable[[], object] = lambda: None) -> list[Figures]:
    """The figures of actions that take turns; ``before`` comes in front of each and is not measured."""
    times: list[list[tuple[float, float]]] = [[] for _ in actions]
    for _ in range(turns):
        for action, taken in zip(actions, times, strict=True):
            before()
            own, began = time.process_time(), time.perf_counter()
            action()
            taken.append((time.process_time() - own, time.perf_counter() - began))
    return [
        Figures(min(own for own, _ in taken) * 1e6, statistics.median(took for _, took in taken) * 1e6)
        for taken in times
    ]


def told(what: str, ours: Figures, bare: Figures) -> None:
    print(
        f"{what:<46} own {ours.own:>7.1f} µs (bare {bare.own:>6.1f})   "
        f"took {ours.took:>8.0f} µs (bare {bare.took:>6.0f}, × {ours.took / bare.took:.2f})",
        flush=True,
    )


class Bench:
    """A kernel on a file, a chain of its capabilities, and bare SQLite on the same file."""

    def __init__(self, folder: Path) -> None:
        path = folder / "bench.db"
        self.database = Database(f"sqlite:///{path}")
        self.bits = random.Random(1)
        registry = Registry([Mint(), Toy()])
        self.kernel = Kernel(self.database, registry, clock=time.time, token_bytes=self.bits.randbytes, key=b"k" * 32)
        self.root = {held.type: held.id for held in self.kernel.bootstrap("ann")}["toy"]
        self.chain = [self.root]
        for _ in range(max(DEPTHS)):
            self.chain.append(self.kernel.delegate("ann", self.chain[-1], Terms({}, {"uses": 10**9})).id)
        self.bare = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.bare.execute("PRAGMA synchronous = FULL")
        self.numbers = itertools.count()

    def bare_write(self) -> None:
        """One row, flushed."""
        self.bare.execute("BEGIN IMMEDIATE")
        self.bare.execute("UPDATE principal SET created = ?", (next(self.numbers),))
        self.bare.execute("COMMIT")

    def somebody_commits(self) -> None:
        """What makes all that is remembered old."""
        self.bare.execute("PRAGMA synchronous = OFF")
        self.bare_write()
        self.bare.execute("PRAGMA synchronous = FULL")

    def checks(self) -> None:
        """Reading a capability, when nobody has written since, and when somebody has."""
        for depth in DEPTHS:
            id = self.chain[depth]
            check = lambda id=id: self.kernel.permit("ann", id, {"methods": "play"})  # noqa: E731
            bare = lambda id=id: self.bare.execute(CHAIN, (id,)).fetchall()  # noqa: E731
            told(f"check a chain of {depth + 1}", *measure(check, bare, turns=2000))
            told(
                f"check a chain of {depth + 1}, after a commit",
                *measure(check, bare, turns=300, before=self.somebody_commits),
            )

    def calls(self) -> None:
        """Letting a call begin and end."""
        for depth in DEPTHS:
            id, begun = self.chain[depth], []
            begin = lambda id=id, begun=begun: begun.append(  # noqa: E731
                self.kernel.calls.admit("ann", id, "play", {}, {"uses": 1})
            )
            end = lambda begun=begun: self.kernel.calls.settle(begun.pop(), {})  # noqa: E731
            admitted, settled, bare = measure(begin, end, self.bare_write, turns=100)
            told(f"admit a call, chain of {depth + 1}", admitted, bare)
            told(f"settle a call, chain of {depth + 1}", settled, bare)

    def handing_on(self) -> None:
        """Delegating, and redeeming what was exported."""
        told("delegate", *measure(lambda: self.kernel.delegate("ann", self.root), self.bare_write, turns=100))
        _, link = self.kernel.export("ann", self.root)
        told("redeem a share link", *measure(lambda: self.kernel.redeem("ann", link), self.bare_write, turns=100))
        told("open a share link as a guest", *measure(lambda: self.kernel.open_link(link), self.bare_write, turns=100))

    def taking_back(self) -> None:
        """Revoking above a hundred thousand, and above one."""
        leaves = [self.kernel.delegate("ann", self.root).id for _ in range(TREES)]
        told(
            "revoke above nothing",
            *measure(lambda: self.kernel.revoke("ann", leaves.pop()), self.bare_write, turns=TREES),
        )
        toy, tops = self.kernel.registry.get("toy"), []
        with self.database.write() as tx:
            for _ in range(TREES):
                made = [self.kernel._rows.insert(tx, toy, AS_IT_IS, holder="ann", issuer="ann", parent=self.root)]
                tops.append(made[0])
                for number in range(TREE // TREES):
                    parent = made[number // 10]
                    made.append(self.kernel._rows.insert(tx, toy, AS_IT_IS, holder="ann", issuer="ann", parent=parent))
        self.bare.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so much to write back is not the revocation's
        revoke = lambda: self.kernel.revoke("ann", tops.pop())  # noqa: E731
        told(f"revoke above {TREE // TREES:,}", *measure(revoke, self.bare_write, turns=TREES - 1))
        everything = lambda: self.kernel.revoke("ann", self.root)  # noqa: E731
        told(f"revoke above {TREE:,}, once", *measure(everything, self.bare_write, turns=1))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.checks()
        bench.calls()
        bench.handing_on()
        bench.taking_back()


if __name__ == "__main__":
    main()
