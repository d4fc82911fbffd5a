"""What a program does, told in terms that two ways to run it can be compared by."""

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import FunctionType
from typing import TYPE_CHECKING

from mintaka import stdlib
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.tree import Call, Node, walk
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import HostFault, ScriptError, Stopped, Thrown
from mintaka.runtime.execute import execute
from mintaka.runtime.meter import SLICE
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import HostObject, Value
from tests.reference.evaluator import Evaluator

if TYPE_CHECKING:
    from mintaka.runtime.run import Run

OPS = OpTable.of(*stdlib.modules)
BUDGET = Budget(fuel=20_000, depth=40, calls=30, deadline_s=30)


class Bench(HostObject):
    """A host object whose calls are kept, in order, with what they were given."""

    type_name = "bench"

    def __init__(self) -> None:
        self.effects: list[object] = []

    def fields(self) -> Mapping[str, Value]:
        return {"colour": "green"}

    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        self.effects.append((method, picture(args)))
        await asyncio.sleep(0)
        match method:
            case "echo":
                return list(args)
            case "add":
                if not all(isinstance(arg, int | float) and not isinstance(arg, bool) for arg in args):
                    raise HostFault("Only numbers can be added.", kind="invalid_params", data={"given": len(args)})
                return len(args)
            case "count":
                return {"method": method, "of": len(args)}
            case "crash":
                raise RuntimeError("a secret of the host")
        raise HostFault("The bench refuses this.", kind="denied", hint="Ask for something else.")


@dataclass(frozen=True)
class Told:
    """What became of a run."""

    end: str
    """``value``, or the kind of the error."""
    value: object
    """A picture of the value or of the error."""
    said: tuple[object, ...]
    effects: tuple[object, ...]
    fuel: int | None = None
    deep: bool = field(default=False, compare=False)
    """Whether a call was made in the last level of depth, or beyond."""

    def orderless(self) -> "Told":
        """Without the order of what tasks do at the same time."""
        return Told(
            self.end,
            self.value,
            tuple(sorted(self.said, key=repr)),
            tuple(sorted(self.effects, key=repr)),
            self.fuel,
        )


def defined(tree: Node, budget: Budget = BUDGET) -> Told:
    """What a program means."""
    allow_deep_recursion()
    said: list[object] = []
    bench = Bench()
    evaluator = Evaluator(OPS, budget=budget, powers=_powers(said), args=[bench])
    try:
        end, value = "value", picture(evaluator.run(tree))
    except ScriptError as error:
        end, value = error.kind, _failure(error)
    return Told(end, value, tuple(said), tuple(bench.effects), evaluator.used, evaluator.deepest >= budget.depth)


async def compiled(program: Program, budget: Budget = BUDGET, slice_length: int = SLICE) -> Told:
    """What a compiled program does; the fuel of one that fails is not told."""
    said: list[object] = []
    bench = Bench()
    try:
        outcome = await execute(program, args=[bench], budget=budget, powers=_powers(said), slice_length=slice_length)
    except ScriptError as error:
        return Told(error.kind, _failure(error), tuple(said), tuple(bench.effects))
    return Told("value", picture(outcome.value), tuple(said), tuple(bench.effects), outcome.used.fuel)


async def differences(tree: Node) -> list[str]:
    """Where generated code does not do what a program means: see `compare`."""
    return (await compare(tree))[1]


async def compare(tree: Node) -> tuple[Told, list[str]]:
    """What a program means, and where generated code does otherwise: its end, what it tells and does, and its fuel.

    ``tree`` has no errors. It is run with and without inference, in slices of several lengths, with exactly the fuel
    it needs, and with one unit less.
    """
    parallel = any(isinstance(node, Call) and node.op.startswith("par.") for node in walk(tree))
    # Which of several tasks makes the last call that is allowed depends on their order.
    budget = replace(BUDGET, calls=100_000) if parallel else BUDGET
    meant = defined(tree, budget)
    # A block with a call in it needs room for that from the beginning, so it may end one level sooner.
    sooner = defined(tree, replace(budget, depth=budget.depth - 1)) if meant.deep else meant
    found = []
    for infer in (True, False):
        program = compile_tree(tree, OPS, infer=infer)
        how = "" if infer else "without inference, "
        for slice_length in (64, SLICE):
            got = await compiled(program, budget, slice_length)
            found += _differ(meant, sooner, got, f"{how}slices of {slice_length}", parallel)
        if not {"fuel", "depth"} & {meant.end, got.end}:
            found += await _differ_in_fuel(program, meant, sooner, how, budget, parallel)
    return meant, found


async def _differ_in_fuel(
    program: Program, meant: Told, sooner: Told, how: str, budget: Budget, parallel: bool
) -> list[str]:
    """What is wrong with exactly the fuel a program needs, or one unit less."""
    assert meant.fuel is not None
    got = await compiled(program, replace(budget, fuel=max(1, meant.fuel)))
    found = _differ(meant, sooner, got, f"{how}exactly {meant.fuel} units of fuel", parallel)
    if meant.fuel > 1:
        short = await compiled(program, replace(budget, fuel=meant.fuel - 1), 64)
        if short.end != "fuel":
            found.append(f"{how}with {meant.fuel - 1} units of fuel, one too few: ends with {short.end}")
    return found


def _differ(meant: Told, sooner: Told, got: Told, how: str, parallel: bool) -> list[str]:
    if got.end == "depth":
        return _differ_in_depth(meant, sooner, got, how, parallel)
    if got.end == "memory" and meant.end == "fuel" and _is_beginning(got, meant, parallel):
        return []  # the reference has no memory to run out of, and went on until its fuel was spent
    if parallel:
        meant, got = meant.orderless(), got.orderless()
        if meant.end == got.end == "fuel":  # how far each task came is not defined
            return []
    if got.fuel is None:
        meant = replace(meant, fuel=None)
    return [
        f"{how}: {name} is {getattr(got, name)!r} and should be {getattr(meant, name)!r}"
        for name in ("end", "value", "said", "effects", "fuel")
        if getattr(meant, name) != getattr(got, name)
    ]


def _differ_in_depth(meant: Told, sooner: Told, got: Told, how: str, parallel: bool) -> list[str]:
    """A block with a call in it needs room for that call from the beginning, made or not.

    So a run ends no later than the reference, and no ``sooner`` than the reference does with one level less.
    """
    told = [(run.said, run.effects) for run in (sooner, got, meant)]
    in_between = all(
        more[: len(less)] == less for before, after in pairwise(told) for less, more in zip(before, after, strict=True)
    )
    if sooner.end == "depth" and (in_between or parallel):
        return []
    return [f"{how}: ends too deep after {told[1]!r}, but should end with {meant.end} after {told[2]!r}"]


def _is_beginning(got: Told, meant: Told, parallel: bool) -> bool:
    """Whether what one run told and did is how the other began."""
    pairs = ((got.said, meant.said), (got.effects, meant.effects))
    return parallel or all(more[: len(less)] == less for less, more in pairs)


def picture(value: object) -> object:
    """A value with what is shared in it, so that two are alike only if no program could tell them apart."""
    return _picture(value, {})


def _picture(value: object, seen: dict[int, int]) -> object:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return ("number", "NaN" if math.isnan(value) else repr(float(value)))
    if isinstance(value, HostObject):
        return "the bench"
    if id(value) in seen:
        return ("as before", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, list):
        return ["list", *[_picture(item, seen) for item in value]]
    if isinstance(value, dict):
        return ["object", *[(key, _picture(item, seen)) for key, item in value.items()]]
    assert isinstance(value, FunctionType), f"no value of a script: {value!r}"
    return ("function", seen[id(value)])


def _failure(error: ScriptError) -> object:
    if isinstance(error, Stopped):
        return None
    thrown = picture(error.value) if isinstance(error, Thrown) else None
    return (error.message, error.op, str(error.span), error.hint, picture(dict(error.data)), thrown)


def _powers(said: list[object]) -> Powers:
    return Powers(
        clock=lambda: 86_400.0,
        random=random.Random(0),
        emit=lambda kind, data: said.append((kind, sorted(data.items()))),
    )
