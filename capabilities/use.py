"""One call of a method, as the method sees it: the capability in hand and the run it serves."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.ledger import Admission, Published
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.urgency import Urgency

if TYPE_CHECKING:
    from mintaka.runtime.run import Run


class Use:
    """What a method of a capability type is given as ``use``."""

    def __init__(self, kernel: Kernel, held: Held, method: str, run: "Run") -> None:
        self.kernel = kernel
        self.held = held
        self.method = method
        self.run = run
        self._admissions = 0

    @property
    def restrictions(self) -> Restrictions:
        """The effective restrictions of the capability in hand, as they were when the call began."""
        return self.held.restrictions

    @property
    def randomness(self) -> Random:
        """The run's random numbers."""
        return self.run.powers.random

    @property
    def priority(self) -> int:
        """How urgent the run is to its principal, among the others of theirs; 0 where nothing was said."""
        urgency = self.run.powers.hosts.get(Urgency)
        return urgency.priority if isinstance(urgency, Urgency) else 0

    def permit(self, **asked: object) -> None:
        """Raise HostFault ``denied`` unless the capability permits what is asked of each named restriction."""
        self.held.permit(asked)

    def emit(self, kind: str, data: Mapping[str, object]) -> None:
        """Tell whoever watches the run."""
        self.run.emit(kind, data)

    @contextmanager
    def admitted(self, asked: Mapping[str, object], charges: Mapping[str, int]) -> Iterator["Admitted"]:
        """Do the work of the call within this block: permitted and paid for when it begins, accounted for when it ends.

        However the block ends, nothing stays reserved: if it did not settle itself it is settled at what was reserved,
        and where it raises or is cancelled all is given back. A call that is made again after a crash, and had been
        settled before that, is not paid again; where its `Admitted.outcome` was kept it need not be done again either.
        """
        effect = self.run.effect
        if effect is not None:
            self._admissions += 1
            effect = f"{effect}#{self._admissions}"
        holder, cap = self.held.holder, self.held.id
        call = Admitted(self.kernel, self.kernel.calls.admit(holder, cap, self.method, asked, charges, effect))
        try:
            yield call
            call.settle()
        except BaseException:
            call.release()
            raise


@dataclass(frozen=True, slots=True)
class ScriptUse:
    """What a method that runs a script is given as ``use``.

    It runs within the caller's script, also when that is resumed: whatever it looks at or does goes through ``run``, so
    that a journal records it.
    """

    kernel: Kernel
    holder: str
    cap: str
    """The id of the capability in the holder's hand."""
    run: "Run"


class Admitted:
    """A call that was let begin; ended once, by `settle` or `release`."""

    def __init__(self, kernel: Kernel, admission: Admission) -> None:
        self._kernel = kernel
        self._admission = admission
        self._ended = admission.settled

    @property
    def id(self) -> str:
        """The call's own name, for the engine and the logs."""
        return self._admission.id

    @property
    def outcome(self) -> str | None:
        """What `settle` was told to keep, where this call was made and settled before."""
        return self._admission.outcome

    def is_live(self) -> bool:
        """Whether the capability still lives; a call that finds it dead should stop at once."""
        return self._kernel.calls.is_live(self._admission)

    def settle(
        self,
        spent: Mapping[str, int] | None = None,
        results: Sequence[Published] = (),
        outcome: str | None = None,
    ) -> None:
        """End the call well and publish its results; units that ``spent`` leaves out are spent as reserved.

        ``outcome`` is kept to be found again where the call is made a second time under the same name.
        Raises HostFault ``no_such_capability`` where the capability was revoked meanwhile.
        """
        if not self._ended:
            self._kernel.calls.settle(self._admission, spent or {}, results, outcome)
            self._ended = True

    def release(self) -> None:
        """Give back all that was reserved, unless the call has ended."""
        if not self._ended:
            self._kernel.calls.release(self._admission)
            self._ended = True
