"""The type ``sys.mint``: the power to make capabilities that were not delegated from any other."""

from typing import Annotated, Any

from mintaka.capabilities.effects import Done
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import MINT
from mintaka.capabilities.places import Namespace
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.use import Use
from mintaka.capabilities.value import CapabilityValue


class MintRestrictions(Restrictions):
    """What a minting authority can be restricted to."""

    namespace: Namespace = restriction("Types it may mint")


@capability(MINT, label="Mint capabilities", restrictions=MintRestrictions)
class Mint:
    """Make new capabilities. What was minted dies with the authority that minted it."""

    @method(
        effects=Effect.WRITES,
        errors=("empty_authority",),
        examples=('(mint (get-capability "sys.mint") "diffusers.generate" {:max_width 256} {:compute 5})',),
    )
    async def mint(
        self,
        use: Use,
        type: Annotated[str, "The type to make"],
        restrictions: Annotated[dict[str, Any] | None, "What it may not do"] = None,
        limits: Annotated[dict[str, Any] | None, "How much it may do, {:compute 5 :uses 10}"] = None,
    ) -> CapabilityValue:
        """Make a capability of a type, with restrictions and limits of its own."""
        holder, authority, terms = use.held.holder, use.held.id, Terms(restrictions, limits)
        minted = use.run.host(Grant).once(
            use.run.effect, lambda: Done.made(use.kernel.mint(holder, authority, type, terms))
        )
        assert isinstance(minted, CapabilityValue)
        return minted
