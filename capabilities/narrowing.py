"""A capability type as one capability of it will be accepted: the schema of its methods, narrowed by restrictions."""

from collections.abc import Mapping
from copy import deepcopy
from types import UnionType
from typing import Any, get_args, get_origin

from mintaka.capabilities import schema
from mintaka.capabilities.arguments import TYPES, Options, extra
from mintaka.capabilities.offers import Advice, Choices, Offer
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import CapabilityType, Effect, Method
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault

Described = Mapping[str, Any]
"""A type in JSON: ``{type label description restrictions restrictable options methods missing}``."""

DEFINITIONS = "#/$defs/"
"""Where lists that options pick from stand."""

RETURNS: Mapping[Any, str] = {**TYPES, CapabilityValue: "capability"}


def described(kind: CapabilityType, offer: Offer, restrictions: Restrictions, at: str) -> Described:
    """What a capability of type ``kind`` under ``restrictions`` accepts; ``at`` points to where this will stand.

    ``options`` has the schema of each method's options, by the name of their class, since methods share them.
    """
    advice = offer.advice(restrictions)
    models = {each.signature.options for each in kind.methods.values()} - {None}
    allowed, missing = [], list[Json]()
    for method in kind.methods.values():
        try:
            restrictions.permit(kind.name, {"methods": method.name})
        except HostFault as refusal:
            missing.append({"method": method.name, "why": refusal.message})
        else:
            allowed.append(_method(method, advice, at))
    return {
        "type": kind.name,
        "label": kind.label,
        "description": kind.description,
        "restrictions": restrictions.to_json(),
        "restrictable": [
            {"name": rule.name, "kind": rule.kind, "description": rule.help, "unit": rule.unit}
            for rule in kind.restrictions.rules.values()
        ],
        "options": {
            model.__name__: _options(model, offer, advice, restrictions)
            for model in sorted(filter(None, models), key=lambda each: each.__name__)
        },
        "methods": allowed,
        "missing": missing,
    }


def _method(method: Method, advice: Advice, at: str) -> dict[str, Json]:
    options = method.signature.options
    told: dict[str, Json] = {
        "name": method.name,
        "label": method.label,
        "description": method.description,
        "arguments": schema.arguments(method.signature, f"{at}/options/{options.__name__}" if options else ""),
        "returnType": _return_type(method.signature.returns),
        "effects": method.effects,
        "deterministic": method.deterministic,
        "cancellable": method.cancellable,
        "progress": method.progress,
        "cost": method.cost,
        "cost_unit": _cost_unit(method),
        "errors": list[Json](_errors(method)),
        "examples": list[Json]((*method.examples, *advice.examples.get(method.name, ()))),
    }
    if why := advice.unavailable.get(method.name):
        told["unavailable"] = why
    return told


def _cost_unit(method: Method) -> Json:
    if method.cost is None:
        return None
    return "pixel-steps" if method.effects is Effect.GPU else "bytes"


def _errors(method: Method) -> list[str]:
    """The kinds a call may fail with: those of any call of its shape, then its own."""
    signature = method.signature
    shaped = ("type", "invalid_params") if signature.parameters or signature.options else ()
    paid = ("no_budget",) if method.cost or method.effects in (Effect.WRITES, Effect.GPU) else ()
    return list(dict.fromkeys(("no_such_capability", "denied", "arity", *shaped, *paid, *method.errors)))


def _options(model: type[Options], offer: Offer, advice: Advice, restrictions: Restrictions) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {
            name: _property(model, name, known, offer, advice, restrictions)
            for name, known in schema.properties(model).items()
        },
        "additionalProperties": False,
    }


def _property(
    model: type[Options],
    name: str,
    known: Mapping[str, Json],
    offer: Offer,
    advice: Advice,
    restrictions: Restrictions,
) -> dict[str, Json]:
    """An option's schema, no wider than the bound it is narrowed by, with the reason where that tells."""
    told, field = deepcopy(dict(known)), model.model_fields[name]
    defaults = {**advice.defaults, **advice.own_defaults.get(model.__name__, {})}
    if name in defaults:
        told["default"] = defaults[name]
        if told["default"] is None:
            del told["default"]
    named = extra(field, "choices")
    choices = offer.choices.get(named) if isinstance(named, str) else None
    narrowing = extra(field, "narrowed_by")
    facts = restrictions.facts(narrowing) if narrowing else {}
    chosen = schema.chosen(told)
    if facts:
        _narrow(chosen, facts, choices)
        told["narrowed"] = {"by": narrowing, "why": restrictions.reason(narrowing)}
    if choices is not None and "choices" not in facts:
        chosen["$ref"] = DEFINITIONS + choices.key
    return told


def _narrow(told: dict[str, Any], facts: Mapping[str, Any], choices: Choices | None) -> None:
    if "maximum" in facts:
        told["maximum"] = min(told.get("maximum", facts["maximum"]), facts["maximum"])
    if "minimum" in facts:
        told["minimum"] = max(told.get("minimum", facts["minimum"]), facts["minimum"])
    if "soft_range" in told:
        low, high = told["soft_range"]
        least, most = told.get("minimum", low), told.get("maximum", high)
        told["soft_range"] = [min(max(low, least), most), max(min(high, most), least)]
    if "choices" in facts:
        known = choices.labels if choices is not None else told.get("enum", facts["choices"])
        told["enum"] = [each for each in facts["choices"] if each in known]
        if choices is not None:
            told["labels"] = {each: choices.labels[each] for each in told["enum"]}


def _return_type(annotation: Any) -> str:
    """A union is called by its first member: what a method gives when it is called plainly."""
    first = get_args(annotation)[0] if isinstance(annotation, UnionType) else annotation
    return RETURNS.get(get_origin(first) or first, "any")
