"""Help and examples as docstrings have them: prose, and lines like

    > (+ 1 2)
    3

that are a script and, below it, its value. Every example is executed by a test.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CATEGORIES: Mapping[str, str] = {
    "std": "Core",
    "list": "Lists",
    "obj": "Objects",
    "str": "Text",
    "math": "Math",
    "json": "JSON",
    "time": "Time",
    "par": "In parallel",
    "gen": "Generation",
}
"""First part of a dotted name → what it is filed under."""


@dataclass(frozen=True, slots=True)
class Example:
    """A script and its value, both as text."""

    source: str
    result: str

    def to_json(self) -> dict[str, str]:
        """``{source, result}``, as ``get_opcodes`` tells it."""
        return {"source": self.source, "result": self.result}


_EXAMPLE = re.compile(r"^> (?P<source>.+(?:\n  .+)*)\n(?P<result>.+)$", re.MULTILINE)


def read_documentation(doc: str) -> tuple[str, tuple[Example, ...]]:
    """The description and the examples of a docstring without indentation; an example goes on in indented lines."""
    examples = tuple(Example(found["source"], found["result"]) for found in _EXAMPLE.finditer(doc))
    return _EXAMPLE.sub("", doc).strip(), examples


def usage(described: Mapping[str, Any]) -> str:
    """How an element of ``get_opcodes`` is called: ``(list.sort items [compare])``."""
    names = [f"[{each['name']}]" if each.get("optional") else each["name"] for each in described["parameters"]]
    return f"({' '.join([described['opcode'], *names])})"
