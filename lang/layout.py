"""How a script is laid out: readings to lines of at most `WIDTH` columns, with their comments and blank lines.

What fits on a line is written on one; what its author has broken into lines stays broken unless it is short. Of a
broken form the subject stays on the first line and the body is indented by two; the arguments of a call stand below
one another, behind its head if there is room; objects have a pair a line, and lists of words are filled.

Laying out what is laid out changes nothing: every choice depends on the widths of the parts, which stay as they are,
and on where lines are broken, which is told apart only where a broken form has a line break anyway.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TypeAlias

from lark import Token

from mintaka.lang.lower import op_name
from mintaka.lang.readings import CLOSERS, COMMENT, SYMBOL, Brackets, Dropped, Part, Quoted, span_of

WIDTH = 100
"""Columns a line takes where it can."""

SHORT = 60
"""Columns up to which a form is put on one line though its author has broken it."""

_SUBJECT = {
    "std.define": 3, "std.for": 3, "std.if": 2, "std.lambda": 2, "std.let": 2, "std.seq": 1, "std.set": 2,
    "std.try": 1, "std.while": 2, "std.with_timeout": 2, "par.all": 1,
}  # fmt: skip
"""Of the forms whose bodies are indented by two: how many parts stay on the first line, head included."""

_OPERATORS = frozenset({"std.params", "and", "or", "not", "guard", "nullish"})
"""What has its arguments below one another whatever their width, as have heads without letters."""


class Style(Enum):
    """How brackets are broken into lines."""

    BODY = auto()
    """The subject on the first line, the rest indented by two."""
    CALL = auto()
    """Arguments below one another behind the head; if one has no room there, words stay and the rest is indented."""
    OPERATOR = auto()
    """Arguments below one another behind the head."""
    COLUMN = auto()
    """All below one another behind the bracket."""
    FILL = auto()
    """As many on a line as fit."""
    ROW = auto()
    """All on one line, but for what comments break: a key and its value."""


class Comment(str):
    """A comment on a line of its own."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Parts between brackets, and how they are written."""

    opener: str
    items: tuple["Item", ...]
    closer: str
    style: Style
    first: int
    """How many of the items that mean something stay on the first line when it is broken."""
    opening_comment: str | None = None
    """A comment behind the opening bracket."""
    width: int = field(init=False)
    """Columns it takes on one line, comments aside."""
    flat: bool = field(init=False)
    """Whether it may be written on one line."""

    def __post_init__(self) -> None:
        inner = sum(_width(item.doc) for item in self.items)
        width = len(self.opener) + inner + max(0, len(self.items) - 1) + len(self.closer)
        object.__setattr__(self, "width", width)
        flat = self.opening_comment is None and all(map(_is_flat, self.items))
        object.__setattr__(self, "flat", flat and not self._broken_by_author())

    def _broken_by_author(self) -> bool:
        """Whether there are line breaks to be kept where a broken block has line breaks."""
        place = 0
        for item in self.items:
            if place >= self.first and (item.blank or (item.starts_line and self.width > SHORT)):
                return True
            place += item.means_something
        return False


Doc: TypeAlias = str | Block
"""What is written: a word, a `Comment` or brackets."""


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a form, or a comment, and how it stands in its source."""

    doc: Doc
    blank: bool = False
    """A blank line stands before it."""
    starts_line: bool = False
    """A line break stands before it."""
    comment: str | None = None
    """A comment behind it on its line."""
    means_something: bool = True
    """It is neither a comment nor dropped, so it counts among the subjects of a form."""

    @property
    def ends_line(self) -> bool:
        """Whether nothing can stand behind it on its line."""
        return self.comment is not None or isinstance(self.doc, Comment)


def lay_out(parts: Sequence[Part]) -> str:
    """The text of a whole script, without a line break at its end."""
    writer = _Writer()
    items, _ = _items(parts, None)
    for index, item in enumerate(items):
        if index:
            writer.line(0, blank=item.blank)
        writer.item(item, 0)
    return writer.text()


class _Writer:
    """Writes blocks, knowing the column it is in."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._line = 0
        self._column = 0

    def text(self) -> str:
        return "".join(self._pieces)

    def line(self, indent: int, *, blank: bool = False) -> None:
        """Go to a new line."""
        self._pieces.append("\n\n" if blank else "\n")
        self._pieces.append(" " * indent)
        self._line += 1
        self._column = indent

    def item(self, item: Item, closing: int) -> None:
        """Write an item that ``closing`` brackets follow."""
        self._doc(item.doc, closing)
        if item.comment is not None:
            self._write("  " + item.comment)

    def _write(self, text: str) -> None:
        self._pieces.append(text)
        line = text.rfind("\n")
        self._line += line >= 0
        self._column = self._column + len(text) if line < 0 else len(text) - line - 1

    def _doc(self, doc: Doc, closing: int) -> None:
        if isinstance(doc, str) or (doc.flat and self._column + doc.width + closing <= WIDTH):
            self._write(_flat(doc))
        else:
            self._broken(doc, closing)

    def _broken(self, block: Block, closing: int) -> None:
        start = self._column
        self._write(block.opener)
        if block.opening_comment is not None:
            self._write(" " + block.opening_comment)
        indent, first, words = self._shape(block, start, closing)
        full = commented = block.opening_comment is not None  # whether the next item wants a new line
        last = len(block.items) - 1
        place = 0
        for index, item in enumerate(block.items):
            behind = closing + len(block.closer) if index == last else 0
            stays = not (full or isinstance(item.doc, Comment))
            stays = stays and (place < first or (words and self._fits(item.doc, behind)))
            words = (words and stays) or block.style is Style.FILL
            if index and stays:
                self._write(" ")
            elif index or full:
                self.line(indent, blank=item.blank and index > 0)
            line = self._line
            self.item(item, behind)
            commented = item.ends_line
            full = commented or (self._line > line and block.style is not Style.ROW)
            place += item.means_something
        if commented:
            self.line(start)
        self._write(block.closer)

    def _shape(self, block: Block, start: int, closing: int) -> tuple[int, int, bool]:
        """Of a broken block: its indentation, how many items stay on the first line, and whether words do behind."""
        behind = start + len(block.opener)
        match block.style:
            case Style.BODY:
                return start + 2, block.first, False
            case Style.ROW:
                return start + 2, len(block.items), False
            case Style.COLUMN:
                return behind, 0, False
            case Style.FILL:
                return behind, 0, True
        head = block.items[0].doc if block.items else ""
        if not isinstance(head, str) or block.items[0].comment is not None:
            return behind, 0, False
        aligned = behind + len(head) + 1
        if block.style is Style.OPERATOR:
            return aligned, block.first, False
        last = len(block.items) - 1
        for index, item in enumerate(block.items[1:], 1):
            if aligned + _width(item.doc) + (closing + 1 if index == last else 0) > WIDTH:
                return start + 2, 1, True
        return aligned, block.first, False

    def _fits(self, doc: Doc, closing: int) -> bool:
        """Whether ``doc`` is a word that has room behind what is written."""
        return isinstance(doc, str) and "\n" not in doc and self._column + 1 + len(doc) + closing <= WIDTH


def _is_flat(item: Item) -> bool:
    if item.ends_line:
        return False
    return "\n" not in item.doc if isinstance(item.doc, str) else item.doc.flat


def _width(doc: Doc) -> int:
    return len(doc) if isinstance(doc, str) else doc.width


def _flat(doc: Doc) -> str:
    if isinstance(doc, str):
        return doc
    return doc.opener + " ".join(_flat(item.doc) for item in doc.items) + doc.closer


def _items(parts: Sequence[Part], line: int | None, *, data: bool = False) -> tuple[tuple[Item, ...], str | None]:
    """What stands in a row behind a bracket in ``line``, and the comment right behind that bracket."""
    items: list[Item] = []
    opening = None
    top = line is None
    for part in parts:
        span = span_of(part)
        gap = span.line - line if line is not None else 1
        line = span.end_line
        if isinstance(part, Token) and part.type == COMMENT:
            text = part.rstrip()
            if not (top or items or opening):
                opening = text
            elif gap:
                items.append(Item(Comment(text), blank=gap > 1, starts_line=True, means_something=False))
            else:
                items[-1] = replace(items[-1], comment=text)
        else:
            means = not isinstance(part, Dropped)
            items.append(Item(_doc(part, data=data), gap > 1, gap > 0, means_something=means))
    return tuple(items), opening


def _doc(part: Part, *, data: bool) -> Doc:
    if isinstance(part, Token):
        return str(part)
    if isinstance(part, Brackets):
        return _brackets(part, data=data)
    mark = "'" if isinstance(part, Quoted) else "#_"
    *between, form = part.parts
    if between:
        items, opening = _items(part.parts, part.span.line, data=True)
        return Block(mark, items, "", Style.ROW, len(items), opening)
    inner = _doc(form, data=data or isinstance(part, Quoted))
    return mark + inner if isinstance(inner, str) else replace(inner, opener=mark + inner.opener)


def _brackets(brackets: Brackets, *, data: bool) -> Block:
    items, opening = _items(brackets.parts, brackets.span.line, data=data)
    if brackets.opener == "{":
        items = tuple(_pairs(items))
        style, first = Style.COLUMN, 1
    elif brackets.opener == "(" and not data:
        style, first = _style(brackets)
    elif all(isinstance(item.doc, str) for item in items):
        style, first = Style.FILL, len(items)
    else:
        style, first = Style.COLUMN, 1
    return Block(brackets.opener, items, CLOSERS[brackets.opener], style, first, opening)


def _style(call: Brackets) -> tuple[Style, int]:
    """How a call is broken, and how many of its parts stay on the first line then."""
    head = next(iter(call.forms), None)
    if not isinstance(head, Token):
        return Style.CALL, 1
    op = op_name(str(head)) if head.type == SYMBOL else ""
    if op in _SUBJECT:
        return Style.BODY, _SUBJECT[op]
    if op in _OPERATORS or (head.type == SYMBOL and not any(map(str.isalpha, head))):
        return Style.OPERATOR, 2
    return Style.CALL, 2


def _pairs(items: Iterable[Item]) -> Iterator[Item]:
    """Keys and their values, with what stands between them, as one item each."""
    pending: list[Item] = []
    for item in items:
        if pending and item.means_something:
            row = (*pending, replace(item, comment=None))
            key = pending[0]
            yield Item(Block("", row, "", Style.ROW, len(row)), key.blank, key.starts_line, item.comment)
            pending = []
        elif pending or item.means_something:
            pending.append(item)
        else:
            yield item
    yield from pending
