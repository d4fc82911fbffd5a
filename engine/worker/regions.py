"""Parts of a picture with prompts of their own, drawn by one denoiser that all requests share.

At each step the denoiser looks at the same latents once more for every region, with the region's prompt: a row more in
the run. What each looks like there is laid together by where the regions lie, as in MultiDiffusion (Bar-Tal et al.
2023), and the scheduler goes on with that, so the parts grow into one picture.

A prompt draws what it names in the middle of what it looks at, and half of that would lie outside a region at the
side. So while the noise is strong and the picture is being laid out, each region's row looks at latents that are moved
round so that its middle is theirs; what it answers is moved back. Of six pictures of a circle left and a square right
by the starter, none came out as both without that, and all six with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mintaka.engine.requests import Region
from mintaka.engine.sizing import SizePlan
from mintaka.engine.worker.encoding import Encoded

LAYING_OUT = 0.5
"""As long as this much of the noise's time is left, regions are looked at in the middle."""


@dataclass(frozen=True, slots=True)
class Part:
    """A region on the picture that is drawn."""

    left: float
    """Fraction of its width; so are the three that follow."""
    top: float
    right: float
    bottom: float
    weight: float
    said: Encoded

    def map(self, height: int, width: int) -> Tensor:
        """How much of each cell (``[1, 1, height, width]``) is the region's, times its weight."""
        down, across = _covered(self.top, self.bottom, height), _covered(self.left, self.right, width)
        return self.weight * (down[:, None] * across)[None, None]

    def moves(self, height: int, width: int) -> tuple[int, int]:
        """How many cells down and to the right bring its middle to theirs."""
        return (
            round(height / 2 - (self.top + self.bottom) / 2 * height),
            round(width / 2 - (self.left + self.right) / 2 * width),
        )


def parts(regions: Sequence[Region], said: Sequence[Encoded], sizes: SizePlan) -> list[Part]:
    """``regions`` of the finished picture on what is drawn of it."""
    left, top, right, bottom = sizes.box(sizes.drawn)
    width, height = sizes.drawn
    return [
        Part(
            left=(left + region.left * (right - left)) / width,
            top=(top + region.top * (bottom - top)) / height,
            right=(left + (region.left + region.width) * (right - left)) / width,
            bottom=(top + (region.top + region.height) * (bottom - top)) / height,
            weight=region.weight,
            said=encoded,
        )
        for region, encoded in zip(regions, said, strict=True)
    ]


def by_regions(unet: Any, regions: Sequence[Part], batch: int, times: int) -> Any:
    """What stands for ``unet``, a proxy, in a request for ``batch`` pictures with ``regions``.

    ``times``: the times its noise was trained with, counted down from there.
    """

    def call(_own: Any, sample: Tensor, timestep: Any, **arguments: Any) -> tuple[Tensor]:
        return (_predict(unet, regions, batch, times, sample, timestep, arguments),)

    kind = type(unet)
    own: Any = object.__new__(type(kind.__name__, (kind,), {"__call__": call}))
    object.__setattr__(own, "__dict__", unet.__dict__)
    return own


def _predict(
    unet: Any,
    regions: Sequence[Part],
    batch: int,
    times: int,
    sample: Tensor,
    timestep: Any,
    arguments: dict[str, Any],
) -> Tensor:
    """The noise in ``sample``; its last ``batch`` rows are those of the prompt, what is before them is guidance."""
    rows, (height, width) = len(sample), sample.shape[-2:]
    steered = arguments.get("down_block_additional_residuals") is not None  # by a picture, which stays where it is
    laying_out = not steered and float(torch.as_tensor(timestep).flatten()[0]) > LAYING_OUT * times
    moves = [part.moves(height, width) if laying_out else (0, 0) for part in regions]
    said = sample[rows - batch :]
    samples = torch.cat([sample, *(said.roll(move, (-2, -1)) for move in moves)])
    index = torch.tensor([*range(rows), *[*range(rows - batch, rows)] * len(regions)], device=sample.device)
    more = {name: _grown(value, rows, index) for name, value in arguments.items()}
    _say(more, regions, rows, batch)
    predicted = unet(samples, timestep, **{**more, "return_dict": False})[0]
    answers = [
        each.roll((-down, -across), (-2, -1))
        for each, (down, across) in zip(predicted[rows:].split(batch), moves, strict=True)
    ]
    maps = [part.map(height, width).to(predicted) for part in regions]
    covered = torch.stack(maps).sum(0)
    whole = predicted[rows - batch : rows] * (1 - covered).clamp(min=0)
    for each, answer in zip(maps, answers, strict=True):
        whole = whole + answer * (each / covered.clamp(min=1))
    return torch.cat([predicted[: rows - batch], whole])


def _grown(value: Any, rows: int, index: Tensor) -> Any:
    """``value`` with the rows of the prompt once more for each region."""
    if isinstance(value, Tensor):
        return value[index] if value.dim() and len(value) == rows else value
    if isinstance(value, dict):
        return {name: _grown(each, rows, index) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_grown(each, rows, index) for each in value)
    return value


def _say(arguments: dict[str, Any], regions: Sequence[Part], rows: int, batch: int) -> None:
    """Put the regions' words where those of the prompt were repeated."""
    states = arguments["encoder_hidden_states"]
    arguments["encoder_hidden_states"] = _with(states, [part.said.states for part in regions], rows, batch)
    more = arguments.get("added_cond_kwargs")
    pooled = [part.said.pooled for part in regions if part.said.pooled is not None]
    if more and "text_embeds" in more and pooled:
        more["text_embeds"] = _with(more["text_embeds"], pooled, rows, batch)


def _with(value: Tensor, said: Sequence[Tensor], rows: int, batch: int) -> Tensor:
    return torch.cat([value[:rows], *(each.to(value).expand(batch, *each.shape[1:]) for each in said)])


def _covered(start: float, end: float, cells: int) -> Tensor:
    """How much of each of ``cells`` lies between two fractions of their length."""
    edges = torch.arange(cells + 1) / cells
    return ((edges[1:].clamp(max=end) - edges[:-1].clamp(min=start)).clamp(min=0) * cells).float()
