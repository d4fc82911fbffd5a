"""The words scripts have for capabilities. Everything they look up comes from the run's own grant."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mintaka.capabilities import share_links
from mintaka.capabilities.effects import Done
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

FILTERS = ("label", "id")

Given: TypeAlias = Mapping[str, Value] | None
"""Restrictions or limits, as a script gives them."""


@op("get_capability", label="get capability", category="Capabilities")
def get_capability(run: Run, type: str, filter: dict[str, Value] | None = None) -> HostObject | None:
    """The first capability of a type that this run holds, or null where it holds none.

    With a filter, `{:label "small"}` or `{:id "c_…"}`, the first that it fits.

    > (typeof (get-capability "diffusers.generate"))
    "capability"
    """
    return _found(run, type, filter)


@op("has_capability", label="has capability", category="Capabilities")
def has_capability(run: Run, type: str, filter: dict[str, Value] | None = None) -> bool:
    """Whether this run holds a capability of a type; the filter is that of `get_capability`.

    > (has-capability "diffusers.generate")
    true
    """
    return _found(run, type, filter) is not None


@op("mint", label="mint", category="Capabilities")
def mint(
    run: Run,
    authority: HostObject,
    type: str,
    restrictions: dict[str, Value] | None = None,
    limits: dict[str, Value] | None = None,
) -> HostObject:
    """Make a new capability of a type by the power of a `sys.mint`, with restrictions and limits of its own.

    Limits are `{:compute 5 :uses 10}`, compute in megapixel-steps. It dies with the authority that minted it.

    > (typeof (mint (get-capability "sys.mint") "diffusers.generate" {:max_steps 4}))
    "capability"
    """

    def act(held: CapabilityValue, type: str, restrictions: Given, limits: Given) -> Done:
        return Done.made(held.kernel.mint(held.holder, held.id, type, Terms(restrictions, limits)))

    return _made(run, "mint", act, authority, type, restrictions, limits)


@op("delegate", label="delegate", category="Capabilities")
def delegate(
    run: Run,
    cap: HostObject,
    restrictions: dict[str, Value] | None = None,
    limits: dict[str, Value] | None = None,
) -> HostObject:
    """Make a narrower capability from one you hold; you hold both.

    What it uses is also paid by the one it came from, and it dies with it.

    > (typeof (delegate (get-capability "diffusers.generate") {:max_width 128} {:uses 3}))
    "capability"
    """

    def act(held: CapabilityValue, restrictions: Given, limits: Given) -> Done:
        return Done.made(held.kernel.delegate(held.holder, held.id, Terms(restrictions, limits)))

    return _made(run, "delegate", act, cap, restrictions, limits)


@op("share_capability", label="share capability", category="Capabilities")
def share_capability(
    run: Run,
    cap: HostObject,
    to: str,
    restrictions: dict[str, Value] | None = None,
    limits: dict[str, Value] | None = None,
) -> HostObject:
    """Make a narrower capability from one you hold for somebody else to hold, and keep your own.

    The result is good for one thing here: `revoke_capability` takes it back.

    > (try (share-capability (get-capability "diffusers.generate") "ben" {} {:uses 3}) message message)
    "nobody is called `ben` here"
    """

    def act(held: CapabilityValue, to: str, restrictions: Given, limits: Given) -> Done:
        shared = held.kernel.share(held.holder, held.id, to, Terms(restrictions, limits))
        return Done(cap=shared.id, type=shared.type, handed_on=(held.id, shared.id))

    return _made(run, "share_capability", act, _own(run, "share_capability", cap), to, restrictions, limits)


@op("give_capability", label="give capability", category="Capabilities")
def give_capability(run: Run, cap: HostObject, to: str) -> None:
    """Hand a capability over to somebody else; you hold it no longer.

    > (try (give-capability (delegate (get-capability "diffusers.generate")) "ben") message message)
    "nobody is called `ben` here"
    """

    def act(held: CapabilityValue, to: str) -> Done:
        held.kernel.give(held.holder, held.id, to)
        return Done(handed_on=(held.id,))

    _done(run, "give_capability", act, _own(run, "give_capability", cap), to)


@op("export_capability", label="export capability", category="Capabilities")
def export_capability(
    run: Run,
    cap: HostObject,
    restrictions: dict[str, Value] | None = None,
    limits: dict[str, Value] | None = None,
) -> str:
    """Make a narrower capability from one you hold, and the token of a share link to it.

    Whoever redeems the token holds a part of that capability; all who do share its limits.

    > (let few (delegate (get-capability "diffusers.generate") {} {:uses 3}))
      (let token (export-capability few))
      (revoke-capability few)
      (typeof token)
    "string"
    """

    def act(held: CapabilityValue, restrictions: Given, limits: Given) -> Done:
        secret = run.host(Grant).effects.secret(run.effect)
        child, token = held.kernel.export(held.holder, held.id, Terms(restrictions, limits), secret=secret)
        # A journal is no place for a token: it keeps what the token can be made of again, with a key that is elsewhere.
        return Done(token if secret is None else run.effect, handed_on=(held.id, child.id))

    told = str(_done(run, "export_capability", act, _own(run, "export_capability", cap), restrictions, limits))
    secret = run.host(Grant).effects.secret(told)
    return told if secret is None else share_links.token_of(secret)


@op("redeem_capability", label="redeem capability", category="Capabilities")
def redeem_capability(run: Run, token: str) -> HostObject:
    """The capability that the token of a share link gives; you hold it from then on.

    > (let few (delegate (get-capability "diffusers.generate") {} {:uses 3}))
      (let part (redeem-capability (export-capability few)))
      (revoke-capability few)
      (typeof part)
    "capability"
    """
    grant = run.host(Grant)

    def act() -> Done:
        held = grant.kernel.redeem(grant.holder, token)
        return Done(cap=held.id, type=held.type)

    return _host(run.perform_at_once("redeem_capability", [token], lambda _: grant.once(run.effect, act)))


@op("revoke_capability", label="revoke capability", category="Capabilities")
def revoke_capability(run: Run, cap: HostObject) -> int:
    """End a capability that you hold or that was made from one of yours, with everything made from it; how many.

    > (revoke-capability (delegate (get-capability "diffusers.generate")))
    1
    """
    own = _own(run, "revoke_capability", cap)
    ended = _done(run, "revoke_capability", lambda held: Done(held.kernel.revoke(held.holder, held.id)), own)
    assert isinstance(ended, int)
    return ended


def _found(run: Run, type: str, filter: Mapping[str, Value] | None) -> HostObject | None:
    chosen = _filter(filter or {})
    found = run.observe(f"capability {type}", lambda: run.host(Grant).find(type, **chosen))
    return None if found is None else _host(found)


def _done(run: Run, op: str, act: Callable[..., Done], cap: HostObject, *args: Value) -> Value:
    """Do ``act``, given the capability and the arguments, as an effect of the run."""
    _capability(op, cap)

    return run.perform_at_once(op, [cap, *args], lambda given: run.host(Grant).once(run.effect, lambda: act(*given)))


def _made(run: Run, op: str, act: Callable[..., Done], cap: HostObject, *args: Value) -> HostObject:
    return _host(_done(run, op, act, cap, *args))


def _host(value: Value) -> HostObject:
    assert isinstance(value, HostObject)
    return value


def _own(run: Run, op: str, value: HostObject) -> CapabilityValue:
    """A capability of whose run it is, and none that was lent to a verb for the time of a call."""
    held = _capability(op, value)
    if run.host(Grant).lent(held):
        raise HostFault(
            "this capability was lent by whoever called; it can be used and narrowed here, and not handed on or ended",
            kind="denied",
            hint="ask its holder to share it",
        )
    return held


def _capability(op: str, value: HostObject) -> CapabilityValue:
    if not isinstance(value, CapabilityValue):
        raise TypeFault(f"{op} takes a capability first, not {value.type_name}: get one with get_capability")
    return value


def _filter(given: Mapping[str, Value]) -> dict[str, str]:
    chosen = {}
    for key, value in given.items():
        if key not in FILTERS:
            raise HostFault(
                f"get_capability cannot filter by `{key}`; it can by label and id",
                kind="invalid_params",
                hint='use {:label "…"} or {:id "…"}',
            )
        if not isinstance(value, str):
            raise TypeFault(f"the {key} in a filter is text")
        chosen[key] = value
    return chosen
