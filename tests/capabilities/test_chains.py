"""What is remembered of capabilities never outlives what anybody, in any process, has done to them since."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, event

from mintaka.capabilities import chains
from mintaka.capabilities.chain import Chain
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from tests.capabilities.conftest import Clock
from tests.capabilities.spender import KEY, ROOT_FOLDER, Toy

REGISTRY = Registry([Mint(), Toy()])
REVOKE = """
import sys
from tests.capabilities.spender import kernel_at
print(kernel_at(sys.argv[1]).revoke("ann", sys.argv[2]))
"""


class Office:
    """A kernel with a database connection of its own, as another process has one."""

    def __init__(self, url: str, seed: int, clock: Clock) -> None:
        self.database = Database(url)
        self.statements: list[str] = []
        event.listen(self.database._engine, "before_cursor_execute", lambda *told: self.statements.append(told[2]))
        self.kernel = Kernel(self.database, REGISTRY, clock=clock, token_bytes=Random(seed).randbytes, key=KEY)

    def says(self, holder: str, id: str) -> object:
        return says(self.kernel, holder, id)


def says(kernel: Kernel, holder: str, id: str) -> object:
    """What a kernel tells of a capability: all of it, or why not."""
    try:
        return kernel.describe(holder, id).to_json()
    except HostFault as fault:
        return fault.kind


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shared.db'}"


@pytest.fixture
def here(url: str, clock: Clock) -> Iterator[Office]:
    office = Office(url, 1, clock)
    yield office
    office.database.close()


@pytest.fixture
def there(url: str, clock: Clock) -> Iterator[Office]:
    office = Office(url, 2, clock)
    yield office
    office.database.close()


def a_chain(office: Office, length: int, limits: object = None) -> list[str]:
    ids = [next(each.id for each in office.kernel.bootstrap("ann") if each.type == "toy")]
    while len(ids) < length:
        ids.append(office.kernel.delegate("ann", ids[-1], Terms(limits=limits)).id)
    return ids


def test_a_capability_that_nobody_touched_is_not_read_again(here: Office) -> None:
    leaf = a_chain(here, 4)[-1]
    first = here.says("ann", leaf)
    here.statements.clear()
    assert here.says("ann", leaf) == first
    assert here.statements == []


def test_a_revocation_by_another_process_counts_from_its_commit_on(here: Office, url: str) -> None:
    ids = a_chain(here, 4)
    call = here.kernel.calls.admit("ann", ids[-1], "play", {}, {})
    assert here.kernel.calls.is_live(call)
    other = subprocess.run(
        [sys.executable, "-c", REVOKE, url, ids[1]], cwd=ROOT_FOLDER, capture_output=True, text=True, check=True
    )
    assert other.stdout == "3\n"
    assert not here.kernel.calls.is_live(call)
    assert [here.says("ann", id) for id in ids[1:]] == ["no_such_capability"] * 3
    assert here.says("ann", ids[0]) != "no_such_capability"


def test_two_processes_that_do_anything_in_turns_always_see_the_same(here: Office, there: Office, clock: Clock) -> None:
    chances = Random(5)
    ids = a_chain(here, 3, {"uses": 50})
    here.kernel.introduce("bob")
    for _ in range(60):
        kernel = chances.choice([here, there]).kernel
        id, holder = chances.choice(ids[1:]), chances.choice(["ann", "bob"])
        deed = chances.choice(["delegate", "share", "give", "use", "use", "revoke", "wait"])
        try:
            if deed == "delegate":
                ids.append(kernel.delegate(holder, id, Terms(limits={"uses": 9}, expires=clock.now + 30)).id)
            elif deed == "share":
                ids.append(kernel.share(holder, id, "bob").id)
            elif deed == "give":
                kernel.give(holder, id, "bob")
            elif deed == "use":
                kernel.calls.settle(kernel.calls.admit(holder, id, "play", {}, {"uses": 1}), {})
            elif deed == "revoke" and len(ids) > 6:
                kernel.revoke(holder, ids[-1])
            else:
                clock.now += 1
        except HostFault:
            pass
        for each in ids:
            for name in ("ann", "bob"):
                newborn = Kernel(here.database, REGISTRY, clock=clock, token_bytes=bytes, key=KEY)
                assert here.says(name, each) == there.says(name, each) == says(newborn, name, each), (deed, each)


def test_what_is_committed_while_a_capability_is_read_is_seen_with_the_next_look(here: Office, there: Office) -> None:
    leaf = a_chain(here, 2)[-1]
    read = here.kernel._chains.read

    def interrupted(tx: Connection, id: str) -> Chain:
        found = read(tx, id)
        there.kernel.revoke("ann", leaf)
        return found

    here.kernel._chains.read = interrupted  # type: ignore[method-assign]
    assert here.says("ann", leaf) != "no_such_capability"  # it was alive when that began
    here.kernel._chains.read = read  # type: ignore[method-assign]
    assert here.says("ann", leaf) == "no_such_capability"


def test_what_expires_is_dead_though_nobody_wrote_anything(here: Office, clock: Clock) -> None:
    middle = here.kernel.delegate("ann", a_chain(here, 1)[0], Terms(expires=clock.now + 5)).id
    leaf = here.kernel.delegate("ann", middle).id
    assert here.says("ann", leaf) != "no_such_capability"
    clock.now += 5
    assert here.says("ann", leaf) == "no_such_capability"


def test_what_was_remembered_of_one_holder_is_nothing_to_another(here: Office) -> None:
    leaf = a_chain(here, 2)[-1]
    here.kernel.introduce("bob")
    assert here.says("ann", leaf) != "no_such_capability"
    assert here.says("bob", leaf) == "no_such_capability"


def test_what_a_transaction_wrote_and_took_back_was_never_there(here: Office) -> None:
    ids = a_chain(here, 2)
    assert here.kernel.revoke("ann", ids[1]) == 1
    with suppress(RuntimeError), here.database.write() as tx:
        tx.exec_driver_sql("UPDATE cap SET revoked = NULL")
        assert here.kernel._rows.is_live(tx, ids[1])
        raise RuntimeError
    assert here.says("ann", ids[1]) == "no_such_capability"


def test_memory_of_capabilities_is_bounded(here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "REMEMBERED", 3)
    for id in a_chain(here, 8):
        here.says("ann", id)
        assert max(len(here.kernel._chains._links), len(here.kernel._chains._chains)) <= 3


def test_a_database_opened_again_is_read_again(here: Office, there: Office) -> None:
    leaf = a_chain(here, 2)[-1]
    assert here.says("ann", leaf) != "no_such_capability"
    here.database.close()
    there.kernel.revoke("ann", leaf)
    assert here.says("ann", leaf) == "no_such_capability"
