"""The line of a source that something stands in, with carets below it, as a terminal can show it."""

from mintaka.lang.spans import Span

LONGEST = 160
"""Columns of a line that are shown."""

_BEFORE = 60
"""Columns before the place that stay of a longer line."""


def excerpt(source: str, span: Span) -> tuple[str, str] | None:
    """The line that ``span`` begins in and the carets for the line below it; ``None`` if the source has no such line.

    Both are for a terminal: tabs are spaces, characters that would move the cursor or change colours are replaced, and
    of a long line the part around the place is shown.
    """
    lines = source.split("\n")
    if not 1 <= span.line <= len(lines) or not source:
        return None
    line = "".join(map(_visible, lines[span.line - 1].removesuffix("\r")))
    start = span.column - 1
    stop = span.end_column - 1 if span.end_line == span.line else len(line)
    if len(line) > LONGEST:
        first = max(0, min(start - _BEFORE, len(line) - LONGEST))
        dots = "…" if first else ""
        end = first + LONGEST
        line = dots + line[first:end] + ("…" if end < len(line) else "")
        start, stop = start - first + len(dots), min(stop, end) - first + len(dots)
    return line, " " * start + "^" * max(1, stop - start)


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "�"
