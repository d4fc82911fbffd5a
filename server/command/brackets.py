"""When an input is complete: every bracket closed and every string ended."""

import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?P<open_string>"|$)|;[^\n]*|[(\[{]|[)\]}]', re.DOTALL)


def open_brackets(text: str) -> int:
    """How many brackets of ``text`` are still open; an unended string counts as one, surplus closing ones as none."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token["open_string"] == "":
            return depth + 1
        first = token[0][0]
        if first in "([{":
            depth += 1
        elif first in ")]}":
            depth = max(0, depth - 1)
    return depth
