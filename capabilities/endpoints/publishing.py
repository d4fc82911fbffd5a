"""Publishing: from a checked script to a version that others can call, with what it may use, and back."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from mintaka.capabilities.audit import Deed
from mintaka.capabilities.endpoints import form
from mintaka.capabilities.endpoints.space import CALL, EndpointSpace
from mintaka.capabilities.failures import told
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.terms import AS_IT_IS, Terms
from mintaka.lang.methods import Need
from mintaka.library.endpoints import Endpoint
from mintaka.runtime.errors import HostFault

BENEFIT = {"no_delegate": True, "no_give": True}
"""What must not be forbidden to a capability that an endpoint runs with: others benefit from it."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A capability of the publisher's that an endpoint shall run with, and how it is narrowed for that."""

    cap: str
    terms: Terms = AS_IT_IS


def publish(
    space: EndpointSpace,
    kernel: Kernel,
    owner: str,
    name: str,
    program: str,
    needs: Sequence[Need],
    *,
    granted: Sequence[Granted] | None,
    description: str,
    now: float,
) -> Endpoint:
    """Publish the next version of an endpoint of the owner's.

    ``program`` is what is kept of a checked script and ``needs`` what that looks up. It runs with narrower children of
    the ``granted`` capabilities; without, of the first that the owner holds of each type it looks up.

    Raises HostFault: ``invalid_params`` for a parameter without a type and a name that is none, ``denied`` for what the
    owner does not hold or may not hand on, ``limit``.
    """
    for each in form.untyped(space.compile(program).parameters):
        raise HostFault(
            f"Parameter `{each}` of an endpoint needs a type: say string, int, number, boolean, list, object, image, "
            "(int from to), (number from to) or (choice a b …).",
            kind="invalid_params",
            data={"parameter": each},
        )
    wanted = list(_by_default(kernel, owner, needs)) if granted is None else granted
    with told(), space.database.write():
        version = space.endpoints.next_version(owner, name)
        children = [_child(kernel, owner, each, f"{name} {version}") for each in wanted]
        for need in needs:
            _covered(need, children)
        grant = tuple(each.id for each in children)
        made = space.sealed(Endpoint(owner, name, version, program, description, grant, now, ""))
        space.endpoints.add(made)
        kernel.record(
            Deed.PUBLISHED, owner, kernel.root(owner, CALL), endpoint=name, version=version, grant=list(made.grant)
        )
    return made


def withdraw(
    space: EndpointSpace, kernel: Kernel, owner: str, name: str, version: int | None, now: float
) -> Sequence[Endpoint]:
    """Let a version of an endpoint, or all of them, be called no more; what runs stops, since its grant is taken back.

    Raises HostFault ``no_such_capability``.
    """
    with told(), space.database.write():
        ended = space.endpoints.withdraw(owner, name, version, now)
        for cap in chain.from_iterable(each.grant for each in ended):
            with contextlib.suppress(HostFault):  # it has ended already
                kernel.revoke(owner, cap)
        versions = [each.version for each in ended]
        kernel.record(Deed.WITHDRAWN, owner, kernel.root(owner, CALL), endpoint=name, versions=list(versions))
    return ended


def _by_default(kernel: Kernel, owner: str, needs: Sequence[Need]) -> Iterator[Granted]:
    """The first capability of each needed type that permits what is needed, as it is."""
    held = kernel.held(owner)
    for need in needs:
        if need.type is None:
            continue
        fitting = (each for each in held if each.type == need.type and _permits(each, need))
        found = next(fitting, None)
        if found is None:
            raise _missing(need, "you hold none that permits that and may be handed on")
        yield Granted(found.id)


def _child(kernel: Kernel, owner: str, granted: Granted, label: str) -> Held:
    """The narrower capability that the endpoint runs with."""
    held = kernel.describe(owner, granted.cap)
    held.permit(BENEFIT)
    terms = granted.terms
    return kernel.delegate(owner, held.id, Terms(terms.restrictions, terms.limits, held.label or label, terms.expires))


def _covered(need: Need, children: Sequence[Held]) -> None:
    """Raise unless one of ``children`` is what the script will look up."""
    if need.type is None:
        raise HostFault(
            "This script looks up a capability of a type only known when it runs; nobody can say what it needs.",
            kind="invalid_params",
            hint='write the type as a text: (get-capability "diffusers.generate")',
            data=need.span.to_json(),
        )
    if not any(each.type == need.type and _permits(each, need) for each in children):
        raise _missing(need, "what it is granted has none that permits that")


def _permits(held: Held, need: Need) -> bool:
    asked = [*BENEFIT.items(), *(("methods", method) for method in need.methods)]
    return all(held.restrictions.permits(name, value) for name, value in asked)


def _missing(need: Need, why: str) -> HostFault:
    calls = f" and calls {', '.join(need.methods)}" if need.methods else ""
    return HostFault(
        f"The script looks up `{need.type}`{calls}, and {why}.",
        kind="denied",
        hint="hold what it needs, or publish a script that needs less",
        data={"type": need.type, "methods": list(need.methods), **need.span.to_json()},
    )
