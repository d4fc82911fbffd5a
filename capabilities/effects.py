"""What runs did to capabilities: in a durable run, done once under each name, however often it is asked for.

An effect of a durable run has a name (`mintaka.runtime.run.Run.effect`). What was done under it is kept in the
transaction that did it. A call that had been made when the process died, and whose outcome nobody had written down, is
made again under the same name: it is answered with what is kept, and changes nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from blake3 import blake3
from sqlalchemy import delete, insert, select

from mintaka.capabilities.held import Held
from mintaka.capabilities.order import Json
from mintaka.storage.database import Database
from mintaka.storage.schema import effect as effects


@dataclass(frozen=True, slots=True)
class Done:
    """What an op did: the capability it gives, or a plain value."""

    value: Json = None
    cap: str | None = None
    type: str | None = None
    holder: str | None = None
    """Who holds the capability; None for whose run it is."""
    made_from: str | None = None
    """What the capability was made from, where it is the run's own and ends with it."""
    handed_on: tuple[str, ...] = ()
    """Capabilities that others hold from now on, or were promised by a link: they outlive the run."""

    @classmethod
    def made(cls, held: Held) -> "Done":
        """A capability that the run made for itself."""
        return cls(cap=held.id, type=held.type, holder=held.holder, made_from=held.parent or held.mint)


class Effects(Protocol):
    """What one run has done to capabilities."""

    def once(self, name: str | None, act: Callable[[], Done]) -> Done:
        """What ``act`` does, or did when it was called under this name before."""
        ...

    def all(self) -> Sequence[Done]:
        """Everything done so far, in order."""
        ...

    def secret(self, name: str | None) -> bytes | None:
        """32 bytes that are the same whenever they are asked for under this name; None: take random ones."""
        ...


class PassingEffects:
    """Of a run that is not resumed: what it did is known as long as it runs."""

    def __init__(self) -> None:
        self._done: list[Done] = []

    def once(self, name: str | None, act: Callable[[], Done]) -> Done:
        """Do it."""
        done = act()
        self._done.append(done)
        return done

    def all(self) -> Sequence[Done]:
        """Everything done so far, in order."""
        return self._done

    def secret(self, name: str | None) -> bytes | None:
        """None."""
        return None


class KeptEffects:
    """Of durable run ``run``: kept in ``database``. ``key`` is 32 secret bytes that secrets are made from."""

    def __init__(self, database: Database, run: str, *, key: bytes) -> None:
        self._database = database
        self._run = run
        self._key = key

    def once(self, name: str | None, act: Callable[[], Done]) -> Done:
        """What ``act`` does, or did when it was called under this name before, in one transaction with the name."""
        with self._database.write() as tx:
            kept = tx.execute(select(effects.c.done).where(effects.c.name == name)).scalar()
            if kept is not None:
                return _read(kept)
            done = act()
            text = json.dumps(asdict(done), separators=(",", ":"))
            tx.execute(insert(effects).values(name=name, run=self._run, done=text))
            return done

    def all(self) -> Sequence[Done]:
        """Everything done so far, in order."""
        with self._database.read() as tx:
            kept = tx.execute(select(effects.c.done).where(effects.c.run == self._run).order_by(effects.c.name))
            return [_read(each) for each in kept.scalars()]

    def secret(self, name: str | None) -> bytes | None:
        """32 bytes that are the same whenever they are asked for under this name."""
        return blake3(str(name).encode(), key=self._key).digest()

    @staticmethod
    def runs(database: Database) -> list[str]:
        """The runs that anything is kept of."""
        with database.read() as tx:
            return list(tx.execute(select(effects.c.run).distinct()).scalars())

    def forget(self) -> None:
        """The run has ended: nothing is asked for any more."""
        with self._database.write() as tx:
            tx.execute(delete(effects).where(effects.c.run == self._run))


def _read(text: str) -> Done:
    kept = json.loads(text)
    return Done(**{**kept, "handed_on": tuple(kept["handed_on"])})
