"""Programs made at random by the grammar: they pass the checker, mostly do something, and end within a small budget.

Everything is drawn from a ``random.Random``, so a seed gives the same program again, and Hypothesis can be the source
(``st.randoms(use_true_random=False)``). What is made is the JSON form.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mintaka.lang.tree import Data
from tests.reference.reckoning import Reckoning

NUMBERS: list[Data] = [
    0, 1, 2, 3, -1, 5, 10, 64, 0.5, -2.5, 0.1, -0.0, 1e21, 1e-7, 1e308, 2**53, 2**53 - 1, -(2**53), 2**53 - 3, 94906267,
    3037000500, 9007199254740994.0, 4503599627370497.5,
]  # fmt: skip
TEXTS: list[Data] = ["", "a", "b", "red cat", "é", "🐈", "ß🐈é", "10", "0", " 2.50 ", "length", "__class__", "x" * 100]
KEYS = ["a", "b", "10", "2", "é", "__class__"]
WRONG: list[Data] = [None, True, "a", 1.5, {"a": 1}, ["list.new", 1], ["std.lambda", ["x"], ["std.var", "x"]]]
KINDS = ("number", "text", "truth", "list", "object")

ARITHMETIC = ("+", "-", "*", "/", "%", "^")
RELATIONS = ("<", ">", "<=", ">=")
NUMERIC = ("math.floor", "math.round", "math.abs", "math.sqrt", "math.trunc", "math.sign")


@dataclass(frozen=True)
class Known:
    """A variable that is visible."""

    name: str
    kind: str
    """One of `KINDS`, ``any``, ``host``, or ``function`` of so many arguments: ``function2``."""
    outside: bool = False
    """Bound outside the task of ``par.*`` at hand: not to be changed in it, or tasks would depend on their order."""


@dataclass(frozen=True)
class Place:
    """Where code stands."""

    known: tuple[Known, ...] = ()
    loop: bool = False
    handler: bool = False
    task: bool = False
    nesting: int = 3
    """Statements there may be within statements."""
    depth: int = 3
    """Expressions there may be within this one."""


@dataclass
class Programs:
    """Makes one program after another from ``rng``."""

    rng: random.Random
    left: int = 0
    """Nodes the program may still have, about."""
    names: int = 0
    rooms: dict[str, Callable[[Place], Data]] = field(init=False)

    def __post_init__(self) -> None:
        self.rooms = {
            "number": self.number,
            "text": self.text,
            "truth": self.truth,
            "list": self.list_,
            "object": self.object_,
            "any": lambda place: self.rooms[self.one(KINDS)](place),
        }

    def program(self) -> Data:
        """One whole program. Its argument 0 is a host object."""
        if self.chance(30):
            return ["std.seq", *Reckoning(self.rng).program()]
        self.left, self.names = self.rng.choice([20, 60, 120, 250]), 0
        host = Known("host", "host")
        steps, place = self.steps(Place((host,)), self.rng.randint(1, 7))
        seen: list[Data] = [
            ["std.var", known.name] for known in place.known if not known.kind.startswith(("function", "host"))
        ]
        return ["std.seq", ["std.let", "host", ["std.arg", 0]], *steps, ["list.new", *seen, self.any(place)]]

    # Choosing

    def one(self, items: tuple[str, ...]) -> str:
        return self.rng.choice(items)

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def inner(self, place: Place) -> tuple[Place, bool]:
        """The place of an expression's parts, and whether there is room for any."""
        self.left -= 1
        return replace(place, depth=place.depth - 1), self.left > 0 and place.depth > 0

    def name(self) -> str:
        """A name that is new, mostly."""
        if self.chance(25):
            return self.one(("x", "y"))
        self.names += 1
        return f"v{self.names}"

    def variable(self, place: Place, kind: str, *, change: bool = False) -> Data:
        """A variable of a kind, if there is one; ``change`` wants one that may be changed here."""
        fit = [
            known.name
            for known in place.known
            if (known.kind == kind or (kind == "any" and not known.kind.startswith(("function", "host"))))
            and not (known.outside and (change or kind.startswith("function")))
        ]
        # A later variable of the same name hides the one before.
        last = {known.name: known for known in place.known}
        fit = [name for name in fit if kind == "any" or last[name].kind == kind]
        return ["std.var", self.rng.choice(fit)] if fit else None

    # Statements

    def steps(self, place: Place, count: int) -> tuple[list[Data], Place]:
        """Statements, and the place behind them."""
        made = []
        for _ in range(count):
            more, known = self.step(place)
            made += more
            place = replace(place, known=(*place.known, *known))
        return made, place

    def step(self, place: Place) -> tuple[list[Data], tuple[Known, ...]]:
        """Statements that belong together, and what they bind."""
        self.left -= 1
        place = replace(place, nesting=place.nesting - 1, depth=3)
        if self.left <= 0 or place.nesting < 0:
            return [self.number(place)], ()
        choice = self.rng.randrange(22)
        if choice < 6:
            return self.binding(place)
        if not place.task:
            if choice < 9:
                return self.function(place)
            if choice == 9:
                return self.closures(place)
            if choice == 10:
                return self.forward(place)
            if choice == 11:
                name = self.name()
                return [["std.let", name, self.together(place)]], (Known(name, "list"),)
        if choice < 14:
            return [self.change(place)], ()
        if choice < 17:
            return [self.loop_(place)], ()
        if choice == 17:
            return [self.tell(place)], ()
        if choice == 18:
            return [self.attempt(place, "any")], ()
        if choice == 19:
            return [["std.if", self.truth(place), self.block(place), *([self.block(place)] * self.chance(50))]], ()
        return [self.leaving(place) if choice == 20 else self.any(place)], ()

    def binding(self, place: Place) -> tuple[list[Data], tuple[Known, ...]]:
        kind = self.one(KINDS)
        name = self.name()
        if kind == "list" and self.chance(20) and not place.task:  # another name for the same list
            value = self.variable(place, "list") or self.list_(place)
        else:
            value = self.rooms[kind](place)
        step: Data = ["std.let", name, value]
        if self.chance(8):
            step = [self.one(("and", "or", "nullish", "guard")), self.truth(place), step]
            kind = "any"
        return [step], (Known(name, kind),)

    def change(self, place: Place) -> Data:
        """Change a variable, a list or an object."""
        kind = self.one(KINDS)
        target = self.variable(place, kind, change=True)
        if isinstance(target, list) and kind in ("list", "object") and self.chance(75):
            return self.mutation(place, kind, target)
        if isinstance(target, list):
            return ["std.set", target[1], self.rooms[kind](place)]
        return self.any(place)

    def mutation(self, place: Place, kind: str, target: Data) -> Data:
        if kind == "object":
            if self.chance(20):
                return ["obj.del", target, self.key(place)]
            return ["obj.set", target, self.key(place), self.any(place)]
        op = self.rng.randrange(7)
        if op < 3:
            return ["list.push", target, self.any(place)]
        if op == 3:
            return [self.one(("list.pop", "list.shift")), target]
        if op == 4:
            return ["list.set", target, self.index(place), self.any(place)]
        if op == 5:
            return ["list.unshift", target, self.any(place)]
        return ["list.splice", target, self.index(place), self.rng.randrange(3), self.any(place)]

    def loop_(self, place: Place) -> Data:
        """A loop, mostly with an end."""
        inner = replace(place, loop=True)
        if self.chance(60):
            name = self.name()
            kind = self.one(("any", "number"))
            items: Data = ["list.range", self.rng.randrange(3), self.rng.randrange(9)]
            if kind == "any":
                items = self.list_(place)
            body = self.block(replace(inner, known=(*place.known, Known(name, kind))))
            return ["std.for", name, items, body]
        count = self.name()
        known = (*place.known, Known(count, "number", outside=True))
        body, _ = self.steps(replace(inner, known=known), self.rng.randint(1, 3))
        turn: Data = ["<", ["std.var", count], self.rng.choice([0, 1, 2, 3, 5, 20, 70])]
        if self.chance(10):
            turn = ["and", turn, self.truth(replace(inner, known=known))]
        step: Data = ["std.set", count, ["+", ["std.var", count], 1]]
        return ["std.seq", ["std.let", count, 0], ["std.while", turn, ["std.seq", step, *body]]]

    def tell(self, place: Place) -> Data:
        if self.chance(30):
            return ["std.warn", self.text(place)]
        return ["std.log", *[self.any(place) for _ in range(self.rng.randint(1, 3))]]

    def closures(self, place: Place) -> tuple[list[Data], tuple[Known, ...]]:
        """Functions that keep the variables of a loop's turns, called afterwards, twice each."""
        many, turn, own, result = self.name(), self.name(), self.name(), self.name()
        seen = replace(place, known=(*place.known, Known(turn, "number"), Known(own, "number")), loop=False)
        body: Data = ["std.set", own, ["+", ["std.var", own], self.number(seen)]]
        made: Data = ["list.push", ["std.var", many], ["std.lambda", [], body]]
        numbers: Data = ["list.range", 1, self.rng.randint(1, 4)]
        loop: Data = ["std.for", turn, numbers, ["std.seq", ["std.let", own, ["std.var", turn]], made]]
        called: Data = ["list.map", ["std.var", many], ["std.lambda", ["f"], ["std.apply", ["std.var", "f"]]]]
        step: Data = ["std.seq", ["std.let", many, ["list.new"]], loop, called, called]
        return [["std.let", result, step]], (Known(result, "list"),)

    def forward(self, place: Place) -> tuple[list[Data], tuple[Known, ...]]:
        """A function that uses a name that is bound around it, behind it, or both."""
        function, name, before, after = self.name(), self.name(), self.name(), self.name()
        hidden = self.variable(place, "any")
        if isinstance(hidden, list) and self.chance(40):
            name = str(hidden[1])
        use: Data = ["std.var", name] if self.chance(60) else ["std.set", name, ["list.new", ["std.var", name]]]
        call: Data = ["std.apply", ["std.var", function]]
        early: list[Data] = [["std.var", name]] if self.chance(40) else []
        steps: list[Data] = [
            ["std.let", function, ["std.lambda", [], use]],
            ["std.let", before, ["list.new", call, *early]],
            ["std.let", name, self.number(place)],
            ["std.let", after, ["list.new", ["std.var", before], call, ["std.var", name]]],
        ]
        if self.chance(50):
            return steps, (Known(function, "function0"), Known(name, "any"), Known(before, "any"), Known(after, "list"))
        result = self.name()
        return [["std.let", result, ["std.seq", *steps]]], (Known(result, "list"),)

    def function(self, place: Place) -> tuple[list[Data], tuple[Known, ...]]:
        """A function with a name, mostly called at once; some call themselves."""
        name, arity = self.name(), self.rng.randrange(3)
        parameters = [self.name() for _ in range(arity)]
        own = tuple(Known(parameter, "number") for parameter in parameters)
        inner = Place((*place.known, *own), task=place.task, nesting=place.nesting)
        body = self.block(inner, "number")
        if arity and self.chance(40):
            again: list[Data] = [["-", ["std.var", parameters[0]], 1], *[self.number(inner) for _ in parameters[1:]]]
            call: Data = ["std.apply", ["std.var", name], *again]
            if self.chance(50):
                call = ["+", call, self.number(inner)]
            limit = self.rng.choice([0, 1, -30, 30])
            body = ["std.if", [">", ["std.var", parameters[0]], limit], call, body]
        names: list[Data] = list(parameters)
        if self.chance(50):
            made: Data = ["std.define", name, names, body]
        else:
            made = ["std.let", name, ["std.lambda", names, body]]
        known = Known(name, f"function{arity}")
        if self.chance(30):
            return [made], (known,)
        result = self.name()
        called = self.call_of(replace(place, known=(*place.known, known)), name, arity)
        return [made, ["std.let", result, called]], (known, Known(result, "number"))

    def block(self, place: Place, kind: str = "any") -> Data:
        """Several statements and a value."""
        if self.left <= 0 or place.nesting <= 0 or self.chance(30):
            return self.rooms[kind](place)
        steps, place = self.steps(place, self.rng.randint(1, 3))
        return ["std.seq", *steps, self.rooms[kind](place)]

    def attempt(self, place: Place, kind: str) -> Data:
        """A ``try`` with or without a handler."""
        body: Data = self.block(place)
        if self.chance(60):
            fault = self.fault(place)
            body = ["std.seq", body, fault] if self.chance(50) else ["std.if", self.truth(place), fault, body]
        if self.chance(10):
            return ["std.try", body]
        name = self.name()
        inner = replace(place, known=(*place.known, Known(name, "any")), handler=True)
        handler = self.rooms[kind](inner)
        if self.chance(60):
            told: Data = ["json.stringify", ["std.error"]] if self.chance(50) else ["std.var", name]
            handler = ["list.new", told, handler] if kind == "any" else ["std.seq", ["std.log", told], handler]
        return ["std.try", body, name, handler]

    def fault(self, place: Place) -> Data:
        choice = self.rng.randrange(6)
        if choice == 0:
            return ["list.len", self.rng.choice(WRONG[:5])]
        if choice == 1:
            return ["obj.get", self.object_(place), "no such key"]
        if choice == 2:
            return ["std.call_method", ["std.var", "host"], self.one(("fail", "crash", "nothing"))]
        return ["std.throw", self.any(place)]

    def leaving(self, place: Place) -> Data:
        """Leave a loop or a function, from anywhere."""
        if place.loop and self.chance(70):
            return [self.one(("std.break", "std.continue"))]
        return ["std.return", self.any(place)] if self.chance(80) else ["std.return"]

    def together(self, place: Place) -> Data:
        """Tasks whose results do not depend on their order: each keeps to itself, and fails for itself."""
        known = tuple(replace(each, outside=True) for each in place.known)
        inner = Place(known, task=True, nesting=place.nesting - 1)

        def task(place: Place) -> Data:
            return ["std.try", self.block(place), "e", ["std.var", "e"]]

        if self.chance(50):
            return ["par.all", *[task(inner) for _ in range(self.rng.randint(0, 3))]]
        name = self.name()
        one = replace(inner, known=(*known, Known(name, "number")))
        return ["par.map", ["list.range", 1, self.rng.randint(1, 5)], ["std.lambda", [name], task(one)]]

    # Expressions

    def any(self, place: Place) -> Data:
        return self.rooms[self.one(KINDS)](place)

    def common(self, place: Place, kind: str) -> Data:
        """What stands anywhere: a branch, a call, a handler, a wrong value, an exit. Null for none of it."""
        choice = self.rng.randrange(100)
        if choice == 0:
            return self.rng.choice(WRONG)
        if choice < 4:
            return self.leaving(place)
        if choice < 8:
            made = self.rooms[kind]
            return ["std.if", self.truth(place), made(place), *([made(place)] if self.chance(90) else [])]
        if choice < 11:
            steps, inner = self.steps(place, 1)
            return ["std.seq", *steps, self.rooms[kind](inner)]
        if choice < 14:
            return self.attempt(place, kind)
        if choice < 22 and (kind == "number" or self.chance(20)):
            return self.call(place)
        if choice < 24:
            return ["std.call_method", ["std.var", "host"], *self.method(place, kind)]
        if choice == 24:
            seconds = self.rng.choice([60, 60, 60, "soon", -1, None])
            return ["std.with_timeout", seconds, self.block(place)]
        if choice == 25 and place.handler:
            return ["std.error"]
        if choice < 28:
            return ["std.let", self.name(), self.rooms[kind](place)]
        if choice == 28:
            return [self.one(("guard", "nullish", "and", "or")), *[self.any(place) for _ in range(3)]]
        return None

    def call(self, place: Place) -> Data:
        """A call of a function that is known, with too few or too many arguments at times."""
        arity = self.rng.randrange(3)
        function = self.variable(place, f"function{arity}")
        if function is None:
            if place.task:
                return None
            name = self.name()
            inner = Place((*place.known, Known(name, "number")), task=place.task, nesting=place.nesting - 1)
            return ["std.apply", ["std.lambda", [name], self.block(inner, "number")], self.number(place)]
        assert isinstance(function, list)
        return self.call_of(place, str(function[1]), arity)

    def call_of(self, place: Place, name: str, arity: int) -> Data:
        count = max(0, arity + self.rng.choice([0, 0, 0, 0, 0, 0, -1, 1]))
        args: list[Data] = [self.rng.choice([0, 1, 3, 6, 39, 50]), *[self.number(place) for _ in range(2)]]
        return ["std.apply", ["std.var", name], *args[:count]]

    def method(self, place: Place, kind: str) -> list[Data]:
        """The name and the arguments of a call of the host, mostly one that gives what is wanted."""
        name = {"number": "add", "list": "echo", "object": "count"}.get(kind, "echo")
        if self.chance(25):
            name = self.one(("echo", "add", "count", "fail"))
        made = self.number if name == "add" else self.any
        return [name, *[made(place) for _ in range(self.rng.randrange(3))]]

    def number(self, place: Place) -> Data:
        place, room = self.inner(place)
        if not room or self.chance(30):
            return (self.chance(50) and self.variable(place, "number")) or self.rng.choice(NUMBERS)
        if (made := self.common(place, "number")) is not None:
            return made
        choice = self.rng.randrange(12)
        if choice < 5:
            op = self.one(ARITHMETIC[: 6 if self.chance(20) else 3])
            more = op != "%" and self.chance(10)
            return [op, *[self.number(place) for _ in range(2 + more)]]
        if choice == 5:
            return [self.one(NUMERIC), self.number(place)]
        if choice == 6:
            return ["list.len", self.list_(place)]
        if choice == 7:
            return ["str.len", self.text(place)]
        if choice == 8:
            return ["list.reduce", self.list_(place), self.callback(place, 2, "number"), self.number(place)]
        if choice == 9:
            return ["std.number", self.any(place)]
        target = self.variable(place, "number", change=True)
        if choice == 10 and isinstance(target, list):
            return ["std.set", target[1], self.number(place)]
        got: Data = ["list.get", self.list_(place), self.index(place)]
        return got if self.chance(20) else ["std.number", got]

    def text(self, place: Place) -> Data:
        place, room = self.inner(place)
        if not room or self.chance(40):
            return (self.chance(50) and self.variable(place, "text")) or self.rng.choice(TEXTS)
        if (made := self.common(place, "text")) is not None:
            return made
        choice = self.rng.randrange(7)
        if choice < 3:
            return ["str.concat", *[self.any(place) for _ in range(self.rng.randint(1, 3))]]
        if choice == 3:
            return [self.one(("str.upper", "str.trim", "std.typeof", "std.string")), self.text(place)]
        if choice == 4:
            return ["str.replace", self.text(place), self.text(place), self.text(place)]
        if choice == 5:
            return ["str.slice", self.text(place), self.index(place), self.index(place)]
        return ["str.join", self.list_(place), self.text(place)]

    def truth(self, place: Place) -> Data:
        place, room = self.inner(place)
        if not room or self.chance(20):
            return (self.chance(50) and self.variable(place, "truth")) or self.chance(50)
        if (made := self.common(place, "truth")) is not None:
            return made
        choice = self.rng.randrange(7)
        if choice < 3:
            return [self.one(RELATIONS), *[self.number(place) for _ in range(2 + self.chance(10))]]
        if choice == 3:
            return [self.one(("==", "!=")), self.any(place), self.any(place)]
        if choice == 4:
            return ["not", self.any(place)]
        if choice == 5:
            return [self.one(("and", "or")), *[self.truth(place) for _ in range(self.rng.randrange(4))]]
        return [self.one(("list.includes", "obj.has")), self.list_(place), self.index(place)]

    def list_(self, place: Place) -> Data:
        place, room = self.inner(place)
        if not room or self.chance(30):
            return self.variable(place, "list") or ["list.new", *self.rng.choices(NUMBERS, k=2)]
        if (made := self.common(place, "list")) is not None:
            return made
        choice = self.rng.randrange(12)
        if choice < 3:
            return ["list.new", *[self.any(place) for _ in range(self.rng.randrange(5))]]
        if choice < 5:
            return ["list.range", self.rng.randrange(4), self.rng.randrange(11)]
        if choice < 8:
            op = self.one(("list.map", "list.filter", "list.find", "list.flatMap"))
            return [op, self.list_(place), self.callback(place, 1, "any")]
        if choice == 8:
            compare = self.callback(place, 2, "number")
            return ["list.sort", self.list_(place), *([compare] if self.chance(70) else [])]
        if choice == 9:
            return ["std.quote", [1, "a", [None, {"k": [2]}]]]
        if choice == 10:
            op = self.one(("list.reverse", "list.slice", "list.concat"))
            return [op, self.list_(place), *([self.index(place)] * (op == "list.slice"))]
        return [self.one(("obj.keys", "obj.values", "obj.entries")), self.object_(place)]

    def object_(self, place: Place) -> Data:
        place, room = self.inner(place)
        if not room or self.chance(30):
            return self.variable(place, "object") or {"a": 1, "b": [1, {"c": None}]}
        if (made := self.common(place, "object")) is not None:
            return made
        choice = self.rng.randrange(5)
        if choice < 3:
            return ["obj.new", *[[self.rng.choice(KEYS), self.any(place)] for _ in range(self.rng.randrange(4))]]
        if choice == 3:
            op = self.one(("obj.map", "obj.filter"))
            return [op, self.object_(place), self.callback(place, 2, "number")]
        return ["obj.merge", self.object_(place), self.object_(place)]

    def callback(self, place: Place, arity: int, kind: str) -> Data:
        """A function to be handed to an op."""
        known = self.variable(place, f"function{arity}") if self.chance(15) else None
        if known is not None:
            return known
        parameters = [self.name() for _ in range(arity)]
        own = tuple(Known(parameter, self.one(("number", "any"))) for parameter in parameters)
        inner = Place(
            (*place.known, *own), task=place.task, handler=place.handler, nesting=place.nesting - 1, depth=place.depth
        )
        body = self.rooms[kind](inner) if self.chance(70) else self.block(inner, kind)
        names: list[Data] = list(parameters)
        return ["std.lambda", names, body]

    def index(self, place: Place) -> Data:
        return self.number(place) if self.chance(20) else self.rng.choice([0, 1, 2, 5, -1, 1.5])

    def key(self, place: Place) -> Data:
        return self.any(place) if self.chance(20) else self.rng.choice(KEYS)
