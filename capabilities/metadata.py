"""What clients are told of the capability types, narrowed to the capabilities in their hands.

The shape is that of ``get_capability_metadata``: ``{type, label, description, methods: [{name, label, description,
parameters: [{name, type, description, default?, optional?, fields?}], returnType}]}``, and beside it ``restrictions``
(effective), ``left`` (of its budgets), and for each method ``effects``, ``cost`` and an ``example`` that runs as it
stands. An option's ``choices``, ``minimum``, ``maximum`` and ``default`` are what this very capability will accept, so
an editor built from them offers nothing that would be refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from mintaka.capabilities.arguments import TYPES, Options, Parameter, camel, extra, field_type
from mintaka.capabilities.held import Held
from mintaka.capabilities.limits import people
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Method, Registry
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.value import CapabilityValue


class Offers:
    """What the object behind a capability type adds to its metadata, where it is one of these."""

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Lists that options pick from, by the name an option gives in ``choices``."""
        return {}

    def defaults(self, restrictions: Restrictions) -> Mapping[str, Json]:
        """What options are taken to be when left out, under these restrictions."""
        return {}

    def example(self, method: str, restrictions: Restrictions) -> str | None:
        """A script that calls the method and is accepted, or ``None``."""
        return None


RETURNS: Mapping[Any, str] = {**TYPES, CapabilityValue: "capability"}


def describe(registry: Registry, held: Iterable[Held]) -> list[dict[str, Json]]:
    """The metadata of every type of which a capability is ``held``; of several the first counts."""
    first: dict[str, Held] = {}
    for each in held:
        first.setdefault(each.type, each)
    return [_type(registry, each) for each in first.values()]


def _type(registry: Registry, held: Held) -> dict[str, Json]:
    kind = registry.get(held.type)
    behind = registry.object(kind.name)
    offers = behind if isinstance(behind, Offers) else Offers()
    methods = [each for each in kind.methods.values() if held.restrictions.permits("methods", each.name)]
    return {
        "type": kind.name,
        "label": kind.label,
        "description": kind.description,
        "methods": [_method(offers, each, held.restrictions) for each in methods],
        "restrictions": held.restrictions.to_json(),
        "restrictable": [
            {"name": rule.name, "kind": rule.kind, "description": rule.help, "unit": rule.unit}
            for rule in kind.restrictions.rules.values()
        ],
        "left": {unit: people(unit, amount) for unit, amount in held.left.items()},
    }


def _method(offers: Offers, method: Method, restrictions: Restrictions) -> dict[str, Json]:
    signature = method.signature
    parameters: list[Json] = [_parameter(each) for each in signature.parameters]
    if signature.options is not None:
        parameters.append(
            {
                "name": "options",
                "type": "object",
                "description": "How to do it; every one may be left out.",
                "optional": True,
                "fields": _fields(offers, signature.options, restrictions),
            }
        )
    told: dict[str, Json] = {
        "name": method.name,
        "label": method.label,
        "description": method.description,
        "parameters": parameters,
        "returnType": _return_type(signature.returns),
        "effects": method.effects.value,
        "cost": method.cost,
    }
    if example := offers.example(method.name, restrictions):
        told["example"] = example
    return told


def _parameter(parameter: Parameter) -> dict[str, Json]:
    told: dict[str, Json] = {"name": parameter.name, "type": TYPES[parameter.type], "description": parameter.help}
    if not parameter.required:
        told |= {"optional": True, "default": parameter.default}
    return told


def _fields(offers: Offers, options: type[Options], restrictions: Restrictions) -> list[Json]:
    choices, defaults = offers.choices(), offers.defaults(restrictions)
    return [_field(name, field, choices, defaults, restrictions) for name, field in options.model_fields.items()]


def _field(
    name: str,
    field: FieldInfo,
    choices: Mapping[str, Sequence[str]],
    defaults: Mapping[str, Json],
    restrictions: Restrictions,
) -> dict[str, Json]:
    told: dict[str, Json] = {
        "name": name,
        "alias": camel(name),
        "label": extra(field, "label"),
        "type": TYPES[field_type(field)],
        "description": field.description or "",
        "optional": True,
        "default": defaults.get(name, field.default),
    }
    if unit := extra(field, "unit"):
        told["unit"] = unit
    for bound in field.metadata:
        told |= {word: getattr(bound, at) for at, word in (("ge", "minimum"), ("le", "maximum")) if hasattr(bound, at)}
    if named := extra(field, "choices"):
        told["choices"] = list[Json](choices.get(named, ()))
    if narrowing := extra(field, "narrowed_by"):
        _narrow(told, restrictions.facts(narrowing))
    return told


def _narrow(told: dict[str, Json], facts: Mapping[str, Any]) -> None:
    """Make ``told`` no wider than the facts of a bound."""
    known: Any = told
    if "maximum" in facts:
        told["maximum"] = min(known.get("maximum", facts["maximum"]), facts["maximum"])
    if "minimum" in facts:
        told["minimum"] = max(known.get("minimum", facts["minimum"]), facts["minimum"])
    if "choices" in facts:
        told["choices"] = [each for each in known.get("choices", facts["choices"]) if each in facts["choices"]]


def _return_type(annotation: Any) -> str:
    """A union is called by its first member: what a method gives when it is called plainly."""
    first = get_args(annotation)[0] if isinstance(annotation, UnionType) else annotation
    return RETURNS.get(get_origin(first) or first, "any")
