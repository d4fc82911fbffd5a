"""The arguments of a run, given to the parameters its script declares."""

from collections.abc import Mapping, Sequence

from mintaka.lang.numbers import MAX_INTEGER, number
from mintaka.lang.parameters import Parameter
from mintaka.lang.tree import Data
from mintaka.runtime.errors import ArityError, HostFault, TypeFault
from mintaka.runtime.values import HostObject, Value, type_name

_WORDS = {"string": "string", "boolean": "boolean", "list": "array", "object": "object", "image": "image"}


def bind_parameters(parameters: Sequence[Parameter], args: Sequence[Value]) -> list[Value]:
    """One value for each parameter.

    Arguments come by position, or by name in a single object whose keys are all names of parameters. Raises
    `ArityError` for a missing or superfluous one, `TypeFault` for one of the wrong type, `HostFault` (``limit``) for
    one out of its bounds or choices.
    """
    return bind_named(parameters, _by_name(parameters, args))


def bind_named(parameters: Sequence[Parameter], given: Mapping[str, Value]) -> list[Value]:
    """One value for each parameter, of those ``given`` by name, all of which are names of parameters.

    Raises what `bind_parameters` does; ``data`` of the error names the ``parameter`` and what was ``expected``.
    """
    return [_value(wanted, given) for wanted in parameters]


def _by_name(parameters: Sequence[Parameter], args: Sequence[Value]) -> dict[str, Value]:
    names = [wanted.name for wanted in parameters]
    only = args[0] if len(args) == 1 else None
    if names and isinstance(only, dict) and (parameters[0].type != "object" or len(parameters) > 1 or names[0] in only):
        unknown = [key for key in only if key not in names]
        if unknown:
            raise no_such_parameter(unknown[0], names)
        return only
    if len(args) > len(names):
        raise ArityError(f"The script takes {len(names)} arguments ({', '.join(names)}), not {len(args)}.")
    return dict(zip(names, args, strict=False))


def no_such_parameter(name: str, names: Sequence[str]) -> ArityError:
    """The error of a value for a parameter that the script does not have."""
    has = f"it has {', '.join(names)}" if names else "it has none"
    return ArityError(f"The script has no parameter `{name}`; {has}.", data={"parameter": name})


def _value(wanted: Parameter, given: Mapping[str, Value]) -> Value:
    told = {"parameter": wanted.name, "expected": wanted.kind}
    if wanted.name not in given:
        if wanted.required:
            raise ArityError(f"The script's parameter `{wanted.name}` has no default; give it a value.", data=told)
        return _copy(wanted.default)
    value = given[wanted.name]
    if not _fits(wanted, value):
        message = f"The script's parameter `{wanted.name}` is of type {wanted.type}, not {type_name(value)}."
        raise TypeFault(message, data=told)
    if isinstance(value, int | float) and wanted.type in ("int", "number"):
        if wanted.least is not None and wanted.most is not None and not wanted.least <= value <= wanted.most:
            raise HostFault(
                f"The script's parameter `{wanted.name}` is from {wanted.least} to {wanted.most}, not {value}.",
                kind="limit",
                data={**told, "least": wanted.least, "most": wanted.most},
            )
        return int(value) if wanted.type == "int" else number(value)
    if wanted.choices and value not in wanted.choices:
        choices = ", ".join(map(str, wanted.choices))
        raise HostFault(f"The script's parameter `{wanted.name}` is one of: {choices}.", kind="limit", data=told)
    return value


def _fits(wanted: Parameter, value: Value) -> bool:
    if wanted.type in ("any", "choice"):
        return not isinstance(value, HostObject) or wanted.type == "any"
    if wanted.type in ("int", "number"):
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return wanted.type == "number" or (-MAX_INTEGER <= value <= MAX_INTEGER and value == int(value))
    return type_name(value) == _WORDS[wanted.type]


def _copy(data: Data) -> Value:
    if isinstance(data, list):
        return [_copy(item) for item in data]
    if isinstance(data, dict):
        return {key: _copy(value) for key, value in data.items()}
    return data
