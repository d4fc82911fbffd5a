"""Capability types, in the words in which the checker is told of them."""

from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from mintaka.capabilities.arguments import camel, field_type
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.pictures import IMAGE
from mintaka.capabilities.registry import CapabilityType
from mintaka.capabilities.registry import Method as DeclaredMethod
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.kinds import ANY, Kind, Kinds, kinds
from mintaka.lang.methods import Capabilities, CapabilityOp, Method, Option
from mintaka.lang.signatures import Argument, Signature

OPS: Mapping[str, CapabilityOp] = {
    "get_capability": CapabilityOp(type_at=0, gives=True, looks_up=True),
    "has_capability": CapabilityOp(type_at=0),
    "mint": CapabilityOp(type_at=1, narrows_at=2, gives=True),
    "delegate": CapabilityOp(like=0, narrows_at=1, gives=True),
    "share_capability": CapabilityOp(like=0, narrows_at=2),
    "export_capability": CapabilityOp(like=0, narrows_at=1),
}

_KINDS: Mapping[Any, Kinds] = {
    None: kinds(Kind.NULL),
    NoneType: kinds(Kind.NULL),
    bool: kinds(Kind.BOOLEAN),
    int: kinds(Kind.NUMBER),
    float: kinds(Kind.NUMBER),
    str: kinds(Kind.STRING),
    list: kinds(Kind.LIST),
    dict: kinds(Kind.OBJECT),
    Image: kinds(Kind.IMAGE),
    ImageArgument: kinds(Kind.IMAGE, Kind.STRING, Kind.OBJECT),
    CapabilityValue: kinds(Kind.CAPABILITY),
}


def checkable(types: Iterable[CapabilityType]) -> Capabilities:
    """What scripts that use capabilities of these types are checked against."""
    types = list(types)
    return Capabilities(
        {type.name: {name: _method(type.name, each) for name, each in type.methods.items()} for type in types},
        OPS,
        {type.name: tuple(type.restrictions.rules) for type in types},
        {name: _method(IMAGE.name, each) for name, each in IMAGE.methods.items()},
    )


def _method(type: str, declared: DeclaredMethod) -> Method:
    signature, model = declared.signature, declared.signature.options
    arguments = [
        Argument(each.name, frozenset[Kind]().union(*(_kinds(kind) for kind in (each.type, *each.also))))
        for each in signature.parameters
    ]
    options: dict[str, Option] = {}
    if model is not None:
        arguments.append(Argument("options", kinds(Kind.OBJECT, Kind.NULL)))
        for name, field in model.model_fields.items():
            options[camel(name)] = options[name] = Option(camel(name), _kinds(field_type(field)))
    least = sum(each.required for each in signature.parameters)
    name = f"{type}.{declared.name}"
    return Method(Signature(name, least, len(arguments), tuple(arguments), _kinds(signature.returns)), options)


def _kinds(annotation: Any) -> Kinds:
    if isinstance(annotation, UnionType):
        return frozenset[Kind]().union(*(_kinds(member) for member in get_args(annotation)))
    return _KINDS.get(get_origin(annotation) or annotation, ANY)
