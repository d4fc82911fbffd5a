"""``str.*``: texts are immutable, and counted in Unicode code points."""

from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.text import to_text
from mintaka.runtime.values import Value
from mintaka.stdlib.indices import position
from mintaka.stdlib.pieces import SLOW_PIECE, pieces
from mintaka.stdlib.whitespace import WHITESPACE


@op("str.len", label="length")
def str_len(text: str) -> int:
    """The number of characters (code points).

    > (str.len "naïve")
    5
    """
    return len(text)


@op("str.concat", label="concat")
def str_concat(run: Run, *parts: Value) -> str:
    """The values' texts, one behind the other.

    > (str.concat "seed " 7)
    "seed 7"
    """
    texts = [part if isinstance(part, str) else to_text(part, run.build) for part in parts]
    _afford(run, sum(map(len, texts)))
    return "".join(texts)


@op("str.join", label="join")
def str_join(run: Run, items: list[Value], separator: str) -> str:
    """The texts of a list's items with `separator` between; null as nothing.

    > (str.join [1 2 3] ", ")
    "1, 2, 3"
    """
    texts: list[str] = []
    for start, end in pieces(run, len(items), rate=2, size=SLOW_PIECE):
        run.allocate(end - start)
        for item in items[start:end]:
            texts.append("" if item is None else to_text(item, run.build))
    _afford(run, sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


@op("str.split", label="split")
def str_split(run: Run, text: str, separator: str) -> list[Value]:
    """The pieces of a text between the separators; of an empty separator the characters.

    > (str.split "a,b,c" ",")
    ["a" "b" "c"]
    """
    run.build(2 * len(text) if not separator else len(text) + 8 * text.count(separator))
    if not separator and not text.isascii():
        run.allocate(8 * len(text))  # each is a text of its own
    return list(text.split(separator) if separator else text)


@op("str.slice", label="slice")
def str_slice(run: Run, text: str, start: float, end: float = float("inf")) -> str:
    """The characters from `start` up to, but without, `end`; negative ones count from the end.

    > (str.slice "lighthouse" 0 5)
    "light"
    """
    first, last = position(start, len(text)), position(end, len(text))
    _afford(run, max(0, last - first))
    return text[first:last]


@op("str.upper", label="upper case")
def str_upper(run: Run, text: str) -> str:
    """The text in capital letters.

    > (str.upper "cat")
    "CAT"
    """
    _afford(run, 3 * len(text))
    return text.upper()


@op("str.lower", label="lower case")
def str_lower(run: Run, text: str) -> str:
    """The text in small letters.

    > (str.lower "CAT")
    "cat"
    """
    _afford(run, 3 * len(text))
    return text.lower()


@op("str.trim", label="trim")
def str_trim(run: Run, text: str) -> str:
    """The text without white space at its ends.

    > (str.trim "  a cat ")
    "a cat"
    """
    run.charge(len(text) >> 6)
    run.allocate(len(text))
    return text.strip(WHITESPACE)


@op("str.replace", label="replace")
def str_replace(run: Run, text: str, search: str, replacement: str) -> str:
    """The text with every `search` replaced, literally; an empty one is found once, in front.

    > (str.replace "red red" "red" "blue")
    "blue blue"
    """
    if not search:
        _afford(run, len(text) + len(replacement))
        return replacement + text
    run.charge(len(text) >> 10)
    found = text.count(search)
    _afford(run, len(text) + found * (len(replacement) - len(search)))
    return text.replace(search, replacement)


@op("str.includes", label="includes")
def str_includes(run: Run, text: str, search: str) -> bool:
    """Whether `search` occurs in the text.

    > (str.includes "a red cat" "red")
    true
    """
    run.charge(len(text) >> 10)
    return search in text


def _afford(run: Run, length: int) -> None:
    """Pay for a text of ``length`` characters that is about to be built."""
    run.charge(length >> 10)
    run.allocate(length)
