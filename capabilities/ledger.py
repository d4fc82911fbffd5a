"""The accounts: what was reserved when a call was admitted is settled when it ends, or released where it fails.

Every account among a capability's kin pays, all in one transaction, so two children told 10 under a parent of 10 spend
10 together. At every commit ``reserved + spent <= limit`` on every account, and ``reserved`` is the sum over running
calls; the database itself holds the first (a CHECK), `charge` rows remember the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, select, update

from mintaka.capabilities.chain import Chain
from mintaka.capabilities.limits import CONCURRENT, RATE, Limits
from mintaka.runtime.errors import HostFault
from mintaka.storage.schema import account, asset, charge, edited, invocation, rate, upload


@dataclass(frozen=True, slots=True)
class Admission:
    """An admitted call: it holds ``charges`` on every account of the chain until it is settled or released."""

    id: str
    cap: str
    principal: str
    method: str
    charges: Mapping[str, int]
    effect: str | None = None
    """Its name, where a durable run makes it: the same when it is made again."""
    settled: bool = False
    """Whether it had ended well before, when it was made under the same name."""
    outcome: str | None = None
    """What was kept of how it ended then."""

    @property
    def run(self) -> str | None:
        """The durable run that makes it."""
        return None if self.effect is None else self.effect.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Published:
    """A result that a call publishes: the name of its blob, and its size in pixels."""

    name: str
    mime: str
    width: int
    height: int


def open_accounts(tx: Connection, cap: str, limits: Limits) -> None:
    """Open what a new capability's limits need."""
    for unit, limit in limits.accounts.items():
        tx.execute(insert(account).values(cap=cap, unit=unit, limit=limit, reserved=0, spent=0))
    if limits.rate is not None:
        tx.execute(insert(rate).values(cap=cap, burst=limits.rate.burst, refill_us=limits.rate.refill_us, next_us=0))


def reserve(tx: Connection, chain: Chain, admission: Admission, now: float) -> None:
    """Reserve what the call may use at most, on every account of the chain, and count it against every rate.

    Raises HostFault ``no_budget`` with what it costs and what is left, or ``busy`` where it would be too many at once
    or too soon; the caller's transaction must then roll back.
    """
    _take_turn(tx, chain, round(now * 1e6))
    tx.execute(
        insert(invocation).values(
            id=admission.id,
            cap=admission.cap,
            principal=admission.principal,
            method=admission.method,
            state="running",
            admitted=now,
            effect=admission.effect,
            run=admission.run,
            compute=admission.charges.get("compute", 0),
        )
    )
    for unit, amount in {**admission.charges, CONCURRENT: 1}.items():
        payers = [each.cap for each in chain.accounts if each.unit == unit]
        if not payers:
            continue
        paid = tx.execute(
            update(account)
            .where(account.c.cap.in_(payers), account.c.unit == unit)
            .where(account.c.limit - account.c.reserved - account.c.spent >= amount)
            .values(reserved=account.c.reserved + amount)
        )
        if paid.rowcount != len(payers):
            raise _too_many(chain) if unit == CONCURRENT else chain.no_budget(unit, amount)
        rows = [{"invocation": admission.id, "cap": payer, "unit": unit, "amount": amount} for payer in payers]
        tx.execute(insert(charge), rows)


def known(tx: Connection, effect: str) -> Admission | None:
    """The call that was admitted under the name ``effect`` before, unless it was released: that is as if it had not."""
    row = tx.execute(select(invocation).where(invocation.c.effect == effect)).first()
    if row is None:
        return None
    if row.state == "released":
        tx.execute(update(invocation).where(invocation.c.id == row.id).values(effect=None))
        return None
    return _admission(row)


def holds(tx: Connection, admission: Admission, charges: Mapping[str, int]) -> bool:
    """Whether what a running call reserved is what it would reserve now."""
    held = select(charge.c.unit, charge.c.amount).where(charge.c.invocation == admission.id).distinct()
    return all(row.amount == charges.get(row.unit) for row in tx.execute(held) if row.unit != CONCURRENT)


def settle(tx: Connection, id: str, spent: Mapping[str, int], now: float, outcome: str | None = None) -> None:
    """Turn what call ``id`` reserved into what it spent, which is no more than that. Raises ValueError otherwise.

    ``outcome`` is kept with it, for whoever makes the call again under the same name.
    """
    if outcome is not None:
        tx.execute(update(invocation).where(invocation.c.id == id).values(outcome=outcome))
    for unit, amount in _finish(tx, id, "settled", now).items():
        actual = 0 if unit == CONCURRENT else spent.get(unit, amount)
        if not 0 <= actual <= amount:
            raise ValueError(f"a call that reserved {amount} of {unit} cannot spend {actual}")
        _move(tx, id, unit, reserved=-amount, spent=actual)
        tx.execute(update(charge).where(charge.c.invocation == id, charge.c.unit == unit).values(amount=actual))


def release(tx: Connection, id: str, now: float) -> None:
    """Give back all that call ``id`` reserved."""
    for unit, amount in _finish(tx, id, "released", now).items():
        _move(tx, id, unit, reserved=-amount, spent=0)


def publish(tx: Connection, admission: Admission, results: Sequence[Published]) -> None:
    """Record the results of a call as its principal's."""
    for number, result in enumerate(results):
        tx.execute(
            insert(asset).values(
                invocation=admission.id,
                number=number,
                name=result.name,
                owner=admission.principal,
                mime=result.mime,
                width=result.width,
                height=result.height,
            )
        )


def owns(tx: Connection, principal: str, name: str) -> bool:
    """Whether a picture called ``name`` is the principal's: published for them, made of another, or uploaded."""
    found = (
        select(each.c.name).where(each.c.owner == principal, each.c.name == name).limit(1)
        for each in (asset, edited, upload)
    )
    return any(tx.execute(each).first() is not None for each in found)


def keep(tx: Connection, principal: str, result: Published, now: float) -> None:
    """Record a picture that was made of another as its principal's."""
    tx.execute(
        insert(edited).values(
            name=result.name,
            owner=principal,
            mime=result.mime,
            width=result.width,
            height=result.height,
            made=now,
        )
    )


def running(tx: Connection) -> list[Admission]:
    """The calls that were admitted and have not ended; their charges are left out."""
    rows = tx.execute(select(invocation).where(invocation.c.state == "running").order_by(invocation.c.id)).all()
    return [_admission(row) for row in rows]


def forget_outcomes(tx: Connection, run: str) -> None:
    """A durable run has ended: nobody makes its calls again."""
    tx.execute(
        update(invocation).where(invocation.c.run == run, invocation.c.outcome.is_not(None)).values(outcome=None)
    )


def compute_spent(tx: Connection, run: str) -> int:
    """Pixel-steps that the settled calls of a durable run were admitted for."""
    total = select(func.sum(invocation.c.compute)).where(invocation.c.run == run, invocation.c.state == "settled")
    return int(tx.execute(total).scalar() or 0)


def published(tx: Connection, run: str) -> list[tuple[str, Published]]:
    """What the calls of a durable run published, with the call of each, in order."""
    found = (
        select(asset)
        .join(invocation)
        .where(invocation.c.run == run)
        .order_by(invocation.c.ended, asset.c.invocation, asset.c.number)
    )
    return [(row.invocation, Published(row.name, row.mime, row.width, row.height)) for row in tx.execute(found)]


def _admission(row: Row[Any]) -> Admission:
    settled = row.state == "settled"
    return Admission(row.id, row.cap, row.principal, row.method, {}, row.effect, settled, row.outcome)


def _take_turn(tx: Connection, chain: Chain, now_us: int) -> None:
    """Count a call against every rate of the chain (the generic cell rate algorithm, ITU-T I.371)."""
    limited = [link.id for link in chain.links if link.limits.rate is not None]
    if not limited:
        return
    starts = case((rate.c.next_us > now_us, rate.c.next_us), else_=now_us)
    taken = tx.execute(
        update(rate)
        .where(rate.c.cap.in_(limited), starts + rate.c.refill_us - now_us <= rate.c.burst * rate.c.refill_us)
        .values(next_us=starts + rate.c.refill_us)
    )
    if taken.rowcount == len(limited):
        return
    free_us = rate.c.next_us - (rate.c.burst - 1) * rate.c.refill_us - now_us
    wait_us = tx.execute(select(func.max(free_us)).where(rate.c.cap.in_(limited))).scalar_one()
    raise HostFault(
        f"this is too soon after the calls before; the next is free in {wait_us / 1e6:.1f} s",
        kind="busy",
        hint="wait a little, or ask for a higher rate",
        data={"limit": RATE, "retry_after_ms": max(1, -(-wait_us // 1000))},
    )


def _too_many(chain: Chain) -> HostFault:
    most = min(each.limit for each in chain.accounts if each.unit == CONCURRENT)
    return HostFault(
        f"this does {most} at a time, and as many are running",
        kind="busy",
        hint="try again when one of them has ended",
        data={"limit": CONCURRENT, "value": most, "retry_after_ms": 1000},
    )


def _finish(tx: Connection, id: str, state: str, now: float) -> dict[str, int]:
    """End call ``id``, once, and tell what it reserved of each unit: the same on every account it holds."""
    ended = tx.execute(
        update(invocation).where(invocation.c.id == id, invocation.c.state == "running").values(state=state, ended=now)
    )
    if ended.rowcount != 1:
        raise ValueError("this call has already ended")
    held = select(charge.c.unit, charge.c.amount).where(charge.c.invocation == id).distinct()
    return {row.unit: row.amount for row in tx.execute(held)}


def _move(tx: Connection, id: str, unit: str, *, reserved: int, spent: int) -> None:
    payers = select(charge.c.cap).where(charge.c.invocation == id, charge.c.unit == unit)
    tx.execute(
        update(account)
        .where(account.c.cap.in_(payers), account.c.unit == unit)
        .values(reserved=account.c.reserved + reserved, spent=account.c.spent + spent)
    )
