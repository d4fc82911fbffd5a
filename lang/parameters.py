"""Declared parameters: ``(params (prompt string "a cat" "What to draw") (steps (int 1 50) 20))``.

Each declaration is ``(name type default help)``; without a default the parameter is required. A type is one of
`TYPES`, ``(int from to)`` or ``(number from to)`` with bounds, or ``(choice a b …)``.
"""

from dataclasses import dataclass

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
    if isinstance(kind, str) and kind in TYPES:
        return Parameter(name, kind, not rest, default, help_text)
    if isinstance(kind, list) and len(kind) > 1 and kind[0] == "choice":
        return Parameter(name, "choice", not rest, default, help_text, choices=tuple(kind[1:]))
    if isinstance(kind, list) and len(kind) == 3 and kind[0] in ("int", "number"):
        least, most = kind[1:]
        if _is_number(least) and _is_number(most) and least <= most:  # type: ignore[operator]
            return Parameter(name, str(kind[0]), not rest, default, help_text, number(least), number(most))  # type: ignore[arg-type]
        raise BadDeclaration(f"The bounds of parameter `{name}` are two numbers, the lower first: (int 1 50).")
    raise BadDeclaration(
        f"Parameter `{name}` has no type that is known; there are {', '.join(TYPES)}, (int from to), "
        "(number from to) and (choice a b …)."
    )


def _is_number(value: Data) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
