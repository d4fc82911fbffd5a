"""Colours for scripts in the terminal."""

import re
from collections.abc import Callable

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

_TOKEN = re.compile(
    r"""(?P<comment>;.*|\#_)
    |(?P<string>"(?:[^"\\]|\\.)*"?)
    |(?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<constant>(?:true|false|null)(?![\w.-]))
    |(?P<key>:[\w.-]+)
    |(?P<head>(?<=\()[^\s()\[\]{}";:']+)
    |(?P<plain>[^\s()\[\]{}";:']+|.)""",
    re.VERBOSE,
)

STYLES = {
    "comment": "ansibrightblack italic",
    "string": "ansigreen",
    "number": "ansimagenta",
    "constant": "ansimagenta",
    "key": "ansicyan",
    "head": "ansiblue bold",
    "plain": "",
}


class ScriptLexer(Lexer):
    """Colours the text form of scripts line by line."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured parts of each line."""
        return lambda number: highlight(document.lines[number]) if number < len(document.lines) else []


def highlight(line: str) -> StyleAndTextTuples:
    """The parts of a line with their styles; together they are the line."""
    return [(STYLES[token.lastgroup or "plain"], token[0]) for token in _TOKEN.finditer(line)]
