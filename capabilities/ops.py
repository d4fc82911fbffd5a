"""The words scripts have for capabilities. Everything they look up comes from the run's own grant."""

from collections.abc import Mapping

from mintaka.capabilities.grant import Grant
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

FILTERS = ("label", "id")


@op("get_capability", label="get capability", category="Capabilities")
def get_capability(run: Run, type: str, filter: dict[str, Value] | None = None) -> HostObject | None:
    """The first capability of a type that this run holds, or null where it holds none.

    With a filter, `{:label "small"}` or `{:id "c_…"}`, the first that it fits.

    > (typeof (get-capability "diffusers.generate"))
    "capability"
    """
    return run.host(Grant).find(type, **_filter(filter or {}))


@op("has_capability", label="has capability", category="Capabilities")
def has_capability(run: Run, type: str, filter: dict[str, Value] | None = None) -> bool:
    """Whether this run holds a capability of a type; the filter is that of `get_capability`.

    > (has-capability "diffusers.generate")
    true
    """
    return run.host(Grant).find(type, **_filter(filter or {})) is not None


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
    held = _capability("mint", authority)
    return run.host(Grant).made(held.kernel.mint(held.holder, held.id, type, Terms(restrictions, limits)))


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
    held = _capability("delegate", cap)
    return run.host(Grant).made(held.kernel.delegate(held.holder, held.id, Terms(restrictions, limits)))


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
    held = _capability("share_capability", cap)
    shared = held.kernel.share(held.holder, held.id, to, Terms(restrictions, limits))
    run.host(Grant).handed_on(held.id, shared.id)
    return CapabilityValue(held.kernel, held.holder, shared.id, shared.type)


@op("give_capability", label="give capability", category="Capabilities")
def give_capability(run: Run, cap: HostObject, to: str) -> None:
    """Hand a capability over to somebody else; you hold it no longer.

    > (try (give-capability (delegate (get-capability "diffusers.generate")) "ben") message message)
    "nobody is called `ben` here"
    """
    held = _capability("give_capability", cap)
    held.kernel.give(held.holder, held.id, to)
    run.host(Grant).handed_on(held.id)


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
    held = _capability("export_capability", cap)
    child, token = held.kernel.export(held.holder, held.id, Terms(restrictions, limits))
    run.host(Grant).handed_on(held.id, child.id)
    return token


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
    held = grant.kernel.redeem(grant.holder, token)
    return CapabilityValue(grant.kernel, grant.holder, held.id, held.type)


@op("revoke_capability", label="revoke capability", category="Capabilities")
def revoke_capability(run: Run, cap: HostObject) -> int:
    """End a capability that you hold or that was made from one of yours, with everything made from it; how many.

    > (revoke-capability (delegate (get-capability "diffusers.generate")))
    1
    """
    held = _capability("revoke_capability", cap)
    return held.kernel.revoke(held.holder, held.id)


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
