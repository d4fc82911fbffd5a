"""How often somebody may come with a wrong token before the next one is not even looked at.

A token has 256 random bits, so nobody guesses one; what is bounded here is the work that guesses make, over all
connections: each address has so many wrong ones at once and gets one back every second (the generic cell rate
algorithm, ITU-T I.371). When all addresses together are wrong too often, each has only one at a time.

Whoever was not wrong themself is always looked at: a flood from elsewhere locks nobody out.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from mintaka.server.errors import Fault, Kind

AT_ONCE = 30
"""Wrong tokens an address may come with at once: a class behind one address may open a link that was used up."""
ONE_MORE_S = 1.0
"""Seconds until it may come with one more."""

ALL_AT_ONCE = 300
ALL_ONE_MORE_S = 0.1
"""The same of all addresses together."""

ADDRESSES = 4096
"""How many addresses are remembered; then the one that was wrong the longest ago is forgotten."""


class Throttle:
    """Who was wrong how often. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._paid: OrderedDict[str, float] = OrderedDict()
        """When each network will be as if it had never been wrong."""
        self._all_paid = 0.0

    def __len__(self) -> int:
        return len(self._paid)

    def check(self, address: str) -> None:
        """Raise `Fault` (busy) with ``retry_after_ms`` where ``address`` was wrong too often."""
        with self._lock:
            wait = self._wait_s(network(address))
        if wait > 0:
            raise Fault(
                Kind.BUSY,
                f"Too many wrong tokens came from your address. Wait {max(1, round(wait))} s, then try the right one.",
                hint="wait, then sign in with a token that is valid",
                data={"retry_after_ms": max(1, round(wait * 1000))},
            )

    def wrong(self, address: str) -> None:
        """Somebody at ``address`` came with a wrong token."""
        with self._lock:
            now, name = self._clock(), network(address)
            self._paid[name] = self._due(name, now) + ONE_MORE_S
            self._paid.move_to_end(name)
            if len(self._paid) > ADDRESSES:
                self._paid.popitem(last=False)
            self._all_paid = self._all_due(now) + ALL_ONE_MORE_S

    def _wait_s(self, name: str) -> float:
        now = self._clock()
        crowded = self._all_due(now) - (ALL_AT_ONCE - 1) * ALL_ONE_MORE_S > now
        free = 1 if crowded else AT_ONCE
        return max(0.0, self._due(name, now) - (free - 1) * ONE_MORE_S - now)

    def _due(self, name: str, now: float) -> float:
        if name not in self._paid:
            return now
        # Never further ahead than the most that is let through, or a clock that was set back would bar them for long.
        self._paid[name] = min(max(self._paid[name], now), now + AT_ONCE * ONE_MORE_S)
        return self._paid[name]

    def _all_due(self, now: float) -> float:
        self._all_paid = min(max(self._all_paid, now), now + ALL_AT_ONCE * ALL_ONE_MORE_S)
        return self._all_paid


def network(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which is what one customer has at least."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
