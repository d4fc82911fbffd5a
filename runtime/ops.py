"""Ops: one decorated function each, and the table a program is compiled against.

    @op("list.map", label="map")
    def list_map(run: Run, items: list[Value], each: Function) -> list[Value]:
        \"\"\"Apply `each` to every item and collect the results in order.

        > (list.map [1 2 3] (lambda [x] (* x 2)))
        [2 4 6]
        \"\"\"

The signature gives arity and types, the docstring the help and examples that a test executes, the first part of the
name the category. A parameter ``run: Run`` in front is the run and no argument of the script.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import FunctionType, ModuleType
from typing import Any, TypeVar, get_type_hints

from mintaka.lang.definitions import Definition, expanded
from mintaka.lang.documentation import CATEGORIES, Example, read_documentation
from mintaka.lang.forms import FORMS
from mintaka.lang.signatures import Argument, Signature
from mintaka.lang.tree import Node
from mintaka.runtime.run import Run
from mintaka.runtime.types import ArgType, argument_type, kinds_named

_STANDARD = "mintaka.stdlib."

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of an op as the script sees it."""

    name: str
    type: ArgType
    optional: bool = False
    variadic: bool = False
    """Takes all remaining arguments."""


@dataclass(frozen=True, slots=True)
class Op:
    """An operation scripts can name."""

    name: str
    function: FunctionType
    parameters: tuple[Parameter, ...]
    returns: str
    takes_run: bool
    label: str
    category: str
    layout: str
    description: str
    examples: tuple[Example, ...]

    @property
    def signature(self) -> Signature:
        """The arity and the kinds of values it takes and gives, for the checker."""
        variadic = any(parameter.variadic for parameter in self.parameters)
        required = sum(not (parameter.optional or parameter.variadic) for parameter in self.parameters)
        arguments = tuple(Argument(parameter.name, parameter.type.kinds) for parameter in self.parameters)
        maximum = None if variadic else len(self.parameters)
        return Signature(self.name, required, maximum, arguments, kinds_named(self.returns))

    def describe(self) -> dict[str, object]:
        """The op as an element of ``get_opcodes``."""
        return {
            "opcode": self.name,
            "label": self.label,
            "category": self.category,
            "description": self.description,
            "layout": self.layout,
            "parameters": [
                {
                    "name": f"...{parameter.name}" if parameter.variadic else parameter.name,
                    "type": parameter.type.word,
                    "description": "",
                    **({"optional": True} if parameter.optional or parameter.variadic else {}),
                }
                for parameter in self.parameters
            ],
            "slots": [{"name": parameter.name, "type": parameter.type.slot} for parameter in self.parameters],
            "returnType": self.returns,
            "examples": [example.to_json() for example in self.examples],
        }


def op(
    name: str, *, label: str | None = None, category: str | None = None, layout: str = "standard"
) -> Callable[[F], F]:
    """Make a function an op called ``name``; the function itself stays as it is."""

    def register(function: F) -> F:
        function.__op__ = _op(name, function, label, category, layout)  # type: ignore[attr-defined]
        return function

    return register


def _op(name: str, function: Any, label: str | None, category: str | None, layout: str) -> Op:
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    takes_run = bool(parameters) and hints[parameters[0].name] is Run
    description, examples = read_documentation(inspect.getdoc(function) or "")
    room = name.split(".")[0] if "." in name else ""
    return Op(
        name=name,
        function=function,
        parameters=tuple(
            Parameter(
                parameter.name.rstrip("_"),
                argument_type(hints[parameter.name]),
                optional=parameter.default is not inspect.Parameter.empty,
                variadic=parameter.kind is inspect.Parameter.VAR_POSITIONAL,
            )
            for parameter in parameters[takes_run:]
        ),
        returns=argument_type(hints["return"]).word,
        takes_run=takes_run,
        label=label or name.rpartition(".")[2].replace("_", " "),
        category=category or CATEGORIES.get(room, room.capitalize() or "Core"),
        layout=layout,
        description=description,
        examples=examples,
    )


class OpTable:
    """The ops a program is compiled against, and the special forms of the language."""

    def __init__(self, ops: Mapping[str, Op], definitions: Iterable[Definition] = ()) -> None:
        self._ops = dict(ops)
        self.definitions: Mapping[str, Definition] = {found.name: found for found in definitions}
        """Functions written in the language; `expanded` makes them part of a script that names them."""
        self.signatures: Mapping[str, Signature] = {
            **{form.name: form.signature for form in FORMS.values()},
            **{name: found.signature for name, found in self._ops.items()},
            **{name: found.signature for name, found in self.definitions.items()},
        }
        """Name → arity, for `mintaka.lang.checker.check`."""
        self._standard = frozenset(
            name for name, found in self._ops.items() if found.function.__module__.startswith(_STANDARD)
        )

    @classmethod
    def of(cls, *modules: ModuleType) -> "OpTable":
        """The table of every op defined in ``modules``; two ops of one name are a mistake.

        What a function ``definitions`` of a module gives is in it too: functions written in the language.
        """
        ops: dict[str, Op] = {}
        definitions: list[Definition] = []
        for module in modules:
            definitions += getattr(module, "definitions", tuple)()
            for value in vars(module).values():
                found = getattr(value, "__op__", None)
                if not isinstance(found, Op) or found.function.__module__ != module.__name__:
                    continue
                if found.name in ops or found.name in FORMS:
                    raise ValueError(f"the op {found.name} is defined twice; the second time in {module.__name__}")
                ops[found.name] = found
        return cls(ops, definitions)

    def extended(self, *ops: Op) -> "OpTable":
        """A table of these ops and more. Raises `ValueError` for a name that is taken."""
        table = dict(self._ops)
        for added in ops:
            if added.name in self.signatures or added.name in table:
                raise ValueError(f"there is an op {added.name} already; choose another name")
            table[added.name] = added
        return OpTable(table, self.definitions.values())

    def __iter__(self) -> Iterator[Op]:
        return iter(self._ops.values())

    def get(self, name: str) -> Op | None:
        """The op called ``name``, or ``None``."""
        return self._ops.get(name)

    def expanded(self, tree: Node) -> Node:
        """``tree`` with the functions written in the language that it names, and no call of them as ops."""
        return expanded(tree, self.definitions)

    def standard(self, name: str) -> bool:
        """Whether ``name`` means here what the standard library means by it, which the compiler knows more about."""
        return name in self._standard

    def near(self, name: str) -> str | None:
        """The name a person most likely meant by ``name``."""
        close = get_close_matches(name, self.signatures, n=1)
        return close[0] if close else None

    def describe(self) -> list[dict[str, object]]:
        """Every op and form in the shape of ``get_opcodes``, forms first, then ops by category and name."""
        every: list[Op | Definition] = [*self._ops.values(), *self.definitions.values()]
        ops = sorted(every, key=lambda found: (found.category, found.name))
        return [form.describe() for form in FORMS.values()] + [found.describe() for found in ops]
