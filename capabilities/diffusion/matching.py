"""Which ControlNet steers which model."""

from collections.abc import Sequence

from mintaka.capabilities.diffusion.offer import Snapshot
from mintaka.capabilities.diffusion.steering import unsupported
from mintaka.capabilities.order import Json
from mintaka.capabilities.restrictions import Restrictions
from mintaka.engine.controls import ABOUT, ControlType
from mintaka.engine.errors import EngineError
from mintaka.engine.models import ControlNetInfo, ModelInfo
from mintaka.engine.models.controlnets import misfit
from mintaka.runtime.errors import HostFault


def find_controlnet(
    restrictions: Restrictions, known: Snapshot, model: ModelInfo, kind: ControlType, asked: str | None
) -> ControlNetInfo:
    """The ControlNet ``asked`` for, or the first of the type that can steer ``model``.

    Raises HostFault ``denied`` and ``unsupported``, NoSuchModel, BadModel.
    """
    if asked is None:
        able = fitting(known.controlnets(), kind, model)
        if able:
            return able[0]
        raise unsupported(*_missing(kind, model, known.controlnets()))
    found = known.controlnet(asked)
    if found.control_type is None and not all(restrictions.permits("allowed_types", each) for each in ControlType):
        raise HostFault(
            f"nothing says what pictures the ControlNet {asked} reads, and only some types may be used",
            kind="denied",
            hint="say its `control_type` in its mintaka.json",
        )
    if found.control_type not in (None, kind):
        raise unsupported(
            f"the ControlNet {asked} reads pictures of type {found.control_type}, not {kind}",
            f"name a ControlNet for {kind}, or say the type {found.control_type}",
        )
    if (why := misfit(found, model)) is not None:
        raise unsupported(
            f"the ControlNet {asked} cannot steer the model {model.id}: {why}",
            "use a ControlNet that was made for a model like this one",
        )
    return found


def fitting(known: Sequence[ControlNetInfo], kind: ControlType, model: ModelInfo) -> list[ControlNetInfo]:
    """Those of the type that can steer the model; first those that were made for it."""
    able = [each for each in known if each.control_type is kind and _fits(each, model)]
    return sorted(able, key=lambda each: each.base != model.id)


def _fits(controlnet: ControlNetInfo, model: ModelInfo) -> bool:
    try:
        return misfit(controlnet, model) is None
    except EngineError:
        return False


def steers(
    known: Sequence[ControlNetInfo], steered: Sequence[tuple[ControlType, str | None]], model: ModelInfo
) -> bool:
    """Whether ``model`` can be steered by pictures of the types, each with the ControlNet named for it or any."""
    return all(
        fitting(known, kind, model) if named is None else any(each.id == named and _fits(each, model) for each in known)
        for kind, named in steered
    )


def _missing(kind: ControlType, model: ModelInfo, known: Sequence[ControlNetInfo]) -> tuple[str, str]:
    """Why no picture of ``kind`` can steer ``model``, and what helps."""
    nearest = next((each for each in known if each.control_type is kind), None)
    if nearest is None:
        return f"no ControlNet for {kind} is installed", "put one into a folder of models, or name one by `controlnet`"
    return (
        f"the ControlNet {nearest.id} for {kind} cannot steer the model {model.id}: {misfit(nearest, model)}",
        "name another model, or install a ControlNet that was made for this one",
    )


def told_of(kind: ControlType, models: Sequence[ModelInfo], known: Sequence[ControlNetInfo]) -> Json:
    """What a script is told of a control type: see ``controlnet.generate.getAvailableTypes``."""
    pairs = [(each, net) for each in models for net in fitting(known, kind, each)]
    missing: list[Json] = []
    if not pairs and models:
        missing.append(_missing(kind, models[0], known)[0])
    elif not pairs:
        missing.append("none of the models that may be used is there")
    about = ABOUT[kind]
    if about.missing is not None:
        missing.append(about.missing)
    return {
        "type": str(kind),
        "label": about.label,
        "description": about.description,
        "available": bool(pairs),
        "preprocessor": about.missing is None,
        "models": [{"model": each.id, "controlnet": net.id} for each, net in pairs],
        "missing": missing,
    }
