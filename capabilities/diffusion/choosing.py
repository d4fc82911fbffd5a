"""What a call that draws leaves open: filled in by the model, and kept under the capability's ceilings."""

import builtins
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Protocol

from mintaka.capabilities.diffusion.options import DRAWN_SEEDS, MAX_PROMPT, MAX_SIDE, MIN_SIDE, ROUND, SEEDS
from mintaka.capabilities.failures import told
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.use import Use
from mintaka.engine import schedulers
from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.models import LoraInfo, ModelInfo
from mintaka.engine.models.families import Task
from mintaka.engine.models.weights import EmbeddingInfo
from mintaka.engine.prompts import named
from mintaka.engine.requests import MAX_REGIONS, Lora, Region
from mintaka.runtime.errors import HostFault


class Models(Protocol):
    """Where models are found: `mintaka.engine.models.ModelFolder`."""

    def list(self) -> list[ModelInfo]:
        """Every usable model."""
        ...

    def resolve(self, model_id: str) -> str:
        """The id that ``model_id`` stands for where it is an alias, else itself."""
        ...

    def get(self, model_id: str) -> ModelInfo:
        """The model of that id or alias. Raises NoSuchModel, BadModel."""
        ...

    def loras(self) -> builtins.list[LoraInfo]:
        """Every usable LoRA."""
        ...

    def embeddings(self) -> builtins.list[EmbeddingInfo]:
        """Every usable embedding."""
        ...


def find_model(use: Use, asked: str | None, models: Models, *, inpaints: bool = False) -> ModelInfo:
    """The model a call draws with. Raises HostFault ``denied``, ``no_such_model``, ``unsupported``.

    A model the capability does not allow is refused before it is looked for, so nobody learns what else there is. An
    alias is permitted where what it stands for is.
    """
    if asked is not None:
        asked = models.resolve(asked)
        use.permit(allowed_models=asked)
    with told():
        return choose_model(asked, use.restrictions, models, inpaints=inpaints)


def is_checked(model: ModelInfo, restrictions: Restrictions) -> bool:
    """Whether ``model`` has a safety checker where one is required."""
    return model.checks_safety or restrictions.permits("require_safety_checker", True)


def refuse_unchecked(model: ModelInfo, restrictions: Restrictions) -> None:
    """Raise HostFault ``unsupported`` where a safety checker is required and ``model`` has none."""
    if not is_checked(model, restrictions):
        raise HostFault(
            f"the model {model.id} has no safety checker, and `require_safety_checker` wants every picture looked at",
            kind="unsupported",
            hint="name a model that has one",
        )


def may_preview(restrictions: Restrictions) -> bool:
    """Whether previews may be shown: not where they are forbidden, nor pictures before a safety checker saw them."""
    return restrictions.permits("no_preview", True) and restrictions.permits("require_safety_checker", True)


def visible(restrictions: Restrictions, models: Models) -> list[ModelInfo]:
    """The models there are that a capability allows."""
    return [each for each in models.list() if restrictions.permits("allowed_models", each.id)]


def choose_model(asked: str | None, restrictions: Restrictions, models: Models, *, inpaints: bool = False) -> ModelInfo:
    """The model asked for, or the capability's default, or the first it allows that was made for the work.

    ``inpaints`` says that parts of a picture are to be repainted.
    """
    preferred: str | None = restrictions.get("default_model")
    if asked is None and preferred is not None and restrictions.permits("allowed_models", models.resolve(preferred)):
        asked = preferred
    if asked is None:
        # Looked at only as far as needed: the metadata chooses a model for each of many capabilities among thousands.
        task = Task.INPAINTING if inpaints else Task.TEXT_TO_IMAGE
        able = (each for each in models.list() if task in each.tasks and is_checked(each, restrictions))
        allowed = (each for each in able if restrictions.permits("allowed_models", each.id))
        first = next(allowed, None)
        if first is None:
            raise _no_such_model("none of the models that may be used is there", ())
        return next((each for each in (first, *allowed) if each.inpaints), first) if inpaints else first
    try:
        return models.get(asked)
    except NoSuchModel:
        names = [each.id for each in visible(restrictions, models)]
        raise _no_such_model(f"there is no model called “{asked}”", names, asked) from None


def choose_loras(given: Sequence[object] | None) -> tuple[Lora, ...]:
    """The LoRAs a script asks for. Raises HostFault ``invalid_params``."""
    loras = []
    for each in given or ():
        weight = each.get("weight", 1.0) if isinstance(each, Mapping) else None
        if (
            not isinstance(each, Mapping)
            or not isinstance(each.get("name"), str)
            or not set(each) <= {"name", "weight"}
            or not isinstance(weight, (int, float))
            or isinstance(weight, bool)
        ):
            raise HostFault(
                "option `loras` takes a list of objects with a name and a weight",
                kind="invalid_params",
                hint='write [{:name "storybook" :weight 0.8}]',
                data={"option": "loras"},
            )
        loras.append(Lora(each["name"], float(weight)))
    return tuple(loras)


def choose_regions(given: Sequence[object] | None, size: tuple[int, int]) -> tuple[Region, ...]:
    """The regions a script asks for on a picture of ``size``. Raises HostFault ``invalid_params``.

    A box whose four numbers are at most 1 is in fractions of the picture, any other in pixels.
    """
    regions = []
    for each in given or ():
        box = each.get("box") if isinstance(each, Mapping) else None
        weight: Any = each.get("weight", 1.0) if isinstance(each, Mapping) else None
        if (
            not isinstance(each, Mapping)
            or not isinstance(each.get("prompt"), str)
            or len(each["prompt"]) > MAX_PROMPT
            or not set(each) <= {"prompt", "box", "weight"}
            or not isinstance(box, Sequence)
            or len(box) != 4
            or not all(_is_number(number) for number in (*box, weight))
        ):
            raise _bad_regions("takes a list of objects with a prompt, a box and a weight")
        scale = (1, 1) if max(box) <= 1 else size
        left, top, width, height = (float(number) / side for number, side in zip(box, (*scale, *scale), strict=True))
        inside = min(left, top) >= 0 and max(left + width, top + height) <= 1 + 1e-6
        if not (inside and min(width, height) > 0):
            raise _bad_regions(f"has a box that does not lie in the picture of {size[0]} × {size[1]}")
        if not 0 <= weight <= 1:
            raise _bad_regions("has a weight that is not between 0 and 1")
        regions.append(Region(each["prompt"], left, top, width, height, float(weight)))
    if len(regions) > MAX_REGIONS:
        raise _bad_regions(f"takes {MAX_REGIONS} at most")
    return tuple(regions)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bad_regions(why: str) -> HostFault:
    return HostFault(
        f"option `regions` {why}",
        kind="invalid_params",
        hint='write [{:prompt "a red circle" :box [0 0 0.5 1]}], x y width height',
        data={"option": "regions"},
    )


def choose_embeddings(prompts: Iterable[str | None], restrictions: Restrictions, models: Models) -> tuple[str, ...]:
    """The embeddings that ``prompts`` name.

    One that is not allowed is only a word, so nobody learns that it is there.
    """
    return named(filter(None, prompts), (each.id for each in usable_embeddings(restrictions, models)))


def usable_embeddings(restrictions: Restrictions, models: Models) -> Sequence[EmbeddingInfo]:
    """The embeddings there are that a capability allows."""
    return [each for each in models.embeddings() if restrictions.permits("allowed_embeddings", (each.id,))]


def choose_size(
    width: int | None, height: int | None, usual: tuple[int, int], restrictions: Restrictions, *, drawn: int = 1
) -> tuple[int, int]:
    """The size asked for; a side that was left open is the model's usual one, made smaller to fit the ceilings.

    ``drawn``: how many times each pixel is drawn at least, steps × batch.
    """
    widest, highest = restrictions.get("max_width"), restrictions.get("max_height")
    most: int | None = restrictions.get("max_pixels")
    dearest: int | None = restrictions.get("max_compute")
    if dearest is not None:
        most = under(dearest // drawn, most)
    if width is None and height is None:
        scale = min(
            1.0,
            math.inf if widest is None else widest / usual[0],
            math.inf if highest is None else highest / usual[1],
            math.inf if most is None else math.sqrt(most / (usual[0] * usual[1])),
        )
        return (usual[0], usual[1]) if scale == 1.0 else (_rounded(usual[0] * scale), _rounded(usual[1] * scale))
    if width is None:
        width = _side(usual[0], widest, most, height)
    if height is None:
        height = _side(usual[1], highest, most, width)
    return width, height


def choose_steps(usual: int, pixels: int, restrictions: Restrictions) -> int:
    """The model's usual steps, fewer to fit the ceilings, for a call that draws so many ``pixels`` in each of them."""
    steps = under(usual, restrictions.get("max_steps"))
    dearest: int | None = restrictions.get("max_compute")
    return steps if dearest is None else max(1, min(steps, dearest // pixels))


def choose_size_over(
    width: int | None, height: int | None, source: tuple[int, int], restrictions: Restrictions, *, drawn: int = 1
) -> tuple[int, int]:
    """The size asked for; what was left open follows from the picture that is given, made smaller to fit the ceilings.

    ``drawn`` as in `choose_size`. The picture's own proportions are kept where they can be.
    """
    if width is None and height is None:
        widest, highest = (under(MAX_SIDE, restrictions.get(name)) for name in ("max_width", "max_height"))
        most: int = under(MAX_SIDE * MAX_SIDE, restrictions.get("max_pixels"))
        dearest: int | None = restrictions.get("max_compute")
        if dearest is not None:
            most = under(dearest // drawn, most)
        scale = min(1.0, widest / source[0], highest / source[1], math.sqrt(most / (source[0] * source[1])))
        if scale == 1.0:
            return max(source[0], MIN_SIDE), max(source[1], MIN_SIDE)
        return _rounded(source[0] * scale), _rounded(source[1] * scale)
    if width is None:
        width = round((height or 0) * source[0] / source[1])
    if height is None:
        height = round(width * source[1] / source[0])
    return min(max(width, MIN_SIDE), MAX_SIDE), min(max(height, MIN_SIDE), MAX_SIDE)


def within(value: float, restrictions: Restrictions, name: str) -> float:
    """A default, brought within the bounds of restriction ``name``."""
    facts: dict[str, Any] = dict(restrictions.facts(name))
    low, high = float(facts.get("minimum", value)), float(facts.get("maximum", value))
    return min(max(value, low), high)


def choose_scheduler(asked: str | None, model: ModelInfo, restrictions: Restrictions) -> str | None:
    """The scheduler asked for, or the model's, or the first that the capability allows; ``None``: the model's own."""
    if asked is not None:
        try:
            return schedulers.find(asked).name
        except Unsupported as error:
            raise HostFault(error.message, kind=error.kind, hint=error.hint) from None
    allowed: frozenset[str] | None = restrictions.get("allowed_schedulers")
    usual = model.scheduler and schedulers.find(model.scheduler).name
    if allowed is None or usual in allowed:
        return usual
    return min(allowed)


def under(value: int, ceiling: int | None) -> int:
    """A default, brought under its ceiling."""
    return value if ceiling is None else min(value, ceiling)


def draw_seed(randomness: Random, restrictions: Restrictions, batch: int) -> int:
    """A seed from which a whole ``batch`` may be drawn, out of those the capability allows."""
    low, high = restrictions.get("seed") or DRAWN_SEEDS
    low, high = max(low, SEEDS[0]), min(high, SEEDS[1])
    return randomness.randint(low, max(low, high - batch + 1))


def _side(usual: int, ceiling: int | None, most: int | None, other: int | None) -> int:
    side = under(under(usual, ceiling), None if most is None or other is None else most // other)
    return side if side == usual else _rounded(side)


def _rounded(side: float) -> int:
    return max(MIN_SIDE, int(side) // ROUND * ROUND)


def _no_such_model(message: str, names: Iterable[str], asked: str = "") -> HostFault:
    names = list(names)
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"there are {', '.join(names)}"
        if asked:
            hint += "; the server's [model_aliases] can let this name stand for one of them"
    else:
        hint = "install a model, or ask for a capability that allows one of those there are"
    data: Mapping[str, object] = {"models": names}
    return HostFault(f"{message} — {hint}", kind="no_such_model", hint=hint, data=data)
