"""What is known at one point of a walk: the environment, what conditions tell, how paths and turns of loops meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.lang.scopes import FunctionScope, Resolved, Variable
from mintaka.runtime.calls import Calls
from mintaka.runtime.lattice import (
    BOOLEANS,
    FLOAT,
    INT,
    NOTHING,
    NULLS,
    NUMBER,
    Box,
    Lattice,
    Type,
    widened,
)
from mintaka.runtime.op_types import arithmetic, clamped
from mintaka.runtime.operators import OPPOSITE, ORDER
from mintaka.runtime.ops import OpTable
from mintaka.runtime.trips import Moves, additions

Environment: TypeAlias = "dict[Variable, Type] | None"
"""The types of the variables of a function at one point; ``None`` where no run can be."""


ASSIGNING = frozenset({"std.let", "std.set", "std.for", "std.define", "std.params", "std.try"})
"""Forms that give variables values."""


@dataclass(slots=True)
class Leaving:
    """How control left a turn of a loop other than at its end."""

    broken: Environment = None
    continued: Environment = None


class Conditions(Lattice):
    """The state of a walk. Its subclass `mintaka.runtime.inference.Inference` says what each form does to it."""

    def __init__(self, calls: Calls, ops: OpTable) -> None:
        super().__init__()
        self._calls = calls
        self._ops = ops
        self.facts: dict[Resolved, Type] = {}
        """The type of every expression that the last pass came to."""
        self.spans: dict[Resolved, Type] = {}
        """Of arithmetic: the results of its steps before what is beyond ±2^53 becomes a double."""
        self._ever: dict[Variable, Type] = {}
        """The join of all values a variable ever gets."""
        self._moves: dict[Variable, Moves] = {}
        self._boxes: dict[object, Box] = {}
        self._heads: dict[Resolved, dict[Variable, Type]] = {}
        """Environments at the heads of loops, from pass to pass."""
        self._assigning: dict[Resolved, bool] = {}
        self._env: Environment = {}
        self._function: FunctionScope = calls.functions[0][0]
        self._leaving: list[Leaving] = []

    def _visit(self, resolved: Resolved) -> Type:
        raise NotImplementedError

    def _open(self, resolved: Resolved) -> None:
        """Enter the scope that opens with ``resolved``: what may be read before it is bound is null."""
        for variable in resolved.declares:
            if variable.early:
                self._bind(variable, NULLS, (variable, "early"))

    # Variables

    def _read(self, variable: Variable) -> Type:
        if self._env is not None and variable in self._env and self._private(variable):
            return self._env[variable]
        found = self._ever.get(variable, NOTHING)
        return self.join(found, NULLS) if variable.early else found

    def _private(self, variable: Variable) -> bool:
        """Whether only the function at hand can give the variable a value."""
        return variable.owner is self._function and not variable.set_inside

    def _bind(self, variable: Variable, value: Type, place: object) -> None:
        """A variable gets a value that is no sum of its own."""
        self._assign(variable, value, place, None)

    def _assign(self, variable: Variable, value: Type, place: object, source: Resolved | None) -> Type:
        """A variable gets the value of ``source``; gives what is known of it then."""
        assert self._env is not None
        if not self._private(variable):
            self._ever[variable] = self.grown(self._ever.get(variable, NOTHING), value)
            return value
        if value.kinds & INT:
            value = self._bounded(variable, value, place, source)
        self._env[variable] = value
        known = self._ever.get(variable, NOTHING)
        if variable.captured:
            self._ever[variable] = self.grown(known, value)
        elif not known.same(value):  # needed by handlers, which look at it behind all assignments of the same pass
            new = self.join(known, value)
            self.grew = self.grew or new.kinds != known.kinds
            self._ever[variable] = new
        return value

    def _bounded(self, variable: Variable, value: Type, place: object, source: Resolved | None) -> Type:
        moves = self._moves.setdefault(variable, Moves())
        added = additions(source, variable) if source is not None else None
        if added is None:
            news = moves.start(place, value)
        else:
            down = up = 0
            for sign, term in added:
                step = self.facts.get(term, NOTHING)
                if step.kinds & INT:
                    ends = (sign * step.low, sign * step.high)
                    down, up = down + max(0, -min(ends)), up + max(0, *ends)
            news = moves.step(place, down, up)
        self.grew = self.grew or news
        return value.between(*moves.bounds)

    def _narrow(self, resolved: Resolved, kinds: int) -> None:
        """Code behind this point runs only if the value of ``resolved`` is of these kinds."""
        variable = resolved.variable
        if resolved.op == "std.var" and variable is not None and self._env is not None and variable in self._env:
            known = self._env[variable]
            if known.kinds & ~kinds and self._private(variable):
                self._env[variable] = known.narrowed(kinds)

    def _expect(self, arg: Resolved, kinds: int, found: Type) -> Type:
        """An op takes only these kinds as its argument."""
        if not found.kinds & ~kinds:
            return found
        self._narrow(arg, kinds)
        return found.narrowed(kinds)

    def _made(self, place: object) -> Box:
        """The box of what is made at a place."""
        box = self._boxes.get(place)
        if box is None:
            box = self._boxes[place] = Box()
        return box

    # Paths

    def _meet(self, one: Environment, other: Environment) -> Environment:
        """What is known where two paths come together: of the variables that both have."""
        if one is None:
            return other
        if other is None or one is other:
            return one
        met = {}
        for variable, known in one.items():
            also = other.get(variable)
            if also is not None:
                met[variable] = known if also is known else self.join(known, also)
        return met

    def _enter_loop(self, loop: Resolved) -> None:
        """Begin a turn with what is known at the head of ``loop``: on the way in, and from turns seen so far."""
        assert self._env is not None
        head = self._heads.get(loop)
        self._heads[loop] = self._grow(head, self._env) if head is not None else dict(self._env)
        self._env = dict(self._heads[loop])
        self._leaving.append(Leaving())

    def _leave_loop(self, loop: Resolved, over: Environment) -> None:
        """End a turn; go on behind the loop with ``over``, known where it ends by itself, or after a ``break``."""
        left = self._leaving.pop()
        turned = self._meet(self._env, left.continued)
        if turned is not None:
            self._heads[loop] = self._grow(self._heads[loop], turned)
        self._env = self._meet(over, left.broken)

    def _head(self, loop: Resolved) -> Environment:
        """What is known at the head of a loop."""
        return dict(self._heads[loop])

    def _grow(self, head: dict[Variable, Type], more: dict[Variable, Type]) -> dict[Variable, Type]:
        """A loop's head with more; its ranges are widened, though not beyond what additions can reach."""
        grown = {}
        for variable, known in head.items():
            also = more.get(variable)
            if also is None:
                continue
            new = self.join(known, also)
            if not new.same(known):
                self.grew = True
                new = widened(known, new)
                moves = self._moves.get(variable)
                if moves is not None and new.kinds & INT and self._private(variable):
                    new = new.between(*moves.bounds)
            grown[variable] = new
        return grown

    # Conditions

    def _condition(self, resolved: Resolved) -> tuple[Environment, Environment]:
        """Evaluate a condition: what is known where it is true, and where it is not."""
        if self._env is None:
            return None, None
        if resolved.op in ("and", "or") and resolved.args:
            self._open(resolved)
            settled: Environment = None
            for arg in resolved.args:
                holds, fails = self._condition(arg)
                go_on, done = (holds, fails) if resolved.op == "and" else (fails, holds)
                settled, self._env = self._meet(settled, done), go_on
            self.facts[resolved] = BOOLEANS
            return (self._env, settled) if resolved.op == "and" else (settled, self._env)
        if resolved.op == "not" and self._ops.standard("not"):
            self._open(resolved)
            holds, fails = self._condition(resolved.args[0])
            self.facts[resolved] = BOOLEANS
            return fails, holds
        self._visit(resolved)
        if self._env is None:
            return None, None
        holds, fails = dict(self._env), dict(self._env)
        if resolved.op in OPPOSITE and len(resolved.args) == 2 and self._ops.standard(resolved.op):
            self._compare(resolved.op, resolved.args, holds)
            self._compare(OPPOSITE[resolved.op], resolved.args, fails)
        return holds, fails

    def _compare(self, operator: str, args: Sequence[Resolved], env: dict[Variable, Type]) -> None:
        """Narrow integers in ``env`` by a comparison that holds; what is compared with a double is left alone."""
        if not self._settled(args):
            return
        a, b = (self.facts.get(arg, NOTHING) for arg in args)
        if operator in ORDER:
            a, b = a.narrowed(NUMBER), b.narrowed(NUMBER)
        if not (a.only(INT) or b.only(INT)) or (a.kinds | b.kinds) & ~NUMBER:
            return
        strict = 1 if operator in "<>" else 0
        if operator in (">", ">="):
            args, a, b = (args[1], args[0]), b, a
        if operator in ORDER:
            if not b.kinds & FLOAT:
                self._limit(args[0], env, -MAX_INTEGER, b.high - strict)
            if not a.kinds & FLOAT:
                self._limit(args[1], env, a.low + strict, MAX_INTEGER)
        elif operator == "==":
            if not b.kinds & FLOAT:
                self._limit(args[0], env, b.low, b.high)
            if not a.kinds & FLOAT:
                self._limit(args[1], env, a.low, a.high)

    def _limit(self, arg: Resolved, env: dict[Variable, Type], low: int, high: int) -> None:
        variable = arg.variable
        if arg.op == "std.var" and variable is not None and variable in env and self._private(variable):
            env[variable] = env[variable].between(low, high)

    def _compared(self, resolved: Resolved) -> Type:
        types = [self._visit(arg) for arg in resolved.args]
        if self._env is not None and resolved.op in ORDER and self._settled(resolved.args):
            for arg, found in zip(resolved.args, types, strict=True):
                self._expect(arg, NUMBER, found)
        return BOOLEANS

    def _settled(self, args: Sequence[Resolved]) -> bool:
        """Whether variables among ``args`` still have the values that they gave: no argument assigns to any."""
        return not any(map(self._assigns, [arg for arg in args if arg.args]))

    def _assigns(self, resolved: Resolved) -> bool:
        """Whether code gives values to variables of its function."""
        known = self._assigning.get(resolved)
        if known is None:
            known = resolved.op in ASSIGNING or not self._settled(resolved.args)
            self._assigning[resolved] = known
        return known

    def _arithmetic(self, resolved: Resolved, types: Sequence[Type]) -> Type:
        """``+ - * / %``, step by step."""
        total, span = types[0], None
        for index, value in enumerate(types[1:]):
            square = index == 0 and self._same_variable(resolved.args[0], resolved.args[1])
            step = arithmetic(resolved.op, total, value, square=square)
            span = step if span is None else self.join(span, step)
            total = clamped(step)
        assert span is not None
        self.spans[resolved] = span
        return total

    def _same_variable(self, one: Resolved, other: Resolved) -> bool:
        """Whether both are one variable, whose value nothing between them can change."""
        return one.op == other.op == "std.var" and one.variable is not None and one.variable is other.variable
