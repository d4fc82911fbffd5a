"""The special forms of the language: what is not an ordinary call, because its arguments are not simply evaluated.

Names, arity, help and the kinds of arguments stand here once; the readers, the checker, the compiler, ``get_opcodes``
and the documentation all look here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from mintaka.lang.documentation import CATEGORIES, Example
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
    examples: tuple[Example, ...] = ()

    def kind(self, index: int) -> ArgKind:
        """What stands in place ``index``."""
        if not self.kinds:
            return ArgKind.CODE
        return self.kinds[min(index, len(self.kinds) - 1)]

    def takes(self, count: int) -> bool:
        """Whether it takes so many arguments."""
        return self.minimum <= count and (self.variadic or count <= len(self.kinds))

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
            "category": CATEGORIES.get(self.name.partition(".")[0], "Logic"),
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
            "examples": [example.to_json() for example in self.examples],
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


def _gives(source: str, result: str) -> tuple[Example, ...]:
    return (Example(source, result),)


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form(
            "std.seq",
            "Evaluate in order; the value of the last.",
            (_CODE,),
            0,
            True,
            ("steps",),
            _gives("(seq (let x 1) (+ x 1))", "2"),
        ),
        Form(
            "std.if",
            "One branch or the other; null without one.",
            (_CODE,) * 3,
            2,
            words=("condition", "then", "else"),
            examples=_gives('(if (> 2 1) "more" "less")', '"more"'),
        ),
        Form(
            "std.while",
            "Repeat as long as the condition is true; null.",
            (_CODE,) * 2,
            2,
            words=("condition", "body"),
            examples=_gives("(let n 1) (while (< n 100) (set n (* n 2))) n", "128"),
        ),
        Form(
            "std.for",
            "Do the body for every item of a list; null.",
            (_NAME, _CODE, _CODE),
            3,
            words=("name", "list", "body"),
            examples=_gives("(let sum 0) (for n [1 2 3] (set sum (+ sum n))) sum", "6"),
        ),
        Form(
            "std.break",
            "Leave the innermost loop.",
            examples=_gives("(let found null) (for n [3 8 5] (if (> n 4) (seq (set found n) (break)))) found", "8"),
        ),
        Form(
            "std.continue",
            "Go on with the next turn of the innermost loop.",
            examples=_gives("(let sum 0) (for n [1 2 3] (seq (if (== n 2) (continue)) (set sum (+ sum n)))) sum", "4"),
        ),
        Form(
            "std.return",
            "Leave the function, or the script, with a value.",
            (_CODE,),
            0,
            words=("value",),
            examples=_gives('(define sign [n] (seq (if (< n 0) (return "minus")) "plus")) (sign -3)', '"minus"'),
        ),
        Form(
            "std.let",
            "Bind a new variable here; its value.",
            (_NAME, _CODE),
            2,
            words=("name", "value"),
            examples=_gives("(let x 3) (* x x)", "9"),
        ),
        Form(
            "std.set",
            "Give a bound variable another value; that value.",
            (_NAME, _CODE),
            2,
            words=("name", "value"),
            examples=_gives("(let x 3) (set x (+ x 1)) x", "4"),
        ),
        Form(
            "std.var",
            "The value of a variable.",
            (_NAME,),
            1,
            words=("name",),
            examples=_gives('(let "two words" 3) (var "two words")', "3"),
        ),
        Form(
            "std.quote",
            "Data as it stands, copied afresh.",
            (_DATA,),
            1,
            words=("data",),
            examples=_gives("(quote (a [b 1]))", '["a" ["b" 1]]'),
        ),
        Form(
            "std.lambda",
            "A function; it sees the variables around it.",
            (_NAMES, _CODE),
            2,
            words=("parameters", "body"),
            examples=_gives("(let n 10) (list.map [1 2] (lambda [x] (+ x n)))", "[11 12]"),
        ),
        Form(
            "std.define",
            "Bind a function to a name that it sees itself; the function. A text that begins its body is its help.",
            (_NAME, _NAMES, _CODE),
            3,
            words=("name", "parameters", "body"),
            examples=_gives("(define fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib 10)", "55"),
        ),
        Form(
            "std.apply",
            "Call a function.",
            (_CODE,) * 2,
            1,
            True,
            ("function", "args"),
            _gives("(apply (lambda [a b] (- a b)) 5 3)", "2"),
        ),
        Form(
            "std.try",
            "The body's value, or that of the handler if it fails; the variable holds what was thrown or the message.",
            (_CODE, _NAME, _CODE),
            1,
            words=("body", "name", "handler"),
            examples=_gives('(try (throw "no cat") reason (str.concat "failed: " reason))', '"failed: no cat"'),
        ),
        Form(
            "std.error",
            "In a handler: the error as {code message op line column hint data}.",
            examples=_gives('(try (throw "no cat") reason (obj.get (error) "code"))', '"thrown"'),
        ),
        Form(
            "std.with_timeout",
            "The body's value, if it comes within so many seconds; else an error that `std.try` can catch.",
            (_CODE, _CODE),
            2,
            words=("seconds", "body"),
            examples=_gives("(with-timeout 60 (+ 1 1))", "2"),
        ),
        Form(
            "std.params",
            "Declare the script's parameters: each `(name type default help)`.",
            (ArgKind.PARAMETER,),
            0,
            True,
            ("parameters",),
            _gives('(params (steps (int 1 50) 20 "Denoising steps")) (* 2 steps)', "40"),
        ),
        Form(
            "obj.new",
            "An object of the pairs given: `{:width 128}` for short.",
            (_PAIR,),
            0,
            True,
            ("pairs",),
            _gives('(obj.new ["width" 128] ["seed" (+ 3 4)])', "{:width 128 :seed 7}"),
        ),
        Form(
            "par.all",
            "Evaluate all at the same time; the list of their values.",
            (_CODE,),
            0,
            True,
            ("tasks",),
            _gives('(par.all (+ 1 1) (str.upper "so"))', '[2 "SO"]'),
        ),
        Form(
            "and",
            "Whether all are true; stops at the first that is not.",
            (_CODE,),
            0,
            True,
            ("conditions",),
            _gives("(and (> 2 1) 0 (throw 1))", "false"),
        ),
        Form(
            "or",
            "Whether one is true; stops at the first that is.",
            (_CODE,),
            0,
            True,
            ("conditions",),
            _gives("(or (> 1 2) 7 (throw 1))", "true"),
        ),
        Form(
            "guard",
            "The first value that is not true, or the last.",
            (_CODE,),
            0,
            True,
            ("values",),
            _gives('(guard 1 "" (throw 1))', '""'),
        ),
        Form(
            "nullish",
            "The first value that is not null, or null.",
            (_CODE,),
            0,
            True,
            ("values",),
            _gives("(nullish null 0 1)", "0"),
        ),
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
