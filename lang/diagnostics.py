"""What is wrong with a script: stable codes, a place, a message that says what to do, and a picture of the place."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mintaka.lang.excerpts import excerpt
from mintaka.lang.spans import Span

if TYPE_CHECKING:
    from mintaka.lang.tree import Node


class Code(StrEnum):
    """Every diagnostic there is. Codes are stable: documents, editors and tests may rely on them."""

    SYNTAX = "syntax"
    """The text is no script: a bracket that does not match, a character that belongs nowhere."""
    SIZE = "size"
    """The script is nested too deeply or has too many nodes."""
    UNKNOWN_OP = "unknown_op"
    """There is no op of that name."""
    ARITY = "arity"
    """An op or a method is given too few or too many arguments."""
    TYPE = "type"
    """A value of a kind that cannot stand there; or something else where a name, names or a pair belong."""
    DECLARATION = "declaration"
    """A parameter of the script is declared wrongly, or its default is none that it would take."""
    UNBOUND = "unbound"
    """A variable that nothing binds."""
    OUT_OF_SCOPE = "out_of_scope"
    """A variable that is bound elsewhere, but not here; its value is null."""
    MISPLACED = "misplaced"
    """``break`` or ``continue`` outside a loop, or a form that only stands at the top or in a handler."""
    UNKNOWN_CAPABILITY = "unknown_capability"
    """There is no capability type of that name."""
    UNKNOWN_METHOD = "unknown_method"
    """A capability, or a plain value, has no method of that name."""
    UNKNOWN_OPTION = "unknown_option"
    """A method has no option of that name."""
    DUPLICATE = "duplicate"
    """A key, an option or the name of a parameter is given twice in one place."""
    UNREACHABLE = "unreachable"
    """What is never evaluated, because what stands before it always leaves."""
    UNUSED = "unused"
    """A variable, a function or a parameter that nothing reads."""


class Severity(StrEnum):
    """How much a diagnostic matters."""

    ERROR = "error"
    """The script cannot run."""
    WARNING = "warning"
    """The script runs, but probably not as meant."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of the parser or the checker."""

    code: Code
    message: str
    span: Span
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def to_json(self) -> dict[str, object]:
        """``{code, severity, message, hint?, line, column, end_line, end_column}`` or with a ``path``."""
        told: dict[str, object] = {
            "code": self.code.value,
            "severity": self.severity.value,
            "message": self.message,
            **self.span.to_json(),
        }
        if self.hint is not None:
            told["hint"] = self.hint
        return told

    def render(self, source: str) -> str:
        """The line it stands in with carets below, the message and the suggestion, for a terminal."""
        end = f"{self.severity.value}: {self.message}" + (f"\n{self.hint}" if self.hint else "")
        shown = excerpt(source, self.span)
        if shown is None:
            return f"{end}      [{self.code.value}, {self.span}]"
        line, carets = shown
        return f"{line}\n{carets}\n{end}      [{self.code.value}, line {self.span.line}]"


def leading(diagnostics: Sequence[Diagnostic]) -> Diagnostic:
    """The one to tell where only one can be: what keeps the source from being read, or else the first."""
    return next((each for each in diagnostics if each.code in (Code.SYNTAX, Code.SIZE)), diagnostics[0])


class SyntaxFault(Exception):
    """A source that is no script at all; ``diagnostics`` say why and where.

    A text that could be mended has a ``tree``, the best guess at what was meant, and in ``broken`` the places where
    brackets, quotes or characters were wrong.
    """

    def __init__(
        self, diagnostics: Sequence[Diagnostic], tree: "Node | None" = None, broken: Sequence[Span] = ()
    ) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = tuple(diagnostics)
        self.tree = tree
        self.broken = tuple(broken)
