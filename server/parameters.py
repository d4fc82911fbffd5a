"""A script's declared parameters as others see them, and the values a request gives them."""

import difflib
from collections.abc import Mapping, Sequence

from mintaka.capabilities.images import Image
from mintaka.lang.parameters import Parameter, parameter
from mintaka.lang.tree import Call, Literal, Node, walk
from mintaka.runtime.values import Value
from mintaka.server.errors import Fault, Kind

WORDS = {
    "string": "a text",
    "number": "a number",
    "int": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
    "image": "an image",
}


def declared(tree: Node) -> list[Parameter]:
    """The parameters a checked script declares with ``(params …)``."""
    return [
        parameter(arg.value)
        for call in walk(tree)
        if isinstance(call, Call) and call.op == "std.params"
        for arg in call.args
        if isinstance(arg, Literal)
    ]


def describe(parameters: Sequence[Parameter]) -> list[dict[str, object]]:
    """The parameters as ``check_script`` tells them: enough to make a form of."""
    return [
        {
            "name": each.name,
            "type": each.type,
            "required": each.required,
            "default": each.default,
            "description": each.help,
            **({} if each.least is None else {"minimum": each.least}),
            **({} if each.most is None else {"maximum": each.most}),
            **({"choices": list(each.choices)} if each.choices else {}),
        }
        for each in parameters
    ]


def bind(parameters: Sequence[Parameter], given: Mapping[str, Value]) -> dict[str, Value]:
    """Values for the parameters: what was given, checked, else the defaults. Raises `Fault` (invalid_params)."""
    known = {each.name for each in parameters}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
            hint = f"did you mean `{near[0]}`?" if near else takes
            raise _refused(name, f"This script has no parameter `{name}`; {hint}", hint)
    values: dict[str, Value] = {}
    for each in parameters:
        if each.name in given:
            values[each.name] = _checked(each, given[each.name])
        elif each.required:
            raise _refused(each.name, f"This script needs its parameter `{each.name}`: {_wanted(each)}.", each.help)
        else:
            values[each.name] = each.default  # type: ignore[assignment]  # JSON data is a value
    return values


def _checked(wanted: Parameter, value: Value) -> Value:
    if wanted.type == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _fits(wanted, value):
        raise _refused(wanted.name, f"Parameter `{wanted.name}` is {_wanted(wanted)}.", wanted.help)
    return value


def _fits(wanted: Parameter, value: Value) -> bool:
    match wanted.type:
        case "any":
            return True
        case "choice":
            return any(value == choice and type(value) is type(choice) for choice in wanted.choices)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "image":
            return isinstance(value, Image)
    if isinstance(value, bool) or not isinstance(value, int if wanted.type == "int" else int | float):
        return False
    return (wanted.least is None or value >= wanted.least) and (wanted.most is None or value <= wanted.most)


def _wanted(wanted: Parameter) -> str:
    if wanted.type == "choice":
        return "one of " + ", ".join(str(choice) for choice in wanted.choices)
    if wanted.least is not None:
        return f"{WORDS[wanted.type]} from {wanted.least} to {wanted.most}"
    return WORDS.get(wanted.type, "a value")


def _refused(name: str, message: str, hint: str) -> Fault:
    return Fault(Kind.INVALID_PARAMS, message, hint=hint or None, data={"parameter": name})
