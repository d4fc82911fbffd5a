"""What a session at the prompt remembers: each input is a script of its own, and sees what earlier ones bound."""

from collections.abc import Mapping

from mintaka.lang.definitions import docstring
from mintaka.lang.diagnostics import SyntaxFault
from mintaka.lang.parser import parse
from mintaka.lang.tree import Call, Literal, Node

FUNCTION = {"$function": True}
"""What a function looks like from outside."""


class Memory:
    """Values of ``let`` are kept and handed to the next input as arguments; functions are kept as their source."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._functions: dict[str, str] = {}
        self.inputs: list[str] = []
        """What was put in and gave a value, in order."""

    @property
    def values(self) -> Mapping[str, object]:
        """The variables that hold values, by name."""
        return self._values

    @property
    def functions(self) -> Mapping[str, str]:
        """The source of each function, by name."""
        return self._functions

    @property
    def names(self) -> list[str]:
        """Everything that is bound, in alphabetical order."""
        return sorted({*self._values, *self._functions})

    def before(self) -> tuple[str, list[object]]:
        """The lines that go before the next input, and the arguments they name."""
        lines = [f"(std.let {_name(name)} (std.arg {index}))" for index, name in enumerate(self._values)]
        return "".join(f"{line}\n" for line in [*lines, *self._functions.values()]), list(self._values.values())

    def tree(self, source: str) -> Node:
        """The tree of an input that sees what is bound, without what goes before it. Raises `SyntaxFault`."""
        before, _ = self.before()
        tree = parse(before + source)
        count = len(self._values) + len(self._functions)
        if not count or not isinstance(tree, Call):
            return tree
        own = tree.args[count:]
        return own[0] if len(own) == 1 else Call("std.seq", own, tree.span, tree.head)

    def learn(self, source: str, value: object) -> None:
        """Remember an input that gave ``value``, and what it bound; only an input that is one binding binds."""
        self.inputs.append(source.strip())
        tree = _read(source)
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

    def help(self, name: str) -> str | None:
        """How a function of the session is called, and its docstring; ``None`` if there is none of that name."""
        tree = _read(self._functions.get(name, ""))
        function = tree.args[1] if isinstance(tree, Call) and tree.op == "std.let" and len(tree.args) == 2 else tree
        if not isinstance(function, Call) or len(function.args) < 2:
            return None
        parameters, body = function.args[-2:]
        names = parameters.value if isinstance(parameters, Literal) and isinstance(parameters.value, list) else []
        call = f"({' '.join([name, *map(str, names)])})"
        return "\n\n".join([call, docstring(body) or "A function of this session, without a docstring."])


def forms(source: str) -> list[str]:
    """The forms of an input, each as it is written; a text that is no script is one that cannot be read."""
    tree = _read(source)
    if not (isinstance(tree, Call) and tree.op == "std.seq" and tree.span == tree.head and len(tree.args) > 1):
        return [source]
    return [form.span.cut(source) for form in tree.args]


def _read(source: str) -> Node | None:
    try:
        return parse(source)
    except SyntaxFault:
        return None


def _name(name: str) -> str:
    """A name as it is written where a form wants one; as a text it may have any letters."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
