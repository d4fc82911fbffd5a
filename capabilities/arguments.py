"""What a method takes: positional values, then at most one object of options, both read off its signature.

    async def text_to_image(self, use: Use, prompt: Annotated[str, "What to draw"], options: GenerateOptions) -> Image

Options are a pydantic model; each field says its label, unit, range and what narrows it (`option`). Their names may be
given in snake_case or camelCase; ``null`` is the same as leaving one out; nothing is converted except an integral float
to the whole number it is. Errors: `ArityError` for too few or too many values, `TypeFault` (kind ``type``) for a value
of the wrong type, and HostFault ``invalid_params`` for an unknown option or a value out of range.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.widgets import Phase, Widget
from mintaka.runtime.errors import ArityError, HostFault, TypeFault


class Options(BaseModel):
    """The base of every method's options. Fields are optional; one without a default takes what its model says."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


def option(
    default: Any = None,
    *,
    label: str,
    help: str,
    unit: str | None = None,
    narrowed_by: str | None = None,
    choices: str | Sequence[str] | None = None,
    ge: float | None = None,
    le: float | None = None,
    max_length: int | None = None,
    soft: tuple[float, float] | None = None,
    widget: Widget | None = None,
    phase: Phase | None = None,
    visible_if: Mapping[str, Sequence[JsonValue]] | None = None,
) -> Any:
    """Declare a field of `Options`.

    ``narrowed_by`` names the restriction whose bound becomes the field's range or choices; ``choices`` are what the
    field picks from, or the name of the list of them that the capability type offers (`Offer.choices`). For editors:
    ``soft`` is the range that is usually wanted, within ``ge`` and ``le``; ``widget`` the control, where it is not the
    `usual` one; ``phase`` the part of the work it belongs to; ``visible_if`` the other options, by name, and the values
    of theirs with which this one has a meaning.
    """
    extra: JsonDict = {
        "label": label,
        "unit": unit,
        "narrowed_by": narrowed_by,
        "choices": choices if isinstance(choices, str) or choices is None else list(choices),
        "soft_range": None if soft is None else list(soft),
        "widget": widget,
        "phase": phase,
        "visible_if": None if visible_if is None else {name: list(values) for name, values in visible_if.items()},
    }
    return Field(default, description=help, ge=ge, le=le, max_length=max_length, json_schema_extra=extra)


def camel(name: str) -> str:
    """``text_to_image`` as ``textToImage``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


TYPES: Mapping[type, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "list",
    dict: "object",
    Image: "image",
    ImageArgument: "image",
    object: "any",
}
"""What each type a method may take is called in the metadata."""

WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    Image: "an image",
    ImageArgument: "an image (or an asset's id, a data URL or base64)",
    object: "any value",
}
"""The same in errors, for people."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positional value of a method."""

    name: str
    type: type
    help: str
    default: Any
    """``inspect.Parameter.empty`` where the value must be given."""
    widget: Widget | None = None
    """The control it is given in, where it is not the usual one of its type."""
    also: tuple[Any, ...] = ()
    """Other types it may be of."""

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Signature:
    """What a method takes and gives."""

    parameters: tuple[Parameter, ...]
    options: type[Options] | None
    returns: Any

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Read off a function ``(self, use, …)``. Raises TypeError for a parameter of a type no script can give."""
        hints = get_type_hints(function, include_extras=True)
        parameters, options = [], None
        for each in list(inspect.signature(function).parameters.values())[2:]:
            kind, help, widget, also = _taken_apart(hints[each.name])
            if isinstance(kind, type) and issubclass(kind, Options):
                options = kind
            elif {kind, *also} <= set(TYPES):
                parameters.append(Parameter(each.name, kind, help, each.default, widget, also))
            else:
                raise TypeError(f"{function.__qualname__}: no script can give `{each.name}` of type {kind}")
        return cls(tuple(parameters), options, hints.get("return"))

    def bind(self, name: str, values: Sequence[Any]) -> list[Any]:
        """The arguments to call the function with, for ``values`` from a script; ``name`` is the method's full name."""
        least = sum(each.required for each in self.parameters)
        most = len(self.parameters) + (self.options is not None)
        if not least <= len(values) <= most:
            raise ArityError(f"{name} takes {self._takes(least)}, and got {len(values)}")
        bound = []
        for index, parameter in enumerate(self.parameters):
            if index < len(values):
                bound.append(_checked(name, parameter, values[index]))
            else:
                bound.append(parameter.default)
        if self.options is not None:
            given = values[len(self.parameters)] if len(values) == most else None
            bound.append(parse_options(name, self.options, given))
        return bound

    def _takes(self, least: int) -> str:
        names = [f"`{each.name}`" if each.required else f"`{each.name}`?" for each in self.parameters]
        if self.options is not None:
            names.append("an object of options?")
        return ", ".join(names) if names else "nothing"


def _taken_apart(hint: Any) -> tuple[Any, str, Widget | None, tuple[Any, ...]]:
    """``Annotated[dict[str, Any] | None, "how", Widget.OBJECT]`` as ``dict``, ``how``, the control, other types."""
    help, widget = "", None
    if get_origin(hint) is Annotated:
        hint, help, *further = get_args(hint)
        widget = next(iter(further), None)
    members = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    kind, *also = [get_origin(each) or each for each in members if each is not NoneType]
    return kind, help, widget, tuple(also)


def parse_options(name: str, model: type[Options], given: object) -> Options:
    """The options that an object from a script means. Raises as the module says."""
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise TypeFault(f"the options of {name} are an object, such as {{:seed 1}}, not {_kind(given)}")
    names = {camel(field): field for field in model.model_fields} | {field: field for field in model.model_fields}
    values: dict[str, object] = {}
    for key, value in given.items():
        if key not in names:
            raise _unknown(name, key, names)
        field = names[key]
        if field in values:
            raise HostFault(f"option `{field}` of {name} is given twice", kind="invalid_params")
        if value is not None:
            values[field] = int(value) if isinstance(value, float) and value.is_integer() else value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refused(name, model, error) from None


def extra(field: FieldInfo, key: str) -> Any:
    """What `option` was told about a field."""
    told = field.json_schema_extra
    return told.get(key) if isinstance(told, dict) else None


def field_type(field: FieldInfo) -> type:
    """The type of a field, without the ``None`` that stands for leaving it out."""
    annotation = field.annotation
    members = get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
    members = tuple(get_args(each)[0] if get_origin(each) is Annotated else each for each in members)
    members = tuple(get_origin(each) or each for each in members)
    return next(kind for kind in TYPES if kind in members)


def _checked(name: str, parameter: Parameter, value: object) -> object:
    if parameter.type is ImageArgument:
        value = ImageArgument.of(value) or value
    if parameter.type is float and type(value) is int:
        return float(value)
    if parameter.type is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, (parameter.type, *parameter.also)) or (
        isinstance(value, bool) and parameter.type is not bool
    ):
        takes = " or ".join(WORDS[each] for each in (parameter.type, *parameter.also))
        raise TypeFault(f"`{parameter.name}` of {name} takes {takes}, not {_kind(value)}")
    return value


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float) and not value.is_integer():
        return "a fraction"
    return {**WORDS, int: "a number", object: "something else"}.get(type(value), "something else")


def _unknown(name: str, key: str, names: Mapping[str, str]) -> HostFault:
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "it takes " + ", ".join(dict.fromkeys(names.values()))
    return HostFault(
        f"unknown option `{key}` for {name} — {hint}", kind="invalid_params", hint=hint, data={"option": key}
    )


def _refused(name: str, model: type[Options], error: ValidationError) -> HostFault | TypeFault:
    first = error.errors()[0]
    option, about = str(first["loc"][0]), {"option": str(first["loc"][0])}
    field = model.model_fields[option]
    if first["type"].endswith("_type") or first["type"] == "int_from_float":
        return TypeFault(
            f"option `{option}` of {name} takes {WORDS[field_type(field)]}, not {_kind(first['input'])}", data=about
        )
    allowed = _range(field)
    return HostFault(
        f"option `{option}` of {name} must be {allowed}", kind="invalid_params", hint=f"use {allowed}", data=about
    )


def _range(field: FieldInfo) -> str:
    low = next((each.ge for each in field.metadata if hasattr(each, "ge")), None)
    high = next((each.le for each in field.metadata if hasattr(each, "le")), None)
    length = next((each.max_length for each in field.metadata if hasattr(each, "max_length")), None)
    unit = f" {extra(field, 'unit')}" if extra(field, "unit") else ""
    if length is not None:
        return f"at most {length} characters long"
    if high is None:
        return f"{low:g}{unit} or more"
    return f"from {low:g} to {high:g}{unit}"
