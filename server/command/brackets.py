"""Brackets of an input that is being written: how many are open, and whose arguments the cursor is among."""

import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?P<open_string>"|$)|;[^\n]*|[(\[{]|[)\]}]', re.DOTALL)
_HEAD = re.compile(r"\s*([^\s()\[\]{}\"';]+)")


def open_brackets(text: str) -> int:
    """How many brackets of ``text`` are still open; an unended string counts as one, surplus closing ones as none."""
    opened, in_string = _opened(text)
    return len(opened) + in_string


def innermost_head(text: str) -> str:
    """The head of the innermost call that is still open at the end of ``text``; empty where there is none."""
    for place in reversed(_opened(text)[0]):
        if text[place] == "(":
            head = _HEAD.match(text, place + 1)
            return head[1] if head else ""
    return ""


def in_string(text: str) -> bool:
    """Whether ``text`` ends within a string."""
    return _opened(text)[1]


def _opened(text: str) -> tuple[list[int], bool]:
    """Where the brackets stand that are still open, and whether a string is."""
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        if token["open_string"] == "":
            return opened, True
        first = token[0][0]
        if first in "([{":
            opened.append(token.start())
        elif first in ")]}" and opened:
            opened.pop()
    return opened, False
