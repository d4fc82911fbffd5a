"""What the prompt understands besides scripts: ``:help`` and its like, and ``?name``."""

import re
from collections.abc import Mapping

DIRECTIVES: Mapping[str, str] = {
    ":help": "this list",
    ":time": "EXPR: run it, and say how long it took and what it used",
    ":plan": "EXPR: what it would call and need, without running it",
    ":json": "EXPR: its JSON form",
    ":blocks": "EXPR: its blocks, as an editor keeps them",
    ":vars": "the variables of this session",
    ":caps": "the capabilities you hold, and their methods",
    ":load": "FILE: run the forms of a script one after the other",
    ":save": "FILE: write what was put in as a script",
    ":quit": "end the session; so does Ctrl-D",
}
"""Every directive and what it does."""

_HELP = re.compile(r"\?\s*([^\s()]+)|([^\s()]+)\?")


def directive(line: str) -> tuple[str, str] | None:
    """The directive a line is and what follows it; ``?name`` and ``name?`` are ``("?", name)``. ``None``: a script."""
    line = line.strip()
    if line.startswith(":"):
        word, _, rest = line.partition(" ")
        return word, rest.strip()
    asked = _HELP.fullmatch(line)
    return ("?", asked[1] or asked[2]) if asked else None


def listing() -> str:
    """All directives, a line each."""
    width = max(map(len, DIRECTIVES))
    lines = [f"  {name:{width}}  {what}" for name, what in DIRECTIVES.items()]
    asked = f"  {'?name':{width}}  help on an op, a variable or a method; name? does the same"
    return "\n".join(["Write a script, or one of these:", *lines, asked])
