"""What a method takes as JSON Schema 2020-12, read off its signature alone.

Beside the standard's words (``title description type default minimum maximum maxLength enum``) stand our own, which
validators pass over: ``alias`` the camelCase name, ``unit``, ``soft_range`` the range that is usually wanted,
``widget``, ``order``, ``phase``, ``visible_if`` the other options and the values of theirs with which this one has a
meaning. ``null`` is the same as leaving an option out, and is not in the schema.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from mintaka.capabilities.arguments import Options, Parameter, Signature, camel, extra, field_type
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.order import Json
from mintaka.capabilities.widgets import usual

DIALECT = "https://json-schema.org/draft/2020-12/schema"

JSON_TYPES: Mapping[type, Json] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    Image: "object",
    ImageArgument: ["object", "string"],
    object: ["null", "boolean", "number", "string", "array", "object"],
}
"""What each type a method may take is in JSON."""

_TOLD = ("unit", "soft_range", "phase", "visible_if")


@cache
def properties(options: type[Options]) -> Mapping[str, Mapping[str, Json]]:
    """The schema of every option, by name; not narrowed, and without the choices that depend on what there is."""
    generated = inlined(options.model_json_schema())
    assert isinstance(generated, Mapping)
    return {
        name: _property(options, name, order, generated["properties"][name])
        for order, name in enumerate(options.model_fields)
    }


def chosen(option: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is picked from a list: the option's own, or where it lists objects, that of their names."""
    named: dict[str, Any] = option.get("items", {}).get("properties", {}).get("name", option)
    return named


def parameter(given: Parameter, order: int) -> dict[str, Json]:
    """The schema of a positional value."""
    told: dict[str, Json] = {
        "title": given.name.replace("_", " ").capitalize(),
        "description": given.help,
        "type": [JSON_TYPES[each] for each in (given.type, *given.also)] if given.also else JSON_TYPES[given.type],
        "widget": given.widget or usual(given.type),
        "order": order,
    }
    if not given.required and given.default is not None:
        told["default"] = given.default
    return told


def arguments(signature: Signature, options: str) -> dict[str, Json]:
    """The schema of the list of arguments; ``options`` points to that of the options."""
    items: list[Json] = [
        {"name": each.name, **parameter(each, order)} for order, each in enumerate(signature.parameters)
    ]
    if signature.options is not None:
        items.append({"name": "options", "$ref": options})
    least = sum(each.required for each in signature.parameters)
    # The standard allows no empty list of items.
    listed: dict[str, Json] = {"prefixItems": items} if items else {}
    return {"type": "array", **listed, "minItems": least, "maxItems": len(items)}


def inlined(schema: object) -> object:
    """A schema with what it refers to in its own ``$defs`` put in place of the references."""
    definitions = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    return _inlined(schema, definitions)


def _inlined(schema: object, definitions: Mapping[str, object]) -> object:
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "$defs"}


def _property(options: type[Options], name: str, order: int, generated: Mapping[str, Any]) -> dict[str, Json]:
    field = options.model_fields[name]
    told: dict[str, Json] = {
        "title": extra(field, "label"),
        "description": field.description or "",
        **_kind(generated.get("anyOf", [generated])),
        "alias": camel(name),
        "order": order,
    }
    if field.default is not None:
        told["default"] = field.default
    told |= {key: extra(field, key) for key in _TOLD if extra(field, key) is not None}
    chosen, soft = extra(field, "choices"), extra(field, "soft_range")
    if isinstance(chosen, list):
        told["enum"] = chosen
    told["widget"] = extra(field, "widget") or usual(
        field_type(field), chosen=chosen is not None, soft=soft is not None
    )
    return told


def _kind(members: Iterable[Mapping[str, Any]]) -> dict[str, Json]:
    """What the schema of an option says of its type, without the ``null`` that stands for leaving it out."""
    words = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "items")
    more = ("properties", "required", "additionalProperties", "anyOf", "enum", "minItems", "maxItems")
    member = next(each for each in members if each.get("type") != "null")
    return {key: member[key] for key in (*words, *more) if key in member}
