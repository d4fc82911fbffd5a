"""What all ways of making a picture larger have in common: how much, and by what."""

from collections.abc import Sequence

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.failures import told
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.widgets import Phase
from mintaka.engine.edits import Interpolation
from mintaka.engine.models.upscalers import BEST, ENDING, best_upscaler, no_such_upscaler
from mintaka.engine.models.weights import UpscalerInfo
from mintaka.engine.preparing import MAX_FACTOR, MIN_FACTOR
from mintaka.runtime.errors import HostFault


class Larger(Options):
    """How much larger."""

    factor: int = option(
        MIN_FACTOR,
        label="Factor",
        help="How many times as wide and as high.",
        unit="times",
        ge=MIN_FACTOR,
        le=MAX_FACTOR,
        narrowed_by="max_factor",
        soft=(2, 4),
        phase=Phase.SIZE,
    )


def choose_upscaler(
    asked: str | None, factor: int, restrictions: Restrictions, upscalers: Sequence[UpscalerInfo]
) -> str:
    """The upscaler asked for, or the best for the factor of those allowed. Raises HostFault ``no_such_model``.

    What was asked for by name is looked for only when the call is let begin: nobody learns what else there is.
    """
    if asked is not None and asked.lower() not in BEST:
        return asked.removesuffix(ENDING)
    allowed = [each for each in upscalers if restrictions.permits("allowed_models", each.id)]
    best = best_upscaler(allowed, factor)
    if best is None:
        with told():
            raise no_such_upscaler("none of the upscalers that may be used is there", ())
    return best.id


def interpolation_called(name: str, option: str) -> Interpolation:
    """The way of interpolating that ``option`` names. Raises HostFault ``invalid_params``."""
    try:
        return Interpolation(name.lower())
    except ValueError:
        raise HostFault(
            f"there is no `{option}` “{name[:20]}”; there are {', '.join(Interpolation)}",
            kind="invalid_params",
            hint=f"use {' or '.join(Interpolation)}",
            data={"option": option},
        ) from None
