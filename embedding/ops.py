"""The ops an embedded script has: the standard library, the words for what it was handed, and the host's own."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, wraps
from typing import Any, TypeVar

from mintaka import stdlib
from mintaka.embedding.exchange import to_script
from mintaka.lang.forms import FORMS, SHORT_FORMS, SHORT_OPS
from mintaka.lang.lower import is_symbol
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.ops import op as standard_op
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handed:
    """What a run was handed, by name."""

    objects: Mapping[str, HostObject]


@standard_op("get_capability", label="get capability", category="Capabilities")
def get_capability(run: Run, name: str) -> HostObject | None:
    """What the host handed to this run under a name, or null.

    > (get-capability "shop")
    null
    """
    return run.host(Handed).objects.get(name)


@standard_op("has_capability", label="has capability", category="Capabilities")
def has_capability(run: Run, name: str) -> bool:
    """Whether the host handed something to this run under a name.

    > (has-capability "shop")
    false
    """
    return name in run.host(Handed).objects


def op(
    name: str, *, label: str | None = None, category: str | None = None, layout: str = "standard"
) -> Callable[[F], F]:
    """Make a Python function, synchronous or asynchronous, an op called ``name``, for `op_table`.

    Its annotations are the types that are checked, its docstring the help; a first parameter ``run: Run`` is the run
    and no argument of the script. Lists and objects arrive as the script's own; what the function returns is copied
    (see `to_script`). The function itself stays as it is. Raises `ValueError` for a name no script can write and
    `TypeError` for a parameter without a type that scripts have.
    """
    if not is_symbol(name) or "-" in name or name in (*FORMS, *SHORT_FORMS, *SHORT_OPS):
        raise ValueError(f"{name!r} cannot name an op: take letters, digits, _ and a dot, like 'shop.price'")

    def register(function: F) -> F:
        try:
            described: Op = standard_op(name, label=label, category=category, layout=layout)(function).__op__  # type: ignore[attr-defined]
        except KeyError as error:
            raise TypeError(
                f"the op {name} has a parameter or result whose type scripts do not have, or none at all "
                f"({error.args[0]}): annotate with bool, float, str, list, dict, Function, HostObject or Value"
            ) from None
        function.__op__ = replace(described, function=_called(function, described), takes_run=True)  # type: ignore[attr-defined]
        return function

    return register


def _called(function: Callable[..., Any], described: Op) -> Any:
    """``function`` as an op that is given the run, waits for what is asynchronous and copies what comes back."""
    origin = f"`{described.name}`"

    @wraps(function)
    def call(run: Run, *args: Value) -> Value:
        return to_script(function(run, *args) if described.takes_run else function(*args), origin)

    @wraps(function)
    def call_and_wait(run: Run, *args: Value) -> Value:
        async def act(given: list[Value]) -> Value:
            return to_script(await (function(run, *given) if described.takes_run else function(*given)), origin)

        return run.perform(described.name, list(args), act)

    return call_and_wait if inspect.iscoroutinefunction(function) else call


@cache
def standard_table() -> OpTable:
    """The ops every embedded script has."""
    return OpTable.of(*stdlib.modules).extended(_op_of(get_capability), _op_of(has_capability))


def op_table(*functions: Callable[..., Any]) -> OpTable:
    """The standard ops and ``functions`` made ops with `op`. Raises `ValueError` for a name that is taken."""
    return standard_table().extended(*map(_op_of, functions))


def _op_of(function: Callable[..., Any]) -> Op:
    found = getattr(function, "__op__", None)
    if not isinstance(found, Op):
        raise TypeError(f"{getattr(function, '__name__', function)!r} is no op: decorate it with @mintaka.op(name)")
    return found
