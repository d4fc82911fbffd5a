"""The calls of methods, from their admission to their end: what each may use, has used, and what comes of a crash."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from mintaka.capabilities import ledger
from mintaka.capabilities.audit import Audit, Deed
from mintaka.capabilities.chains import Chains
from mintaka.capabilities.ledger import Admission, Published
from mintaka.capabilities.order import Json
from mintaka.capabilities.rows import Rows
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database


class Calls:
    """The calls of the capabilities in ``rows``; `mintaka.capabilities.kernel.Kernel` makes and has one."""

    def __init__(
        self, database: Database, chains: Chains, rows: Rows, audit: Audit, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._chains = chains
        self._rows = rows
        self._audit = audit
        self._clock = clock

    def admit(
        self,
        holder: str,
        id: str,
        method: str,
        asked: Mapping[str, object],
        charges: Mapping[str, int],
        effect: str | None = None,
    ) -> Admission:
        """Let a call begin: check the chain and reserve what the call may use at most, in one transaction.

        ``effect`` is the call's name in a durable run. When it is made again under that name, what it reserved is still
        reserved for it; and one that had been settled is not paid a second time.

        Raises HostFault ``no_such_capability``, ``denied``, ``no_budget``.
        """
        admission = Admission(self._rows.new_id("i_"), id, holder, method, dict(charges), effect)
        # A power cut ends the call as well, and `recover` then gives back what it reserved: nothing to wait for.
        with self._database.write(flushed=False) as tx:
            before = None if effect is None else ledger.known(tx, effect)
            if before is not None and before.settled:
                return before
            chain = self._rows.live(tx, holder, id)
            chain.permit({"methods": method, **asked})
            if before is not None and ledger.holds(tx, before, charges):
                return replace(admission, id=before.id)
            if before is not None:
                ledger.release(tx, before.id, self._clock())
                ledger.known(tx, before.effect or "")
            ledger.reserve(tx, chain, admission, self._clock())
        return admission

    def is_live(self, admission: Admission) -> bool:
        """Whether the capability of a running call still lives in the same hands: ask at every step."""
        try:
            self._chains.now(admission.principal, admission.cap)
        except HostFault:
            return False
        return True

    def settle(
        self,
        admission: Admission,
        spent: Mapping[str, int],
        results: Sequence[Published] = (),
        outcome: str | None = None,
    ) -> None:
        """End a call well: its results become its principal's, what it spent is spent, the rest is given back.

        ``outcome`` is what to answer where a durable run makes the call again; it is kept until that run ends.

        The chain is checked once more in the same transaction, so what was revoked meanwhile publishes nothing.
        Raises HostFault ``no_such_capability``; the call is then still to be released.
        """
        with self._database.write() as tx:
            self._rows.live(tx, admission.principal, admission.cap)
            ledger.settle(tx, admission.id, spent, self._clock(), None if admission.effect is None else outcome)
            ledger.publish(tx, admission, results)
            used: dict[str, Json] = {unit: spent.get(unit, amount) for unit, amount in admission.charges.items()}
            self._record_end(tx, Deed.USED, admission, spent=used)

    def release(self, admission: Admission) -> None:
        """End a call that failed or was cancelled: give back all it reserved."""
        with self._database.write(flushed=False) as tx:  # as `recover` would
            ledger.release(tx, admission.id, self._clock())
            self._record_end(tx, Deed.FAILED, admission)

    def recover(self, resumed: Collection[str] = ()) -> int:
        """After a crash, release every call that was running then; how many. Call before any call is admitted.

        What calls of the durable runs ``resumed`` reserved is kept for them: they will be made again.
        """
        with self._database.write() as tx:
            lost = [each for each in ledger.running(tx) if each.run not in resumed]
            self._lose(tx, lost)
            return len(lost)

    def end_run(self, run: str) -> None:
        """A durable run has ended: release what a call of it reserved that was never made again, forget outcomes."""
        with self._database.write() as tx:
            self._lose(tx, [each for each in ledger.running(tx) if each.run == run])
            ledger.forget_outcomes(tx, run)

    def published(self, run: str) -> list[tuple[str, Published]]:
        """What a durable run's calls published, with the call of each, in order."""
        with self._database.read() as tx:
            return ledger.published(tx, run)

    def compute_spent(self, run: str) -> int:
        """Pixel-steps that a durable run's calls were let use, whether or not anything limits them."""
        with self._database.read() as tx:
            return ledger.compute_spent(tx, run)

    def _lose(self, tx: Connection, calls: Sequence[Admission]) -> None:
        for each in calls:
            ledger.release(tx, each.id, self._clock())
            self._record_end(tx, Deed.LOST, each)

    def _record_end(self, tx: Connection, deed: Deed, call: Admission, **data: Json) -> None:
        self._audit.record(tx, self._clock(), deed, call.principal, call.cap, call=call.id, method=call.method, **data)
