"""What may be called by name: the server's own methods, each one decorated function.

    class Health:
        @rpc_method("ping", open=True)
        async def ping(self, caller: Caller, params: Nothing) -> Reply:
            '''Answer at once.'''

The second parameter's model is the method's schema: parameters are taken by name or by position, and what does not fit
is `invalid_params` with the name of the parameter.
"""

import difflib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, ClassVar, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind


class Params(BaseModel):
    """The base of all parameter models: nothing is converted, nothing unknown is taken."""

    rest: ClassVar[str | None] = None
    """The parameter, a list, that takes all that are given by position from its own on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Nothing(Params):
    """No parameters."""


Handler = Callable[[Caller, Any], Awaitable[Reply]]
Function = TypeVar("Function", bound=Callable[..., Awaitable[Reply]])


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its name, its schema, and who may call it."""

    name: str
    summary: str
    params: type[Params]
    handler: Handler
    open: bool
    """Whether it may be called before signing in."""


def rpc_method(name: str, *, open: bool = False) -> Callable[[Function], Function]:
    """Make an async function ``(self, caller, params)`` a method called ``name``; its docstring is the summary."""

    def declare(function: Function) -> Function:
        function.rpc = (name, open)  # type: ignore[attr-defined]
        return function

    return declare


class MethodTable:
    """All methods of the server's parts, by name."""

    def __init__(self, parts: Iterable[object]) -> None:
        self._methods = {method.name: method for part in parts for method in _declared(part)}

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods.values())

    def get(self, name: str) -> Method | None:
        """The method called ``name``."""
        return self._methods.get(name)

    def unknown(self, name: str, others: Iterable[str] = ()) -> Fault:
        """The error of a name that is no method, with the near name among all that may be called."""
        near = difflib.get_close_matches(name, [*self._methods, *others], n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`rpc.discover` lists all methods."
        return Fault(Kind.METHOD_NOT_FOUND, f"There is no method `{name}`; {hint}", hint=hint)


def bind(method: Method, given: Mapping[str, object] | Sequence[object]) -> Params:
    """The method's parameters. Raises `Fault` (invalid_params) with the first thing that does not fit."""
    fields = list(method.params.model_fields)
    if not isinstance(given, Mapping):
        if method.params.rest is not None:
            own = fields.index(method.params.rest)
            given = [*given[:own], *([list(given[own:])] if len(given) > own else [])]
        if len(given) > len(fields):
            raise Fault(
                Kind.INVALID_PARAMS,
                f"`{method.name}` takes at most {len(fields)} parameters, not {len(given)}: {', '.join(fields)}.",
            )
        given = dict(zip(fields, given, strict=False))
    try:
        return method.params.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fault(
            Kind.INVALID_PARAMS,
            f"Parameter `{where}` of `{method.name}`: {first['msg']}."
            if where
            else f"`{method.name}`: {first['msg']}.",
            hint=f"It takes {', '.join(fields) or 'no parameters'}.",
            data={"parameter": where},
        ) from None


def _declared(part: object) -> Iterator[Method]:
    for attribute in vars(type(part)).values():
        told = getattr(attribute, "rpc", None)
        if told is not None:
            name, open = told
            handler = getattr(part, attribute.__name__)
            yield Method(name, getdoc(attribute) or "", get_type_hints(attribute)["params"], handler, open)
