"""Declared parameters: ``(params (prompt string "a cat" "What to draw") (steps (int 1 50) 20))``.

Each declaration is ``(name type default help)``; without a default the parameter is required. A type is one of
`TYPES`, ``(int from to)`` or ``(number from to)`` with bounds, or ``(choice a b …)``. A default is a value that the
parameter would take, or null where leaving it out should be told apart.
"""

from dataclasses import dataclass
from typing import TypeGuard

from mintaka.lang.kinds import article, kind_of
from mintaka.lang.numbers import number
from mintaka.lang.tree import Data

TYPES = ("any", "string", "number", "int", "boolean", "list", "object", "image")
"""The plain types of parameters."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter of a script."""

    name: str
    type: str
    required: bool
    default: Data = None
    help: str = ""
    least: int | float | None = None
    most: int | float | None = None
    choices: tuple[Data, ...] = ()

    @property
    def kind(self) -> str:
        """The type for people: ``int from 1 to 50``, ``one of red, blue``."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        return self.type if self.least is None else f"{self.type} from {self.least} to {self.most}"


class BadDeclaration(ValueError):
    """A declaration that says no parameter; its text says why."""


def parameter(declaration: Data) -> Parameter:
    """The parameter a declaration stands for. Raises `BadDeclaration`."""
    if not isinstance(declaration, list) or not 2 <= len(declaration) <= 4:
        raise BadDeclaration('A parameter is declared as (name type default "help"), like (steps int 20).')
    name, kind, *rest = declaration
    if not isinstance(name, str) or not name:
        raise BadDeclaration("A parameter's declaration begins with its name: (steps int 20).")
    help_text = rest[1] if len(rest) > 1 else ""
    if not isinstance(help_text, str):
        raise BadDeclaration(f'The help of parameter `{name}` is a text: ({name} type default "What it is for").')
    default = rest[0] if rest else None
    declared = _typed(name, kind, not rest, default, help_text)
    if default is not None:
        _check_default(declared, default)
    return declared


def _typed(name: str, kind: Data, required: bool, default: Data, help: str) -> Parameter:
    """A parameter of the type that ``kind`` says."""
    if isinstance(kind, str) and kind in TYPES:
        return Parameter(name, kind, required, default, help)
    if isinstance(kind, list) and len(kind) > 1 and kind[0] == "choice":
        return Parameter(name, "choice", required, default, help, choices=tuple(kind[1:]))
    if isinstance(kind, list) and len(kind) == 3 and kind[0] in ("int", "number"):
        least, most = kind[1:]
        if _is_number(least) and _is_number(most) and least <= most:
            return Parameter(name, str(kind[0]), required, default, help, number(least), number(most))
        raise BadDeclaration(f"The bounds of parameter `{name}` are two numbers, the lower first: (int 1 50).")
    raise BadDeclaration(
        f"Parameter `{name}` has no type that is known; there are {', '.join(TYPES)}, (int from to), "
        "(number from to) and (choice a b …)."
    )


def _check_default(wanted: Parameter, default: Data) -> None:
    """Raise `BadDeclaration` for a default that could not be given as a value."""
    if wanted.type == "any":
        return
    if wanted.type == "choice":
        if default not in wanted.choices:
            choices = ", ".join(map(str, wanted.choices))
            raise BadDeclaration(f"The default of parameter `{wanted.name}` is one of its choices: {choices}.")
        return
    kind = kind_of(default)
    if kind != ("number" if wanted.type == "int" else wanted.type):
        given = article(kind.value)
        raise BadDeclaration(
            f"Parameter `{wanted.name}` is of type {wanted.type}, and its default {given}; give one that fits, or null."
        )
    if not _is_number(default):
        return
    if wanted.type == "int" and default != int(default):
        raise BadDeclaration(f"The default of parameter `{wanted.name}` is a whole number, not {default}.")
    if wanted.least is not None and wanted.most is not None and not wanted.least <= default <= wanted.most:
        raise BadDeclaration(
            f"The default of parameter `{wanted.name}` is from {wanted.least} to {wanted.most}, not {default}."
        )


def _is_number(value: Data) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
