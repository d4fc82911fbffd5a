"""How much, how often and how much at once: the limits a link may have beside its restrictions.

They are no order as restrictions are: every link has its own, and every one on the chain pays for a call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mintaka.capabilities.order import EXACT, Json
from mintaka.runtime.errors import HostFault

MEGA = 1_000_000
"""Pixel-steps in a megapixel-step, the unit of compute that people see."""

CONCURRENT = "concurrent"
"""The unit of which each running call takes one, and gives it back when it ends."""

RATE = "rate"
"""What a limit on how often is called."""

SCALE: Mapping[str, int] = MappingProxyType({"compute": MEGA, "uses": 1, "bytes": 1, CONCURRENT: 1})
_WANTS = {
    "compute": "a number of megapixel-steps above 0",
    "uses": "a whole number, 1 or more",
    "bytes": "a whole number, 1 or more",
    CONCURRENT: "a whole number, 1 or more",
    RATE: '{"per_s": calls a second, "burst": calls at once}, such as {"per_s": 0.5, "burst": 3}',
}
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` calls at once, and one more each ``refill_us`` microseconds."""

    burst: int
    refill_us: int

    def to_json(self) -> dict[str, Json]:
        """As people write it."""
        return {"per_s": _SECOND_US / self.refill_us, "burst": self.burst}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one link, in units: pixel-steps, calls, calls at a time."""

    accounts: Mapping[str, int] = field(default_factory=dict)
    rate: Rate | None = None

    @classmethod
    def parse(cls, data: object) -> "Limits":
        """Limits as a person writes them: ``{"compute": 200.0, "uses": 10, "concurrent": 2, "rate": {"per_s": 1}}``.

        Compute is in megapixel-steps. Raises HostFault ``invalid_params``.
        """
        if data is None:
            return cls()
        if not isinstance(data, Mapping):
            raise HostFault(
                'limits are an object, such as {"compute": 200}', kind="invalid_params", hint="pass an object"
            )
        for unit in data:
            if unit not in _WANTS:
                raise HostFault(
                    f"there is no limit `{unit}`; there are {', '.join(_WANTS)}",
                    kind="invalid_params",
                    hint=f"use {' or '.join(_WANTS)}",
                    data={"limit": unit},
                )
        accounts = {unit: _amount(unit, value) for unit, value in data.items() if unit != RATE}
        return cls(accounts, _rate(data[RATE]) if RATE in data else None)

    @property
    def sealed(self) -> tuple[tuple[str, int], ...]:
        """What of them must never change, for the seal of their link."""
        rate = () if self.rate is None else (("rate burst", self.rate.burst), ("rate refill", self.rate.refill_us))
        return (*sorted(self.accounts.items()), *rate)


def people(unit: str, amount: int) -> int | float:
    """An amount of a unit as people see it: compute in megapixel-steps."""
    return amount / MEGA if unit == "compute" else amount


def _amount(unit: str, value: object) -> int:
    number = _number(value)
    scaled = number * SCALE[unit]
    if not 1 <= scaled <= EXACT or (SCALE[unit] == 1 and scaled != int(scaled)):
        raise _unfit(unit)
    return int(scaled)


def _rate(value: object) -> Rate:
    if not isinstance(value, Mapping) or not {"per_s"} <= set(value) <= {"per_s", "burst"}:
        raise _unfit(RATE)
    per_s, burst = _number(value["per_s"]), _number(value.get("burst", 1))
    if not 1e-6 <= per_s <= 1e6 or not 1 <= burst <= 1e6 or burst != int(burst):
        raise _unfit(RATE)
    return Rate(int(burst), round(_SECOND_US / per_s))


def _number(value: object) -> int | float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _unfit(unit: str) -> HostFault:
    wants = _WANTS[unit]
    return HostFault(f"limit `{unit}` takes {wants}", kind="invalid_params", data={"limit": unit}, hint=wants)
