"""Whoever asks over HTTP, as the methods of the server know their callers."""

from collections.abc import Callable, Mapping

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.server.sessions import Session
from mintaka.server.tokens import SignedIn

Heard = Callable[[str, Mapping[str, object]], None]
"""Takes a notification: its method and its params."""


class Ids(Handles):
    """Over HTTP there is no session that handles could belong to: a capability is named by its id.

    An id is no secret and gives nothing: it means a capability only to who holds it, or may take it back.
    """

    def __init__(self, kernel: Kernel, principal: str) -> None:
        self._kernel = kernel
        self._principal = principal

    def issue(self, value: CapabilityValue) -> str:
        """The id."""
        return value.id

    def resolve(self, handle: object) -> CapabilityValue:
        """The capability of that id. Raises HostFault ``no_such_capability`` where it is nothing to the principal."""
        for each in (*self._kernel.held(self._principal), *self._kernel.given(self._principal)):
            if each.id == handle:
                return CapabilityValue(self._kernel, self._principal, each.id, each.type)
        raise no_such_capability()


class Visit:
    """A signed-in request; a `mintaka.server.sessions.Peer` for as long as it is answered.

    What it is told goes to ``heard``, if anybody set that; ``ended`` becomes true when its token is taken back.
    """

    def __init__(self, signed: SignedIn, kernel: Kernel, address: str) -> None:
        self.session: Session | None = Session("http", signed.principal, Ids(kernel, signed.principal), signed.token)
        self.wrong_tokens = 0
        self.heard: Heard | None = None
        self.ended = False
        self._address = address

    @property
    def binary(self) -> bool:
        """Never: it is told JSON."""
        return False

    @property
    def address(self) -> str:
        """The network address it comes from."""
        return self._address

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Pass a notification on."""
        if self.heard is not None:
            self.heard(method, params)

    def close(self, code: int) -> None:
        """Its token has been taken back."""
        self.ended = True
        self.notify("closed", {"code": code})
