"""Real processes on one real database: together they cannot overdraw an account, and one that is killed leaks nothing.

``make fuzz`` does the same with more of everything.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from mintaka.capabilities.audit import Deed
from mintaka.capabilities.terms import Terms
from mintaka.storage.database import Database
from mintaka.storage.schema import account, charge, invocation
from tests.capabilities.spender import OWNER, ROOT_FOLDER, kernel_at


def spender(url: str, cap: str, seed: int, most: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.capabilities.spender", url, cap, str(seed), str(most)],
        cwd=ROOT_FOLDER,
        stdout=subprocess.PIPE,
        text=True,
    )


def check_race(folder: Path, processes: int, each: int) -> None:
    """Let ``processes`` attempt ``each`` calls on an account for half of that, and see that it is spent exactly."""
    url = f"sqlite:///{folder / 'race.db'}"
    kernel = kernel_at(url)
    root = next(held.id for held in kernel.bootstrap(OWNER) if held.type == "toy")
    limit = processes * each // 2
    shared = kernel.delegate(OWNER, root, Terms({}, {"uses": limit}))
    children = [kernel.delegate(OWNER, shared.id).id for _ in range(processes)]
    running = [spender(url, cap, seed, each) for seed, cap in enumerate(children)]
    told = Counter(line for process in running for line in process.communicate()[0].split("\n") if line)
    assert told == {"settled": limit, "no_budget": processes * each - limit}
    [spent] = kernel.describe(OWNER, shared.id).accounts
    assert (spent.reserved, spent.spent, spent.limit) == (0, limit, limit)
    assert kernel.audit_broken_at() is None


def check_kills(folder: Path, kills: int) -> None:
    """Kill a process that admits, settles, releases and revokes, again and again; every invariant holds after each."""
    url = f"sqlite:///{folder / 'kill.db'}"
    kernel = kernel_at(url)
    root = next(held.id for held in kernel.bootstrap(OWNER) if held.type == "toy")
    cap = kernel.delegate(OWNER, root, Terms({}, {"uses": 10**6, "compute": 10**6})).id
    settled = 0
    for seed in range(kills):
        process = spender(url, cap, seed, 0)
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(1 + seed % 7)]
        process.kill()
        lines += [line.strip() for line in process.stdout.read().split("\n")]
        process.stdout.close()
        process.wait()
        kernel = kernel_at(url)
        kernel.calls.recover()
        uses = next(each for each in kernel.describe(OWNER, cap).accounts if each.unit == "uses")
        compute = next(each for each in kernel.describe(OWNER, cap).accounts if each.unit == "compute")
        assert (uses.reserved, compute.reserved) == (0, 0)
        # What it said it did is done; besides, at most the one call that it was about to tell of.
        assert 0 <= uses.spent - settled - lines.count("settled") <= 1
        settled = uses.spent
        assert compute.spent == settled * 500_000
        used = [event for event in kernel.audit() if event.deed is Deed.USED]
        assert len(used) == settled
        assert kernel.audit_broken_at() is None
        living = {held.id for held in kernel.held(OWNER)}
        assert not living & {line.removeprefix("revoked ") for line in lines if line.startswith("revoked")}
        check_charges(url)


def check_charges(url: str) -> None:
    """What every account says was spent is the sum of what calls took of it, and no call is running."""
    database = Database(url)
    with database.read() as tx:
        taken = {
            (row.cap, row.unit): row.sum
            for row in tx.execute(
                select(charge.c.cap, charge.c.unit, func.sum(charge.c.amount).label("sum"))
                .join(invocation)
                .where(invocation.c.state == "settled")
                .group_by(charge.c.cap, charge.c.unit)
            )
        }
        for row in tx.execute(select(account)):
            assert row.spent == taken.get((row.cap, row.unit), 0)
        running = select(func.count()).select_from(invocation).where(invocation.c.state == "running")
        assert tx.execute(running).scalar_one() == 0
    database.close()


def test_processes_together_spend_an_account_exactly_and_never_more(tmp_path: Path) -> None:
    check_race(tmp_path, processes=4, each=15)


def test_a_process_that_is_killed_at_any_moment_leaves_nothing_reserved_and_loses_nothing_it_told(
    tmp_path: Path,
) -> None:
    check_kills(tmp_path, kills=6)
