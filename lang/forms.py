"""The special forms of the language: what is not an ordinary call, because its arguments are not simply evaluated.

Names, arity, help and the kinds of arguments stand here once; the readers, the checker, the compiler, ``get_opcodes``
and the documentation all look here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from mintaka.lang.signatures import Signature


class ArgKind(Enum):
    """What stands in an argument's place."""

    CODE = auto()
    """An expression."""
    NAME = auto()
    """The name of a variable: a literal string."""
    NAMES = auto()
    """A list of names: the parameters of a function."""
    DATA = auto()
    """Data as it stands."""
    PAIR = auto()
    """``[key value]``: a key and an expression."""
    PARAMETER = auto()
    """A declared parameter: ``(name type default help)``."""


@dataclass(frozen=True, slots=True)
class Form:
    """A special form: ``kinds`` of its arguments (the last one repeats), of which ``minimum`` are required."""

    name: str
    help: str
    kinds: tuple[ArgKind, ...] = ()
    minimum: int = 0
    variadic: bool = False
    words: tuple[str, ...] = ()
    """Names of the arguments, for people."""

    def kind(self, index: int) -> ArgKind:
        """What stands in place ``index``."""
        if not self.kinds:
            return ArgKind.CODE
        return self.kinds[min(index, len(self.kinds) - 1)]

    @property
    def signature(self) -> Signature:
        """The arity."""
        return Signature(self.name, self.minimum, None if self.variadic else len(self.kinds))

    def describe(self) -> dict[str, object]:
        """The form as an element of ``get_opcodes``."""
        slots = [
            {"name": word, "type": "string" if self.kind(index) is ArgKind.NAME else "block"}
            for index, word in enumerate(self.words)
        ]
        return {
            "opcode": self.name,
            "label": self.name.rpartition(".")[2].replace("_", " "),
            "category": "Logic" if "." not in self.name else "Core",
            "description": self.help,
            "layout": "control-flow",
            "lazy": True,
            "parameters": [
                {
                    "name": f"...{word}" if self.variadic and index == len(self.words) - 1 else word,
                    "type": _WORDS[self.kind(index)],
                    "description": "",
                    **({"optional": True} if index >= self.minimum else {}),
                }
                for index, word in enumerate(self.words)
            ],
            "slots": slots,
            "returnType": "any",
            "examples": [],
        }


_WORDS: Mapping[ArgKind, str] = {
    ArgKind.CODE: "any",
    ArgKind.NAME: "string",
    ArgKind.NAMES: "list",
    ArgKind.DATA: "any",
    ArgKind.PAIR: "list",
    ArgKind.PARAMETER: "list",
}

_CODE, _NAME, _NAMES, _DATA, _PAIR = ArgKind.CODE, ArgKind.NAME, ArgKind.NAMES, ArgKind.DATA, ArgKind.PAIR

FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("std.seq", "Evaluate in order; the value of the last.", (_CODE,), 0, True, ("steps",)),
        Form(
            "std.if", "One branch or the other; null without one.", (_CODE,) * 3, 2, words=("condition", "then", "else")
        ),
        Form(
            "std.while", "Repeat as long as the condition is true; null.", (_CODE,) * 2, 2, words=("condition", "body")
        ),
        Form(
            "std.for",
            "Do the body for every item of a list; null.",
            (_NAME, _CODE, _CODE),
            3,
            words=("name", "list", "body"),
        ),
        Form("std.break", "Leave the innermost loop."),
        Form("std.continue", "Go on with the next turn of the innermost loop."),
        Form("std.return", "Leave the function, or the script, with a value.", (_CODE,), 0, words=("value",)),
        Form("std.let", "Bind a new variable here; its value.", (_NAME, _CODE), 2, words=("name", "value")),
        Form("std.set", "Give a bound variable another value; that value.", (_NAME, _CODE), 2, words=("name", "value")),
        Form("std.var", "The value of a variable.", (_NAME,), 1, words=("name",)),
        Form("std.quote", "Data as it stands, copied afresh.", (_DATA,), 1, words=("data",)),
        Form(
            "std.lambda",
            "A function; it sees the variables around it.",
            (_NAMES, _CODE),
            2,
            words=("parameters", "body"),
        ),
        Form(
            "std.define",
            "Bind a function to a name that it sees itself; the function.",
            (_NAME, _NAMES, _CODE),
            3,
            words=("name", "parameters", "body"),
        ),
        Form("std.apply", "Call a function.", (_CODE,) * 2, 1, True, ("function", "args")),
        Form(
            "std.try",
            "The body's value, or that of the handler if it fails; the variable holds what was thrown or the message.",
            (_CODE, _NAME, _CODE),
            1,
            words=("body", "name", "handler"),
        ),
        Form("std.error", "In a handler: the error as {code message op line column hint data}."),
        Form(
            "std.with_timeout",
            "The body's value, if it comes within so many seconds; else an error that `std.try` can catch.",
            (_CODE, _CODE),
            2,
            words=("seconds", "body"),
        ),
        Form(
            "std.params",
            "Declare the script's parameters: each `(name type default help)`.",
            (ArgKind.PARAMETER,),
            0,
            True,
            ("parameters",),
        ),
        Form("obj.new", "An object of the pairs given.", (_PAIR,), 0, True, ("pairs",)),
        Form("par.all", "Evaluate all at the same time; the list of their values.", (_CODE,), 0, True, ("tasks",)),
        Form("and", "Whether all are true; stops at the first that is not.", (_CODE,), 0, True, ("conditions",)),
        Form("or", "Whether one is true; stops at the first that is.", (_CODE,), 0, True, ("conditions",)),
        Form("guard", "The first value that is not true, or the last.", (_CODE,), 0, True, ("values",)),
        Form("nullish", "The first value that is not null, or null.", (_CODE,), 0, True, ("values",)),
    )
}

SHORT_FORMS: Mapping[str, str] = {name.removeprefix("std."): name for name in FORMS if name.startswith("std.")}
"""Short names of forms in text: ``let`` is ``std.let``. At the head of a call they always mean the form."""

SHORT_OPS: Mapping[str, str] = {
    name: f"std.{name}"
    for name in (
        "arg", "args", "boolean", "call_method", "float", "int", "log", "number", "string", "throw",
        "typeof", "warn",
    )
}  # fmt: skip
"""Short names of ops in text: ``log`` is ``std.log``, unless the script has a variable of that name."""

NAMESPACES = frozenset({"std", "list", "obj", "str", "math", "json", "time", "par"})
"""First parts of dotted names that always mean an op: ``(list.map …)`` even where a variable is called ``list``."""
