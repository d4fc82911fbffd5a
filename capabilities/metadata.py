"""What clients are told of the capability types, narrowed to the capabilities in their hands.

It is told in two forms with the same facts. The **document** is for editors: JSON Schemas (see
`mintaka.capabilities.schema`) of every method for each capability one holds; what they share stands in it once.

    {$schema, schema_rev, $defs: {models-…: {enum, labels}},
     types: {KEY: {type, label, description, restrictions, restrictable, options, methods, missing}},
     capabilities: [{id, type, label, as: KEY, left, expires}], missing: [{type, why}],
     endpoints: [{name, owner, version, description, published, parameters: a schema, cap: id}]}

The **list** is what clients of ViwoScript read: for each type one holds ``{type, label, description, methods: [{name,
label, description, parameters: [{name, type, description, default?, optional?, fields?}], returnType}]}``, each with
further facts. Either way an option's choices, range and default are what this very capability will accept, so an editor
built from them offers nothing that would be refused, and says of what it leaves out why.

``schema_rev`` is the revision of all this by content. What is ``left`` of a budget changes with every use, and makes no
new revision.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mintaka.capabilities import schema
from mintaka.capabilities.arguments import TYPES
from mintaka.capabilities.endpoints.space import EndpointSpace
from mintaka.capabilities.held import Held
from mintaka.capabilities.limits import people
from mintaka.capabilities.narrowing import DEFINITIONS, Described, described
from mintaka.capabilities.offers import NOTHING, Choices, Moment, Offer, Offers, digest
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import CapabilityType, Registry
from mintaka.library.endpoints import Endpoint

KEPT = 1024
"""How many descriptions are kept, each of one type under one set of restrictions."""


class Metadata:
    """What there is to tell of the types in ``registry``; it may be asked from several threads."""

    def __init__(self, registry: Registry, endpoints: EndpointSpace | None = None) -> None:
        self._registry = registry
        self._endpoints = endpoints
        self._kept: dict[str, Described] = {}
        plain = [described(kind, NOTHING, kind.restrictions(), "") for kind in registry]
        self._program = digest([dict(each) for each in plain])
        """The revision of what the program declares."""

    def revision(self, held: Sequence[Held]) -> str:
        """The revision of what would be told of these capabilities."""
        return self._revision(held, Moment())

    def offered(self) -> str:
        """The revision of what there is to choose from, whoever may: of the models in their folders, for example."""
        moment = Moment()
        return digest([self._offer(kind.name, moment).revision for kind in self._registry])

    def document(self, held: Sequence[Held]) -> dict[str, Any]:
        """All there is to tell of these capabilities, as the module says."""
        moment = Moment()
        types: dict[str, Described] = {}
        capabilities: list[Json] = []
        for each in held:
            key = self._key(each, moment)
            if key not in types:
                types[key] = self._described(each, key, moment)
            told = {"id": each.id, "type": each.type, "label": each.label, "as": key}
            capabilities.append({**told, "left": _left(each), "expires": each.expires})
        # A list that nothing refers to is not told: who may use one model does not learn which others there are.
        referred = {
            str(schema.chosen(field)["$ref"]).removeprefix(DEFINITIONS)
            for found in types.values()
            for model in found["options"].values()
            for field in model["properties"].values()
            if "$ref" in schema.chosen(field)
        }
        return {
            "$schema": schema.DIALECT,
            "schema_rev": self._revision(held, moment),
            "$defs": {key: each.to_json() for key, each in self._choices(held, moment).items() if key in referred},
            "types": types,
            "capabilities": capabilities,
            "missing": self._missing(held),
            "endpoints": self._endpoints_of(held),
        }

    def listing(self, held: Iterable[Held]) -> list[dict[str, Any]]:
        """The list of the types of these capabilities; of several of a type the first counts."""
        first: dict[str, Held] = {}
        for each in held:
            first.setdefault(each.type, each)
        moment = Moment()
        choices = self._choices(first.values(), moment)
        told = []
        for each in first.values():
            key = self._key(each, moment)
            found = self._described(each, key, moment)
            told.append({**_listed(found, choices), "left": _left(each), "schema_rev": key})
        return told

    def _described(self, held: Held, key: str, moment: Moment) -> Described:
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            kind, offer = self._registry.get(held.type), self._offer(held.type, moment)
            self._kept[key] = described(kind, offer, held.restrictions, f"#/types/{key}")
        return self._kept[key]

    def _offer(self, type: str, moment: Moment) -> Offer:
        behind = self._registry.object(type)
        return behind.offer(moment) if isinstance(behind, Offers) else NOTHING

    def _key(self, held: Held, moment: Moment) -> str:
        """The name of a description: capabilities with one key accept the same."""
        revision = self._offer(held.type, moment).revision
        return f"{held.type}-{digest([self._program, revision, held.restrictions.to_json()])}"

    def _choices(self, held: Iterable[Held], moment: Moment) -> dict[str, Choices]:
        types = dict.fromkeys(each.type for each in held)
        return {each.key: each for type in types for each in self._offer(type, moment).choices.values()}

    def _revision(self, held: Sequence[Held], moment: Moment) -> str:
        keys: list[Json] = [[each.id, each.label, each.expires, self._key(each, moment)] for each in held]
        endpoints: list[Json] = [[each.owner, each.name, each.version, by.id] for each, by in self._callable(held)]
        return digest([self._program, keys, endpoints])

    def _endpoints_of(self, held: Sequence[Held]) -> list[Json]:
        if self._endpoints is None:
            return []
        return [{**self._endpoints.described(each), "cap": by.id} for each, by in self._callable(held)]

    def _callable(self, held: Sequence[Held]) -> list[tuple[Endpoint, Held]]:
        return [] if self._endpoints is None else self._endpoints.callable(held)

    def _missing(self, held: Sequence[Held]) -> list[Json]:
        """The types that one holds no capability of."""
        types = {each.type for each in held}
        return [
            {"type": kind.name, "label": kind.label, "why": f"you hold no {kind.name}; who holds one can share it"}
            for kind in self._registry
            if kind.name not in types
        ]


def unrestricted(kinds: Iterable[CapabilityType]) -> list[dict[str, Any]]:
    """The list as it is for unrestricted capabilities of these types where no server runs: without what there is."""
    return [_listed(described(kind, NOTHING, kind.restrictions(), ""), {}) for kind in kinds]


def _left(held: Held) -> dict[str, Json]:
    return {unit: people(unit, amount) for unit, amount in held.left.items()}


# The list, made from a description


_SAME = (
    *("minimum", "maximum", "maxLength", "unit", "soft_range"),
    *("widget", "order", "phase", "visible_if", "labels", "narrowed"),
)


def _listed(found: Described, choices: Mapping[str, Choices]) -> dict[str, Any]:
    told = {name: fact for name, fact in found.items() if name != "options"}
    return {**told, "methods": [_method(each, found["options"], choices) for each in found["methods"]]}


def _method(method: Mapping[str, Any], options: Mapping[str, Any], choices: Mapping[str, Choices]) -> dict[str, Any]:
    taken = method["arguments"]
    parameters = []
    for place, each in enumerate(taken.get("prefixItems", ())):
        optional = place >= taken["minItems"]
        if "$ref" in each:
            fields = options[each["$ref"].rpartition("/")[2]]["properties"]
            parameters.append(
                {
                    "name": each["name"],
                    "type": "object",
                    "description": "How to do it; every one may be left out.",
                    "optional": True,
                    "fields": [_field(name, field, choices) for name, field in fields.items()],
                }
            )
        else:
            absent = {"optional": True, "default": each.get("default")} if optional else {}
            parameters.append({"name": each["name"], **_plain(each), **absent})
    return {**{name: fact for name, fact in method.items() if name != "arguments"}, "parameters": parameters}


def _field(name: str, field: Mapping[str, Any], choices: Mapping[str, Choices]) -> dict[str, Any]:
    told = {"name": name, "alias": field["alias"], **_plain(field), "optional": True, "default": field.get("default")}
    chosen = schema.chosen(dict(field))
    if "$ref" in chosen:
        told["choices"] = list(choices[chosen["$ref"].rpartition("/")[2]].labels)
    elif "enum" in chosen:
        told["choices"] = chosen["enum"]
    return told


_VIWO: Mapping[str, str] = {
    **{str(each): TYPES[kind] for kind, each in schema.JSON_TYPES.items() if TYPES[kind] != "image"},
    "integer": "number",
}


def _plain(field: Mapping[str, Any]) -> dict[str, Any]:
    type = field["type"]
    named = _VIWO.get(str(type)) or _VIWO[type[0]]  # of several the first, in which it is usually given
    kind = "image" if field["widget"] == "image" else named
    told = {"label": field["title"], "type": kind, "description": field["description"]}
    return told | {key: field[key] for key in _SAME if key in field}
