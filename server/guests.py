"""Who comes without a token: one principal for all of them, who holds what the links in the settings give."""

from mintaka.capabilities.kernel import Kernel
from mintaka.runtime.errors import HostFault
from mintaka.server.powers import Log
from mintaka.server.settings import GuestSettings

ANY_GUEST = "any guest"
"""The principal. Nobody can be given that name: there is a space in it."""


class Guests:
    """Lets in who comes without a token, where the settings say so."""

    def __init__(self, settings: GuestSettings, kernel: Kernel, log: Log) -> None:
        self._settings = settings
        self._kernel = kernel
        self._log = log

    def prepare(self) -> None:
        """Give the principal what the links give now, and take away what came of links that are there no more."""
        if self._settings.links:
            self._kernel.introduce(ANY_GUEST)
        given: set[str] = set()
        for link in self._settings.links:
            try:
                given.add(self._kernel.redeem_once(ANY_GUEST, link).id)
            except HostFault:
                self._log.error("a link of guests.links gives nothing: it was used up, has expired or was taken back")
        for held in self._kernel.held(ANY_GUEST):
            own = held.origin == ANY_GUEST  # over entities that guests have made
            if not own and given.isdisjoint(link.id for link in held.chain.links):
                self._kernel.drop(ANY_GUEST, held.id)

    def admit(self, address: str) -> str | None:
        """Who somebody is that connects from ``address`` and shows no token: a principal, or ``None``."""
        return ANY_GUEST if self._settings.admit(address) else None
