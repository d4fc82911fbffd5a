"""A Python object in the hands of a script: the methods that were named, and nothing else."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mintaka.embedding.exchange import SCALARS, to_python, to_script
from mintaka.lang.names import near
from mintaka.runtime.errors import ArityError, HostFault, ScriptError
from mintaka.runtime.values import HostObject, Value

if TYPE_CHECKING:
    from mintaka.runtime.run import Run


class _Method:
    """A method that a script may call, with arguments in order only."""

    def __init__(self, function: Callable[..., Any], signature: inspect.Signature) -> None:
        self.function = function
        self.signature = signature
        parameters = signature.parameters.values()
        in_order = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        self._most = None if any(each.kind is each.VAR_POSITIONAL for each in parameters) else len(in_order)
        self._least = sum(each.default is each.empty for each in in_order)
        self._callable = not any(each.kind is each.KEYWORD_ONLY and each.default is each.empty for each in parameters)

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments: what `inspect.Signature.bind` finds out anew each time."""
        return self._callable and self._least <= count and (self._most is None or count <= self._most)


class Exposed(HostObject):
    """A host object that passes calls of chosen methods on to a Python object; made with `expose`."""

    def __init__(self, methods: Mapping[str, Callable[..., Any]], type_name: str) -> None:
        self._methods = {name: _Method(method, inspect.signature(method)) for name, method in methods.items()}
        self._type_name = type_name

    @property
    def type_name(self) -> str:
        """What ``std.typeof`` gives."""
        return self._type_name

    def fields(self) -> Mapping[str, Value]:
        """Nothing: what a script may read is a method too."""
        return {}

    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Call a method with copies of the arguments, and await it if it is asynchronous.

        Raises `HostFault` for a method that was not named and for one that failed (the Python error is its cause),
        `ArityError` for arguments that do not fit, `TypeFault` for a result that no script can hold.
        """
        found = self._methods.get(method)
        if found is None:
            close = near(method, self._methods)
            raise HostFault(
                f"This {self._type_name} has no method `{method}`; it has {', '.join(self._methods)}.",
                kind="method_not_found",
                hint=f"Did you mean `{close}`?" if close else None,
            )
        given = [to_python(arg) for arg in args]
        if not found.takes(len(given)):
            names = ", ".join(found.signature.parameters) or "no arguments"
            raise ArityError(f"`{method}` takes {names}; {len(given)} arguments were given.")
        try:
            result = found.function(*given)
            if type(result) not in SCALARS and inspect.isawaitable(result):
                result = await result
        except ScriptError:
            raise
        except Exception as error:  # the host's own code: a script learns that it failed, and nothing of how
            raise HostFault(f"`{method}` of this {self._type_name} failed.") from error
        return to_script(result, f"`{method}`")


def expose(target: object, *methods: str, type_name: str = "capability") -> Exposed:
    """``target`` for scripts: they can call the named ``methods``, synchronous or asynchronous, and reach nothing else.

    Arguments and results are copied (see `to_script`). A method that wants to refuse raises `HostFault` with a message
    for the script; the message of any other exception stays with the host. ``type_name`` is what ``typeof`` gives.
    Raises `ValueError` for a name that is private, and for what is no method.
    """
    if not methods:
        raise ValueError("name the methods a script may call: expose(shop, 'price', 'order')")
    chosen: dict[str, Callable[..., Any]] = {}
    for name in methods:
        if name.startswith("_"):
            raise ValueError(f"{name!r} is private; expose methods that are meant to be called")
        method = getattr(target, name, None)
        if not callable(method):
            raise ValueError(f"{type(target).__name__} has no method {name!r}")
        chosen[name] = method
    return Exposed(chosen, type_name)
