"""What is wrong with a text besides its syntax: of one that cannot be read as it stands, what is certain all the same.

The reader mends a text in the likeliest way, and the mended one can be checked. What the checker finds in it is told
only if it would be found however the text was meant:

- Where brackets, quotes or characters are wrong, the forms from the beginning of a line on to the next such line (a
  *stretch*) may hold something else than it seems. There only a misspelt ``str.uper`` is told, which can be nothing
  but an op, and that only where no quote is wrong, since it might stand in a text.
- A name may be bound in what was lost. So one is unknown only if it stands nowhere else in a doubtful line.
- Whether something stands in a loop, is ever evaluated or ever read depends on everything around it, and is not told.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cached_property

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.methods import NONE, Capabilities
from mintaka.lang.recovery import MAX_PROBLEMS
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Node, walk

_OF_NAMES = frozenset({Code.UNKNOWN_OP, Code.UNBOUND, Code.UNKNOWN_CAPABILITY})
"""What is wrong with a name, whatever else stands in the call."""

_OF_CALLS = frozenset(
    {Code.ARITY, Code.TYPE, Code.DECLARATION, Code.UNKNOWN_METHOD, Code.UNKNOWN_OPTION, Code.DUPLICATE}
)
"""What is wrong with a call and what stands directly in it."""

_WORD = re.compile(r"""[^\s()\[\]{}"',;]+""")


def all_wrong(
    source: str, fault: SyntaxFault, signatures: Mapping[str, Signature], *, capabilities: Capabilities = NONE
) -> list[Diagnostic]:
    """The diagnostics of ``fault``, which reading ``source`` raised, and of what could be read; in order of places."""
    if fault.tree is None or len(fault.diagnostics) >= MAX_PROBLEMS:
        return list(fault.diagnostics)
    doubts = _Doubts(source, fault, fault.tree)
    found = [each for each in check(fault.tree, signatures, capabilities=capabilities) if doubts.is_certain(each)]
    return sorted([*fault.diagnostics, *found], key=lambda each: (each.span.line, each.span.column))


class _Doubts:
    """Where a mended ``tree`` of ``source`` may not be what was meant."""

    def __init__(self, source: str, fault: SyntaxFault, tree: Node) -> None:
        self._lines = source.split("\n")
        self._problems = sorted(each.span for each in fault.diagnostics)
        self._stretches = {line for span in fault.broken for line in self._stretch(span.line)}
        self._unquoted = {line for span in fault.broken if self._at(span) == '"' for line in self._stretch(span.line)}
        self._tree = tree

    def is_certain(self, found: Diagnostic) -> bool:
        """Whether the text is wrong in this way however it was meant."""
        span = found.span
        if self._is_touched(span) or self._is_hidden(
            {part for each in self._words(span) for part in _parts(each)}, span
        ):
            return False
        if span.line in self._stretches:
            is_op = found.code is Code.UNKNOWN_OP and found.hint is not None and "." in self._head(span)
            return is_op and span.line not in self._unquoted
        return found.code in _OF_NAMES or (found.code in _OF_CALLS and span not in self._around)

    def _at(self, span: Span) -> str:
        return self._lines[span.line - 1][span.column - 1 : span.column]

    def _head(self, span: Span) -> str:
        """What stands at ``span`` if it is a word behind a round bracket."""
        line = self._lines[span.line - 1]
        return line[span.column - 1 : span.end_column - 1] if line[: span.column - 1].endswith("(") else ""

    def _stretch(self, line: int) -> range:
        """The lines from the last one not further in than the margin, up to the next such line."""
        first = line
        while first > 1 and not self._begins(first):
            first -= 1
        end = line + 1
        while end <= len(self._lines) and not self._begins(end):
            end += 1
        return range(first, end)

    def _begins(self, line: int) -> bool:
        return self._lines[line - 1][:1] not in ("", " ", "\t", "\r", ")", "]", "}", ";")

    def _is_touched(self, span: Span) -> bool:
        """Whether a problem has a character in common with ``span``."""
        behind = bisect_left(self._problems, span[2:4], key=lambda each: each[:2])
        return behind > 0 and self._problems[behind - 1][2:4] > span[:2]

    def _is_hidden(self, words: Iterable[str], own: Span) -> bool:
        """Whether one of ``words`` stands in a doubtful line elsewhere than at ``own``."""
        return any(self._hidden.get(word, set()) - {own[:2]} for word in words)

    @cached_property
    def _hidden(self) -> dict[str, set[tuple[int, ...]]]:
        """Where words and their parts stand in doubtful lines."""
        lines = self._stretches | {line for each in self._problems for line in range(each.line, each.end_line + 1)}
        found: dict[str, set[tuple[int, ...]]] = {}
        for number in lines:
            for word in _WORD.finditer(self._lines[number - 1]):
                for part in _parts(word[0]):
                    found.setdefault(part, set()).add((number, word.start() + 1))
        return found

    def _words(self, span: Span) -> set[str]:
        """The words that stand at ``span``."""
        lines = self._lines[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return {word for line in lines for word in _WORD.findall(line)}

    @cached_property
    def _around(self) -> set[Span]:
        """The places at which calls with a problem in them are told of: of the call, its head and its arguments."""
        return {
            place
            for call in walk(self._tree)
            if isinstance(call, Call) and self._is_touched(call.span)
            for place in (call.span, call.head, *(arg.span for arg in call.args))
        }


def _parts(word: str) -> tuple[str, ...]:
    return (word, *word.split(".")) if "." in word else (word,)
