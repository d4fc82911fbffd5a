"""Where something stands in a script: line and column of a text, or the path into a JSON form."""

from typing import NamedTuple

Path = tuple[int | str, ...]
"""Indices and keys from the root of a JSON form."""


class Span(NamedTuple):
    """A place in a source. Lines and columns count from 1; the end is just behind the last character.

    ``line`` is 0 for what comes from a JSON form, which has a ``path`` instead. Every node and word has one, so it is a
    tuple, which takes less than half the time to make that a dataclass does.
    """

    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    path: Path = ()

    def to_json(self) -> dict[str, object]:
        """``{line, column, end_line, end_column}`` of a text, ``{path}`` of a JSON form."""
        if not self.line:
            return {"path": list(self.path)}
        return {
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
        }

    def cut(self, source: str) -> str:
        """What stands there in the text ``source``."""
        lines = source.split("\n")[self.line - 1 : self.end_line]
        lines[-1] = lines[-1][: self.end_column - 1]
        lines[0] = lines[0][self.column - 1 :]
        return "\n".join(lines)

    def to(self, other: "Span") -> "Span":
        """From the beginning of this span to the end of ``other``."""
        return Span(self.line, self.column, other.end_line, other.end_column, self.path)

    def __str__(self) -> str:
        if self.line:
            return f"line {self.line}, column {self.column}"
        return "/" + "/".join(map(str, self.path))


def at_path(path: Path) -> Span:
    """A place in a JSON form: what `Span` gives for it, in half the time."""
    return tuple.__new__(Span, (0, 0, 0, 0, path))


HIDDEN = Span(line=-1)
"""The place of code that is none of the script's own: what goes wrong in it is shown where the script called it."""
