"""What a call that draws would cost and whether it would be allowed, without making it."""

from collections.abc import Awaitable, Callable
from typing import Any

from mintaka.capabilities.diffusion.studio import Commission, refuse_dearer
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Effect
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault

Plan = Callable[..., Awaitable[Commission]]
"""From a call's arguments, as they are bound, to the call with nothing left open."""


async def estimate(use: Use, method: str, args: list[Any], plan: Plan) -> dict[str, Json]:
    """``megapixel_steps`` (null where the call could not be completed), ``allowed``, and ``why`` not.

    ``plan`` is given the arguments of a call that takes the GPU.
    """
    declared = use.kernel.registry.get(use.held.type).method(method)
    bound = declared.signature.bind(f"{use.held.type}.{method}", args)
    cost: float | None = None if declared.effects is Effect.GPU else 0
    try:
        use.permit(methods=method)
        if declared.effects is Effect.GPU:
            commission = await plan(*bound)
            cost = commission.charges["compute"] / MEGA
            use.permit(**commission.asked)
            refuse_dearer(commission)
            use.held.afford(commission.charges)
    except HostFault as refusal:
        return {"megapixel_steps": cost, "allowed": False, "why": refusal.message}
    return {"megapixel_steps": cost, "allowed": True, "why": None}
