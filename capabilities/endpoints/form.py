"""What an endpoint takes: the declared parameters of its script as JSON Schema, and values that are checked by them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.order import Json
from mintaka.capabilities.widgets import usual
from mintaka.lang.parameters import Parameter
from mintaka.runtime.arguments import bind_named, no_such_parameter
from mintaka.runtime.errors import HostFault, ScriptError, TypeFault
from mintaka.runtime.values import Value, type_name

_JSON_TYPES: Mapping[str, tuple[Json, type]] = {
    "string": ("string", str),
    "int": ("integer", int),
    "number": ("number", float),
    "boolean": ("boolean", bool),
    "list": ("array", list),
    "object": ("object", dict),
    "image": (["object", "string"], Image),
}
"""What each type of parameters is in JSON, and the Python type that tells its control."""

Picture = Callable[[Parameter, Value], Value]
"""Makes an image value of what was given for a parameter of that type."""


def untyped(parameters: Sequence[Parameter]) -> list[str]:
    """The names of those that take anything."""
    return [each.name for each in parameters if each.type == "any"]


def schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The schema of an object of arguments, in the words of `mintaka.capabilities.schema`."""
    return {
        "type": "object",
        "properties": {each.name: _property(each, order) for order, each in enumerate(parameters)},
        "required": [each.name for each in parameters if each.required],
        "additionalProperties": False,
    }


def bound(parameters: Sequence[Parameter], given: Mapping[str, Value], picture: Picture) -> dict[str, Value]:
    """A value for each parameter, by name; null is the same as leaving one out.

    Raises HostFault ``invalid_params`` with the ``parameter`` and what was ``expected`` in its data, and what
    ``picture`` does.
    """
    known = {each.name: each for each in parameters}
    values: dict[str, Value] = {}
    try:
        for name, value in given.items():
            if name not in known:
                raise no_such_parameter(name, list(known))
            if value is not None:
                values[name] = picture(known[name], value) if known[name].type == "image" else value
        return dict(zip(known, bind_named(parameters, values), strict=True))
    except ScriptError as error:
        if "parameter" not in error.data:  # it is not about what was given, but a picture cannot be read
            raise
        raise HostFault(error.message, kind="invalid_params", hint=error.hint, data=error.data) from None


def check(parameters: Sequence[Parameter], given: Mapping[str, Value]) -> None:
    """Raise what `bound` does, as far as that can be told without looking at pictures."""

    def unseen(wanted: Parameter, value: Value) -> Value:
        picture_argument(wanted, value)
        return Image("", 0, 0)

    bound(parameters, given, unseen)


def picture_argument(wanted: Parameter, value: Value) -> ImageArgument:
    """What was given for a parameter that takes a picture. Raises `TypeFault` for what is none."""
    given = ImageArgument.of(value)
    if given is None:
        raise TypeFault(
            f"The script's parameter `{wanted.name}` is of type image, not {type_name(value)}.",
            hint="give an image, the id of an asset of yours, a data URL or base64 of a PNG, JPEG or WebP",
            data={"parameter": wanted.name, "expected": "image"},
        )
    return given


def _property(wanted: Parameter, order: int) -> dict[str, Json]:
    told: dict[str, Json] = {
        "title": wanted.name.replace("_", " ").replace("-", " ").capitalize(),
        "description": wanted.help,
        "order": order,
    }
    if wanted.choices:
        told |= {"enum": list[Json](wanted.choices), "widget": usual(str, chosen=True)}
    else:
        kind, python = _JSON_TYPES[wanted.type]
        told |= {"type": kind, "widget": usual(python, soft=wanted.least is not None)}
    if wanted.least is not None:
        told |= {"minimum": wanted.least, "maximum": wanted.most}
    if not wanted.required and wanted.default is not None:
        told["default"] = wanted.default
    return told
