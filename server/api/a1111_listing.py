"""``/sdapi/v1/options|sd-models|samplers|schedulers|loras|upscalers|…``: what there is, for A1111's clients.

All of it is what the token's principal may use.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict

from mintaka.capabilities.principals import OWNER
from mintaka.engine import schedulers
from mintaka.server.api import a1111_shapes as shapes
from mintaka.server.api.a1111_chosen import Chosen
from mintaka.server.api.a1111_routes import TAG
from mintaka.server.api.a1111_shapes import A1111
from mintaka.server.api.operations import Call, Shown, operation
from mintaka.server.api.waiting import Waiting
from mintaka.server.capability_methods import CapabilityMethods
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Nothing

USUAL: Mapping[str, Any] = {
    "samples_format": "png",
    "CLIP_stop_at_last_layers": 1,
    "sd_vae": "Automatic",
    "eta_noise_seed_delta": 0,
    "return_grid": False,
}
"""Settings as they always are here."""


class Listed(Shown):
    """One of what there is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str


class ListedModel(Shown):
    """A model."""

    title: str
    model_name: str
    hash: str | None
    sha256: str | None
    filename: str
    config: str | None


class Options(Shown):
    """What is set."""

    model_config = ConfigDict(frozen=True, extra="allow")

    sd_model_checkpoint: str | None


class A1111Listing:
    """What there is, and what is set."""

    def __init__(self, waiting: Waiting, chosen: Chosen, capabilities: CapabilityMethods) -> None:
        self._waiting = waiting
        self._chosen = chosen
        self._capabilities = capabilities

    @operation("GET", "/sdapi/v1/options", face=A1111, tag=TAG, answer=Options)
    async def options(self, call: Call) -> object:
        """What is set: the model that draws when a request names none, and what is always so."""
        chosen = self._chosen.options(call.principal)
        models = await self._models(call)
        usual = models[0] if models else None
        return {
            **USUAL,
            "sd_model_checkpoint": chosen.get("model_id", usual),
            "CLIP_stop_at_last_layers": chosen.get("clip_skip", 0) + 1,
        }

    @operation("POST", "/sdapi/v1/options", face=A1111, tag=TAG, answer=None, body=shapes.Settings)
    async def set_options(self, call: Call) -> object:
        """Set the model (`sd_model_checkpoint`) or `CLIP_stop_at_last_layers` for what you ask from now on."""
        asked: shapes.Settings = call.body
        options = shapes.overridden(asked.model_extra or {})
        model = options.get("model_id")
        models = await self._models(call)
        if model is not None and model not in models:
            raise Fault(
                Kind.NO_SUCH_MODEL,
                f"There is no model “{str(model)[:100]}” that you may use; there are {', '.join(models) or 'none'}.",
                data={"parameter": "sd_model_checkpoint"},
            )
        self._chosen.choose(call.principal, options)
        return None

    @operation("GET", "/sdapi/v1/sd-models", face=A1111, tag=TAG, answer=list[ListedModel])
    async def sd_models(self, call: Call) -> object:
        """The models you may use."""
        return [
            {"title": id, "model_name": id, "hash": None, "sha256": None, "filename": id, "config": None}
            for id in await self._models(call)
        ]

    @operation("GET", "/sdapi/v1/samplers", face=A1111, tag=TAG, answer=list[Listed])
    async def samplers(self, call: Call) -> object:
        """The samplers you may use; `schedulers` has how their steps can be spaced."""
        names = await self._schedulers(call)
        return [
            {"name": each.label, "aliases": [each.name], "options": {}}
            for each in schedulers.SCHEDULERS.values()
            if each.name in names and _spacing(each.name) is None
        ]

    @operation("GET", "/sdapi/v1/schedulers", face=A1111, tag=TAG, answer=list[Listed])
    async def schedulers(self, call: Call) -> object:
        """How the steps of samplers can be spaced."""
        used = {_spacing(name) for name in await self._schedulers(call)}
        spacings = [("automatic", "Automatic")]
        spacings += [(name, label.strip()) for name, (label, _) in schedulers.SPACINGS.items() if name in used]
        return [
            {"name": name, "label": label, "aliases": None, "default_rho": -1.0, "need_inner_model": False}
            for name, label in spacings
        ]

    @operation("GET", "/sdapi/v1/loras", face=A1111, tag=TAG, answer=list[Listed])
    async def loras(self, call: Call) -> object:
        """The LoRAs you may use, as `<lora:NAME:WEIGHT>` in a prompt."""
        listed = _rows(await self._waiting.value(call, "diffusers.generate", "loras"))
        return [{"name": each["name"], "alias": each["title"], "path": each["name"], "metadata": {}} for each in listed]

    @operation("GET", "/sdapi/v1/upscalers", face=A1111, tag=TAG, answer=list[Listed])
    async def upscalers(self, call: Call) -> object:
        """What can make pictures larger: by arithmetic, and the upscalers you may use."""
        if not self._waiting.holds(call, "diffusers.upscale"):
            return []
        listed = _rows(await self._waiting.value(call, "diffusers.upscale", "upscalers"))
        known = [("None", 4), ("Lanczos", 4), ("Nearest", 4), *((each["id"], each["factor"]) for each in listed)]
        return [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": scale}
            for name, scale in known
        ]

    @operation("GET", "/sdapi/v1/latent-upscale-modes", face=A1111, tag=TAG, answer=list[Listed])
    async def latent_upscale_modes(self, call: Call) -> object:
        """None: what enlarges latents is not done here."""
        return []

    @operation("GET", "/sdapi/v1/sd-vae", face=A1111, tag=TAG, answer=list[Listed])
    async def sd_vae(self, call: Call) -> object:
        """None: every model here has its own."""
        return []

    @operation("GET", "/sdapi/v1/prompt-styles", face=A1111, tag=TAG, answer=list[Listed])
    async def prompt_styles(self, call: Call) -> object:
        """None."""
        return []

    @operation("POST", "/sdapi/v1/refresh-checkpoints", face=A1111, tag=TAG, answer=None)
    async def refresh_checkpoints(self, call: Call) -> object:
        """Nothing to do: models are found as soon as they are there."""
        return None

    @operation("POST", "/sdapi/v1/refresh-loras", face=A1111, tag=TAG, answer=None)
    async def refresh_loras(self, call: Call) -> object:
        """Nothing to do: LoRAs are found as soon as they are there."""
        return None

    @operation("GET", "/sdapi/v1/cmd-flags", face=A1111, tag=TAG, answer=dict[str, Any])
    async def cmd_flags(self, call: Call) -> object:
        """What that web UI would have been started with."""
        return {"api": True, "nowebui": True, "lowvram": False, "medvram": False}

    @operation("GET", "/sdapi/v1/memory", face=A1111, tag=TAG, answer=dict[str, Any])
    async def memory(self, call: Call) -> object:
        """How much memory the machine has, for its owner."""
        if call.principal != OWNER:
            hidden = {"error": "That is told to the owner of this server."}
            return {"ram": hidden, "cuda": hidden}
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
        return {"ram": {"free": free, "used": total - free, "total": total}, "cuda": {"error": "See GET /health."}}

    async def _models(self, call: Call) -> list[str]:
        told = (await self._capabilities.list_models(call.caller, Nothing())).result
        assert isinstance(told, list)
        return [str(each["id"]) for each in told]

    async def _schedulers(self, call: Call) -> set[str]:
        """The names of those that may be used."""
        return {
            str(each["name"]) for each in _rows(await self._waiting.value(call, "diffusers.generate", "schedulers"))
        }


def _rows(told: object) -> Sequence[Mapping[str, Any]]:
    return told if isinstance(told, list) else []


def _spacing(name: str) -> str | None:
    """The spacing that the name of a scheduler says."""
    base, _, last = name.rpartition("_")
    return last if last in schedulers.SPACINGS and base in schedulers.SCHEDULERS else None
