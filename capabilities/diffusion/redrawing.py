"""A picture made larger and drawn over: the options, and the call with nothing left open."""

from typing import Any

from mintaka.capabilities.arguments import option
from mintaka.capabilities.diffusion.choosing import find_model, within
from mintaka.capabilities.diffusion.offer import Installed
from mintaka.capabilities.diffusion.options import MAX_SIDE, DrawingOptions
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.upscaling import Larger, choose_upscaler, interpolation_called
from mintaka.capabilities.sources import Source
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine.edits import Interpolation
from mintaka.engine.preparing import MIN_TILE
from mintaka.engine.requests import Redraw
from mintaka.engine.tiling import drawn_grid

REDRAWN = 0.3
"""How much of a picture is made anew when it is enlarged and nothing is said: its details."""

BY_MODEL = "model"
"""The way of enlarging that a learned upscaler is."""


class RedrawOptions(DrawingOptions, Larger):
    """How to enlarge a picture and draw over it."""

    denoise_strength: float | None = option(
        label="Denoise strength",
        help="How much is made anew: 0 keeps the enlarged picture, 1 draws it from nothing.",
        ge=0,
        le=1,
        narrowed_by="strength",
        soft=(0.1, 0.6),
        phase=Phase.SAMPLING,
    )
    upscale_method: str = option(
        "lanczos",
        label="Upscale method",
        help="How it is enlarged first: by arithmetic, or by a learned upscaler.",
        choices=(*Interpolation, BY_MODEL),
        max_length=20,
        phase=Phase.OUTPUT,
    )
    upscaler: str | None = option(
        label="Upscaler",
        help="Which one; left out, the best there is for the factor.",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
        visible_if={"upscale_method": [BY_MODEL]},
    )
    tile: int | None = option(
        label="Tile",
        help="It is drawn in tiles of this size; left out, as large as the model draws.",
        unit="px",
        ge=MIN_TILE,
        le=MAX_SIDE,
        soft=(64, 1024),
        phase=Phase.OUTPUT,
    )


def redrawn(use: Use, source: Source, prompt: str, options: RedrawOptions, models: Installed) -> Wanted:
    """The call with nothing left open. Raises HostFault as drawing does, and for what is no way to enlarge."""
    model = find_model(use, options.model_id, models)
    size = (source.width * options.factor, source.height * options.factor)
    tile = options.tile or max(MIN_TILE, min(model.native_size or model.size))
    overlap, unit = tile // 4, model.kin.multiple
    grid = drawn_grid(*size, unit, tile, overlap)
    strength = within(REDRAWN, use.restrictions, "strength")
    strength = strength if options.denoise_strength is None else options.denoise_strength
    how: dict[str, Any] = {}
    if options.upscale_method.lower() == BY_MODEL:
        known = models.snapshot().upscalers
        how["upscaler"] = choose_upscaler(options.upscaler, options.factor, use.restrictions, known)
        use.permit(allowed_models=how["upscaler"])
    else:
        how["interpolation"] = interpolation_called(options.upscale_method, "upscale_method")
    added = Added(
        given=[source.asset, prompt],
        kind=Redraw,
        own={
            "image": source.data,
            "factor": options.factor,
            "strength": strength,
            "tile": tile,
            "overlap": overlap,
            **how,
        },
        options={
            "factor": options.factor,
            "denoise_strength": strength,
            "upscale_method": str(how.get("interpolation", BY_MODEL)),
            "upscaler": how.get("upscaler"),
            "tile": tile,
        },
        strength=strength,
        pixels=len(grid) * grid.shape[0] * grid.shape[1] * unit * unit,
        asked={"max_factor": options.factor},
    )
    return complete(use, prompt, options, model, size, added, models)
