"""What a session at the prompt remembers: each input is a script of its own, and sees what earlier ones bound."""

from mintaka.lang.diagnostics import SyntaxFault
from mintaka.lang.parser import parse
from mintaka.lang.tree import Call, Literal

FUNCTION = {"$function": True}
"""What a function looks like from outside."""


class Memory:
    """Values of ``let`` are kept and handed to the next input as arguments; functions are kept as their source."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._functions: dict[str, str] = {}

    def before(self) -> tuple[str, list[object]]:
        """The lines that go before the next input, and the arguments they name."""
        lines = [f"(std.let {_name(name)} (std.arg {index}))" for index, name in enumerate(self._values)]
        return "".join(f"{line}\n" for line in [*lines, *self._functions.values()]), list(self._values.values())

    def learn(self, source: str, value: object) -> None:
        """Remember what an input bound, now that it gave ``value``; only an input that is one binding binds."""
        try:
            tree = parse(source)
        except SyntaxFault:
            return
        if not isinstance(tree, Call) or not tree.args or not isinstance(tree.args[0], Literal):
            return
        name = tree.args[0].value
        if not isinstance(name, str):
            return
        if tree.op == "std.define" or (tree.op == "std.let" and value == FUNCTION):
            self._values.pop(name, None)
            self._functions[name] = source.strip()
        elif tree.op in ("std.let", "std.set"):
            self._functions.pop(name, None)
            self._values[name] = value


def _name(name: str) -> str:
    """A name as it is written where a form wants one; as a text it may have any letters."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
