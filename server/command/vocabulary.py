"""What can be named at the prompt, and the help on it: ops, variables of the session, capability types, methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mintaka.client import RemoteCapability
from mintaka.server.command import catalogue
from mintaka.server.command.catalogue import Entry
from mintaka.server.command.memory import Memory
from mintaka.server.command.type_pages import method_lines, method_page, type_page


@dataclass(slots=True)
class Vocabulary:
    """The words of one session, from what its server tells."""

    entries: Sequence[Entry] = ()
    """What a script can call, as ``get_opcodes`` tells it."""
    types: Sequence[Mapping[str, Any]] = ()
    """The capability types one holds, as ``get_capability_metadata`` tells them."""
    memory: Memory = field(default_factory=Memory)

    def words(self) -> dict[str, str]:
        """Everything that may stand at the head of a call or by itself, and a line on it."""
        told: dict[str, str] = {}
        for entry in self.entries:
            name = str(entry["opcode"])
            for word in (name.removeprefix("std."), name):
                told[word.replace("_", "-") if word.isidentifier() or "." in word else word] = catalogue.summary(entry)
        told |= dict.fromkeys(("true", "false", "null"), "")
        return told | {name: self.kind(name) for name in self.memory.names}

    def kind(self, name: str) -> str:
        """What a variable of the session holds, in a word or two."""
        if name in self.memory.functions:
            return "function"
        value = self.memory.values.get(name)
        if isinstance(value, RemoteCapability):
            return value.type
        return (
            type(value).__name__
            if not isinstance(value, bool | int | float | str | list | dict)
            else _KINDS[type(value)]
        )

    def methods(self, variable: str) -> Mapping[str, Mapping[str, Any]]:
        """The methods of the capability that a variable holds, by name; none for any other."""
        value = self.memory.values.get(variable)
        return self.methods_of(value.type) if isinstance(value, RemoteCapability) else {}

    def methods_of(self, type: str) -> Mapping[str, Mapping[str, Any]]:
        """The methods of a capability type that one holds, by name."""
        return {
            str(method["name"]): method for each in self.types if each["type"] == type for method in each["methods"]
        }

    def options(self, head: str) -> list[Mapping[str, Any]]:
        """The options of the method ``variable.method``."""
        variable, _, name = head.partition(".")
        method = self.methods(variable).get(name, {})
        return [option for parameter in method.get("parameters", ()) for option in parameter.get("fields", ())]

    def help(self, name: str) -> str:
        """Help on an op, a function or variable of the session, a type, or a method of what a variable holds."""
        known = self.memory.help(name)
        if known is not None:
            return known
        if name in self.memory.values:
            return f"{name} is a variable of this session: {self.kind(name)}" + method_lines(
                self.methods(name).values()
            )
        owner, _, last = name.rpartition(".")
        method = self.methods(owner).get(last) or self.methods_of(owner).get(last)
        if method is not None:
            return method_page(owner, method)
        for each in self.types:
            if each["type"] == name:
                return type_page(each)
        entry = catalogue.find(name, self.entries)
        if entry is not None:
            return catalogue.page(entry)
        close = catalogue.near(name, self.entries)
        return f"There is no {name}." + (f" Did you mean {', '.join(close)}?" if close else "")


_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
}
