"""The formatter: a script laid out anew, with its comments and without a change of meaning."""

from mintaka.lang.layout import lay_out
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.lower import lower
from mintaka.lang.reader import read


def format_source(source: str) -> str:
    """A script's text laid out, ending in a line break; words are left as they are spelled.

    ``parse(format_source(s)) == parse(s)`` and ``format_source(format_source(s)) == format_source(s)`` for every text
    that parses. Raises `SyntaxFault` for one that does not.
    """
    allow_deep_recursion()
    text = read(source)
    lower(text)
    laid_out = lay_out(text.parts)
    return laid_out + "\n" if laid_out else ""
