"""What a prompt says: words, how much each weighs, and where a new part begins.

Two notations are read side by side, A1111's and Compel's:

    (words)        × 1.1        [words]        ÷ 1.1        (words:1.3)    × 1.3
    (words)1.3     × 1.3        (words)++      × 1.1²       (words)--      × 0.9²
    word+          × 1.1        word--         × 0.9²       BREAK          a new part begins

    prompt = { text | escape | round | square | marked | "BREAK" }
    round  = "(" prompt [ ":" [sign] number ] ")" [ suffix | number ]
    square = "[" prompt "]"
    marked = word suffix
    suffix = "+" { "+" } | "-" { "-" }
    escape = "\\" ( "(" | ")" | "[" | "]" | "\\" | "+" | "-" | ":" )

What brackets enclose one another multiplies. Where the two could disagree:

* Round brackets alone are A1111's (Compel's would only group); with a suffix or number right after them, Compel's: that
  takes the place of the 1.1, and multiplies with a weight inside them. The number needs a space, a mark of punctuation
  or the end behind it, so ``(8k)2d`` is no weight.
* A suffix stands between a letter or digit and a space, a mark of punctuation, a bracket or the end. So ``well-known``,
  ``a - b`` and ``--ar`` are text, and ``C\\+\\+`` is how to write what would be a weight.
* A bracket without its other half is text, and a note says so. Nothing is ever refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

UP = 1.1
"""One ``+``, and round brackets; square ones divide by it."""

DOWN = 0.9
"""One ``-``."""

MAX_WEIGHT = 10.0
"""Either way; beyond 2 or so a picture falls apart."""

_ESCAPE = re.compile(r"\\([()\[\]\\+\-:])")
_HIDDEN = "\ue000"
"""Stands for an escaped character while brackets and suffixes are looked for; it is neither."""

_END = r"(?=$|[\s,;:!?()\[\]\"']|\.(?!\d))"
_INSIDE = re.compile(r":\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*$")
_AFTER = re.compile(rf"(?P<signs>\++|-+){_END}|(?P<number>\d+(?:\.\d+)?|\.\d+){_END}")
_SUFFIX = re.compile(rf"(?<=\w)(?:\++|-+){_END}")
_BREAK = re.compile(r"\bBREAK\b")

_NO_WORD = frozenset(f'()[],;:!?"+{_HIDDEN}')
"""What ends a word, going backwards from its suffix, beside spaces."""

_LONGEST_NUMBER = 40
"""Characters of what says a weight inside brackets, with its colon and spaces."""

_MOST_NOTED = 3
"""Brackets of which a note tells; a prompt of nothing else is not a book of notes."""

_PARTNER = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the text, and how much it weighs: 1 as it is, 0 as little as silence."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read."""

    parts: tuple[tuple[Piece, ...], ...]
    """What lies between one ``BREAK`` and the next; one part at least, which may be empty."""
    notes: tuple[str, ...] = ()
    """What its writer may not have meant."""

    @property
    def text(self) -> str:
        """The words alone."""
        return " ".join("".join(piece.text for piece in part) for part in self.parts)

    @property
    def is_plain(self) -> bool:
        """Whether nothing in it is weighted or begins a part."""
        return len(self.parts) == 1 and all(piece.weight == 1.0 for piece in self.parts[0])


def cut(text: str, names: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """``text`` cut at the ``names`` in it: each bit of it, and the name that it is, whole words whatever their case."""
    known = {name.casefold(): name for name in names}
    if known:
        longest = sorted(known, key=len, reverse=True)
        found = re.split(rf"(?i)(?<![\w-])({'|'.join(map(re.escape, longest))})(?![\w-])", text)
    else:
        found = [text]
    for number, bit in enumerate(found):
        if bit:
            yield bit, known.get(bit.casefold()) if number % 2 else None


def named(prompts: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that ``prompts`` say, in the order of ``names``."""
    names = tuple(names)
    if not names:
        return ()
    said = {
        name
        for prompt in prompts
        for part in parse(prompt).parts
        for piece in part
        for _, name in cut(piece.text, names)
    }
    return tuple(name for name in names if name in said)


def words(prompt: str, names: Iterable[str] = ()) -> str:
    """What ``prompt`` says beside ``names``."""
    return " ".join(bit for bit, name in cut(parse(prompt).text, names) if name is None)


def parse(prompt: str) -> Prompt:
    """Read ``prompt``, whatever it is; positions in notes are characters counted from 1."""
    return _Reader(prompt).read()


class _Reader:
    """The characters of a prompt without the strokes that escape them, and what is known of each."""

    def __init__(self, prompt: str) -> None:
        characters, shadow, self._places = [], [], []
        index = 0
        while index < len(prompt):
            self._places.append(index + 1)
            escape = _ESCAPE.match(prompt, index)
            characters.append(escape[1] if escape else prompt[index])
            shadow.append(_HIDDEN if escape else prompt[index])
            index += 2 if escape else 1
        self._text = "".join(characters)
        self._shadow = "".join(shadow)
        """The text with escaped characters hidden."""
        self._skipped = [False] * len(shadow)
        self._weights = [1.0] * len(shadow)
        self._notes: list[str] = []

    def read(self) -> Prompt:
        pairs = self._pairs()
        self._weigh({opened: self._factor(opened, closed) for opened, closed in pairs.items()}, set(pairs.values()))
        self._weigh_words()
        parts = self._parts()
        return Prompt(parts, tuple(self._notes))

    def _pairs(self) -> dict[int, int]:
        """Where brackets open and close. One closes the nearest of its kind, and what opened in between is text."""
        opened: list[int] = []
        count = {"(": 0, "[": 0}
        pairs: dict[int, int] = {}
        lost: list[int] = []
        for index, character in enumerate(self._shadow):
            if character in count:
                opened.append(index)
                count[character] += 1
            elif character in _PARTNER and not count[_PARTNER[character]]:
                lost.append(index)
            elif character in _PARTNER:
                while True:
                    last = opened.pop()
                    count[self._shadow[last]] -= 1
                    if self._shadow[last] == _PARTNER[character]:
                        break
                    lost.append(last)
                pairs[last] = index
        self._note_lost(sorted(lost + opened))
        return pairs

    def _note_lost(self, lost: list[int]) -> None:
        for index in lost[:_MOST_NOTED]:
            bracket = self._shadow[index]
            why = "closes nothing" if bracket in _PARTNER else "is never closed"
            self._notes.append(
                f"the “{bracket}” at character {self._places[index]} of a prompt {why}, so it was read as text; "
                f"write \\{bracket} for one that is meant so"
            )
        if len(lost) > _MOST_NOTED:
            self._notes.append(f"so were {len(lost) - _MOST_NOTED} more brackets")

    def _factor(self, opened: int, closed: int) -> float:
        """What a pair of brackets multiplies the weight with; what says so is skipped."""
        shadow = self._shadow
        inside = _INSIDE.search(shadow, max(opened + 1, closed - _LONGEST_NUMBER), closed)
        if shadow[opened] == "[":
            if inside:
                self._notes.append(
                    f"the [ ] at character {self._places[opened]} of a prompt make it weigh less and nothing more; "
                    "write (words:1.2) for a weight"
                )
            return 1 / UP
        factor = 1.0
        if inside:
            factor = float(inside[1])
            self._skip(inside.start(), closed)
        after = _AFTER.match(shadow, closed + 1)
        if after:
            factor *= float(after["number"]) if after["number"] else _signs(after["signs"])
            self._skip(*after.span())
        return factor if inside or after else UP

    def _weigh(self, factors: Mapping[int, float], closers: set[int]) -> None:
        weights = [1.0]
        for index in range(len(self._shadow)):
            if index in factors:
                weights.append(_finite(weights[-1] * factors[index]))
                self._skip(index, index + 1)
            elif index in closers:
                weights.pop()
                self._skip(index, index + 1)
            self._weights[index] = weights[-1]

    def _weigh_words(self) -> None:
        for suffix in _SUFFIX.finditer(self._shadow):
            start = suffix.start()
            while start and not self._shadow[start - 1].isspace() and self._shadow[start - 1] not in _NO_WORD:
                start -= 1
            for index in range(start, suffix.start()):
                self._weights[index] = _finite(self._weights[index] * _signs(suffix[0]))
            self._skip(*suffix.span())

    def _skip(self, start: int, end: int) -> None:
        self._skipped[start:end] = [True] * (end - start)

    def _parts(self) -> tuple[tuple[Piece, ...], ...]:
        parts, start = [], 0
        for found in _BREAK.finditer(self._shadow):
            end = found.start()
            while end > start and self._shadow[end - 1].isspace():
                end -= 1
            parts.append(tuple(self._pieces(start, end)))
            start = found.end()
            while start < len(self._shadow) and self._shadow[start].isspace():
                start += 1
        parts.append(tuple(self._pieces(start, len(self._shadow))))
        return tuple(parts)

    def _pieces(self, start: int, end: int) -> Iterator[Piece]:
        """The text from ``start`` to ``end``, cut where the weight changes."""
        text = ""
        weight = 1.0
        for index in range(start, end):
            if self._skipped[index]:
                continue
            own = self._bounded(self._weights[index])
            if text and own != weight:
                yield Piece(text, weight)
                text = ""
            text, weight = text + self._text[index], own
        if text:
            yield Piece(text, weight)

    def _bounded(self, weight: float) -> float:
        if abs(weight) <= MAX_WEIGHT:
            return weight
        note = f"weights may be -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}; those beyond were brought there"
        if note not in self._notes:
            self._notes.append(note)
        return MAX_WEIGHT if weight > 0 else -MAX_WEIGHT


def _signs(signs: str) -> float:
    """What a run of ``+`` or ``-`` multiplies with."""
    return _finite((UP if signs[0] == "+" else DOWN) ** min(len(signs), 100))


def _finite(weight: float) -> float:
    """``weight`` kept so small that a product of many is a number; 0 is 0 however large the rest."""
    return max(-1e9, min(1e9, weight))
