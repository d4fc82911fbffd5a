"""The schedulers a request may name, as one table of data; diffusers itself is not imported.

A name is a diffusers class (``EulerDiscreteScheduler``), a short name (``euler``, ``dpmpp_2m_karras``) or the label
A1111 shows ("DPM++ 2M Karras"); case, spaces, underscores and hyphens do not matter. Class names and options are those
of diffusers' ``schedulers`` package; labels are those of A1111's ``modules/sd_samplers_kdiffusion.py``.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mintaka.engine.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Scheduler:
    """How one name is made: a diffusers class and the options set over the model's own scheduler configuration."""

    name: str
    label: str
    class_name: str
    options: Mapping[str, object] = field(default_factory=dict)
    seeded: str | None = None
    """The option that takes the request's seed, where the class draws noise past the pipeline's generator."""
    flow: str | None = None
    """The class that does the same for models trained by flow matching."""


KARRAS = "karras"
EXPONENTIAL = "exponential"
BETA = "beta"

SPACINGS: Mapping[str, tuple[str, str]] = {
    KARRAS: (" Karras", "use_karras_sigmas"),
    EXPONENTIAL: (" Exponential", "use_exponential_sigmas"),
    BETA: (" Beta", "use_beta_sigmas"),
}
"""Spacings of the noise levels: what is added to the label, and the option that sets it."""

ALL_SPACINGS = (KARRAS, EXPONENTIAL, BETA)

DPMPP: Mapping[str, object] = {"algorithm_type": "dpmsolver++", "solver_order": 2}
SDE_DPMPP: Mapping[str, object] = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}

ROWS: tuple[tuple[Scheduler, tuple[str, ...]], ...] = (
    (Scheduler("ddim", "DDIM", "DDIMScheduler"), ()),
    (Scheduler("ddpm", "DDPM", "DDPMScheduler"), ()),
    (Scheduler("pndm", "PLMS", "PNDMScheduler", {"skip_prk_steps": True}), ()),
    (Scheduler("euler", "Euler", "EulerDiscreteScheduler", flow="FlowMatchEulerDiscreteScheduler"), ALL_SPACINGS),
    (Scheduler("euler_a", "Euler a", "EulerAncestralDiscreteScheduler"), ()),
    (Scheduler("heun", "Heun", "HeunDiscreteScheduler"), ALL_SPACINGS),
    (Scheduler("lms", "LMS", "LMSDiscreteScheduler"), ()),
    (Scheduler("kdpm2", "DPM2", "KDPM2DiscreteScheduler"), ALL_SPACINGS),
    (Scheduler("kdpm2_a", "DPM2 a", "KDPM2AncestralDiscreteScheduler"), ALL_SPACINGS),
    (Scheduler("dpmpp_2m", "DPM++ 2M", "DPMSolverMultistepScheduler", DPMPP), ALL_SPACINGS),
    (Scheduler("dpmpp_2m_sde", "DPM++ 2M SDE", "DPMSolverMultistepScheduler", SDE_DPMPP), ALL_SPACINGS),
    (
        Scheduler("dpmpp_3m", "DPM++ 3M", "DPMSolverMultistepScheduler", {**DPMPP, "solver_order": 3}),
        ALL_SPACINGS,
    ),
    (Scheduler("dpmpp_2s", "DPM++ 2S", "DPMSolverSinglestepScheduler", DPMPP), ALL_SPACINGS),
    (Scheduler("dpmpp_sde", "DPM++ SDE", "DPMSolverSDEScheduler", {}, "noise_sampler_seed"), (KARRAS,)),
    (Scheduler("deis", "DEIS", "DEISMultistepScheduler", {"algorithm_type": "deis"}), ALL_SPACINGS),
    (Scheduler("unipc", "UniPC", "UniPCMultistepScheduler"), ALL_SPACINGS),
    (Scheduler("lcm", "LCM", "LCMScheduler", flow="FlowMatchLCMScheduler"), ()),
    (Scheduler("tcd", "TCD", "TCDScheduler"), ()),
)
"""Each scheduler with the spacings its class has."""


def _table() -> dict[str, Scheduler]:
    table = {}
    for row, spacings in ROWS:
        # A name says its spacing wholly: plain "euler" is even when the model's own configuration says Karras.
        even = {SPACINGS[spacing][1]: False for spacing in spacings}
        plain = replace(row, options={**row.options, **even})
        table[plain.name] = plain
        for spacing in spacings:
            label, option = SPACINGS[spacing]
            table[f"{plain.name}_{spacing}"] = replace(
                plain,
                name=f"{plain.name}_{spacing}",
                label=plain.label + label,
                options={**plain.options, option: True},
            )
    return table


SCHEDULERS: Mapping[str, Scheduler] = _table()
"""Every scheduler by its short name."""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == "+")


def _aliases() -> dict[str, Scheduler]:
    aliases = {}
    for scheduler in SCHEDULERS.values():
        aliases[_plain(scheduler.name)] = aliases[_plain(scheduler.label)] = scheduler
    for row, _ in ROWS:
        # A bare class takes its options from the model's own configuration, as it does in diffusers.
        bare = replace(row, name=row.class_name, options={})
        aliases.setdefault(_plain(row.class_name), bare)
        if row.flow is not None:
            aliases[_plain(row.flow)] = replace(bare, name=row.flow)
    return aliases


_ALIASES = _aliases()


def find(name: str) -> Scheduler:
    """The scheduler a request means by ``name``; Unsupported with the nearest names when there is none."""
    found = _ALIASES.get(_plain(name))
    if found is not None:
        return found
    near = difflib.get_close_matches(_plain(name), _ALIASES, n=3, cutoff=0.6)
    suggestions = list(dict.fromkeys(_ALIASES[alias].name for alias in near))
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"there are {', '.join(SCHEDULERS)}"
    raise Unsupported(f"there is no scheduler called “{name}”; {hint}", hint=hint)


def suited(scheduler: Scheduler, *, flow: bool) -> Scheduler:
    """``scheduler`` for a model that was trained by flow matching or was not; Unsupported where it has no such form."""
    if not flow:
        return scheduler
    if scheduler.flow is None:
        names = [each.name for each in SCHEDULERS.values() if each.flow is not None]
        raise Unsupported(
            f"the scheduler {scheduler.name} does not draw with a model that was trained by flow matching",
            hint=f"use {', '.join(names[:-1])} or {names[-1]}, or leave it to the model",
        )
    return replace(scheduler, class_name=scheduler.flow)
