"""Loops that reckon, made at random: what a compiler that infers types and ranges of numbers must get right.

Few variables change in the turns of loops: numbers that grow past 2^53 or become fractions, lists whose items change
their type, a variable that becomes a text half-way, functions called with numbers here and lists there.
"""

import random
from dataclasses import dataclass

from mintaka.lang.tree import Data

NUMBERS: list[Data] = [0, 1, 2, 3, -1, 7, 10, 0.5, -0.0, 2**26, 94906267, 2**52, 2**53 - 1, 2**53, -(2**53), 1e300]
OPERATORS = ("+", "+", "-", "*", "*", "/", "%", "^")
RELATIONS = ("<", ">", "<=", ">=", "==", "!=")


def var(name: str) -> Data:
    """The value of a variable."""
    return ["std.var", name]


@dataclass
class Reckoning:
    """Makes one loop after another from ``rng``; variables are called ``{prefix}a`` and so on."""

    rng: random.Random
    prefix: str = ""
    turning: tuple[str, ...] = ()
    """Variables of the loops around."""

    def program(self) -> list[Data]:
        """Statements that bind, reckon, and end with what came out."""
        a, b, items, function = (var(self.own(name)) for name in ("a", "b", "items", "f"))
        parts: list[Data] = [["std.let", self.own(name), self.number()] for name in ("a", "b")]
        start: Data = ["list.new", *[self.number() for _ in range(self.rng.randrange(4))]]
        parts.append(["std.let", self.own("items"), start])
        body: Data = self.operation(var("p"), var("q"))
        if self.chance(30):
            body = ["std.if", self.relation(var("p"), a), body, ["std.set", self.own("b"), body]]
        parts.append(["std.define", self.own("f"), ["p", "q"], body])
        for _ in range(self.rng.randint(1, 3)):
            loop: Data = self.loop(2)
            if self.chance(60):
                loop = ["std.try", loop, "e", ["list.push", items, var("e")]]
            parts.append(loop)
        return [*parts, ["list.new", a, b, items, ["std.typeof", function]]]

    def own(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def number(self) -> Data:
        return self.rng.choice(NUMBERS)

    def atom(self) -> Data:
        """A number, most likely."""
        names = [self.own("a"), self.own("b"), *self.turning]
        return var(self.rng.choice(names)) if self.chance(70) else self.number()

    def operation(self, left: Data, right: Data) -> Data:
        made: Data = [self.rng.choice(OPERATORS), left, right]
        return [self.rng.choice(OPERATORS), made, self.atom()] if self.chance(25) else made

    def relation(self, left: Data, right: Data) -> Data:
        made: Data = [self.rng.choice(RELATIONS), left, right]
        return made if self.chance(80) else [self.rng.choice(("and", "or")), made, self.relation(right, self.atom())]

    def index(self) -> Data:
        items: Data = var(self.own("items"))
        choices: list[Data] = [0, 1, self.atom(), ["%", self.atom(), 3], ["-", ["list.len", items], 1]]
        return self.rng.choice(choices)

    def loop(self, depth: int) -> Data:
        """A loop of one kind or the other."""
        turning = self.own(f"i{len(self.turning)}")
        outer, self.turning = self.turning, (*self.turning, turning)
        steps = [self.step(depth - 1) for _ in range(self.rng.randint(1, 4))]
        kind, most = self.rng.randrange(4), self.rng.choice([1, 3, 8, 60])
        if kind == 0:
            count: Data = ["std.set", turning, [self.rng.choice(("+", "-")), var(turning), 1]]
            bound: Data = most if self.chance(50) else ["list.len", var(self.own("items"))]
            check: Data = ["and", ["<", var(turning), bound], [">", var(turning), -9]]
            made: Data = ["std.seq", ["std.let", turning, 0], ["std.while", check, ["std.seq", count, *steps]]]
        elif kind == 1:
            made = ["std.for", turning, var(self.own("items")), ["std.seq", *steps, self.cut()]]
        else:
            made = ["std.for", turning, ["list.range", self.rng.randrange(3), most], ["std.seq", *steps]]
        self.turning = outer
        return made

    def cut(self) -> Data:
        """Keeps a loop over a list that it makes longer from going on."""
        return ["std.if", [">", ["list.len", var(self.own("items"))], 40], ["std.break"]]

    def step(self, depth: int) -> Data:
        """A statement of a loop's body."""
        name = self.own(self.rng.choice("ab"))
        variable: Data = var(name)
        items: Data = var(self.own("items"))
        choice = self.rng.randrange(20)
        if choice < 7:
            return ["std.set", name, self.operation(variable if self.chance(60) else self.atom(), self.atom())]
        if choice == 7:
            return ["list.push", items, self.atom()]
        if choice == 8:
            return ["list.set", items, self.index(), self.atom()]
        if choice == 9:
            return ["std.set", name, ["list.get", items, self.index()]]
        if choice < 13:
            then = self.step(depth)
            return [
                "std.if",
                self.relation(variable, self.atom()),
                then,
                *([self.step(depth)] if self.chance(40) else []),
            ]
        if choice == 13:
            mapped: Data = ["list.map", items, ["std.lambda", ["x"], self.operation(var("x"), self.atom())]]
            return ["std.set", self.own("items"), mapped]
        if choice == 14:
            kept: Data = ["list.filter", items, ["std.lambda", ["x"], self.relation(var("x"), self.atom())]]
            return ["std.set", self.own("items"), kept]
        if choice == 15:
            step: Data = ["std.lambda", ["s", "x"], self.operation(var("s"), var("x"))]
            return ["std.set", name, ["list.reduce", items, step, self.atom()]]
        if choice == 16:
            compare: Data = ["std.lambda", ["x", "y"], self.operation(var("x"), var("y"))]
            return ["std.set", self.own("items"), ["list.sort", items, compare]]
        if choice == 17:
            given = self.rng.choice([self.atom(), self.atom(), items, "text"])
            return ["std.set", name, ["std.apply", var(self.own("f")), self.atom(), given]]
        if choice == 18:
            others: list[Data] = [
                ["std.set", name, ["str.concat", variable, "x"]],
                ["std.set", name, ["list.len", items]],
                ["std.set", name, ["str.len", ["std.string", variable]]],
                [
                    "std.if",
                    self.relation(self.atom(), self.atom()),
                    [f"std.{self.rng.choice(('break', 'continue'))}"],
                ],
                ["list.push", items, "text"],
                ["list.pop", items],
            ]
            return self.rng.choice(others)
        return self.loop(depth) if depth > 0 else ["std.set", name, self.atom()]
