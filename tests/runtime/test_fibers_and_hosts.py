"""Scripts wait without holding up anybody, are cancelled wherever they are, and reach only what they are given."""

import asyncio
import random
from collections.abc import Mapping

import pytest

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import Cancelled, DeadlinePassed, HostFault, ScriptError, Thrown
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.fiber import drive, wait
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

OPS = OpTable.of(*stdlib.modules)


class Gate(HostObject):
    """A host object whose calls wait until the test lets them go on."""

    type_name = "gate"

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Value]] = {}
        self.arrived = asyncio.Event()
        self.cancelled: list[str] = []

    def fields(self) -> Mapping[str, Value]:
        return {"colour": "green", "waiting": len(self.waiting)}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        if method == "refuse":
            raise HostFault("The gate is shut.", kind="denied", hint="Ask the keeper.")
        if method == "crash":
            raise RuntimeError("a secret path: /etc/passwd")
        if method == "echo":
            return [*args, run.budget.calls]
        name = str(args[0])
        self.waiting[name] = asyncio.get_running_loop().create_future()
        self.arrived.set()
        try:
            return await self.waiting[name]
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise

    async def arrivals(self, count: int) -> None:
        """Wait until so many calls are waiting."""
        while len(self.waiting) < count:
            self.arrived.clear()
            await self.arrived.wait()


def start(source: str, gate: Gate, **budget: float) -> asyncio.Task[Outcome]:
    """Run a script of one argument, the gate, in a task of its own."""
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    program = compile_tree(parse(f"(let gate (arg 0)) {source}"), OPS)
    limits = Budget(**budget)  # type: ignore[arg-type]
    return asyncio.create_task(execute(program, args=[gate], budget=limits, powers=powers))


async def test_a_method_is_called_and_its_result_is_the_value() -> None:
    assert (await start('(gate.echo 1 "two")', Gate())).value == [1, "two", 1_000]


async def test_fields_of_a_host_object_can_be_read() -> None:
    source = '[(typeof gate) (obj.get gate "colour") (obj.has gate "size") (obj.keys gate) (string gate)]'
    assert (await start(source, Gate())).value == ["gate", "green", False, ["colour", "waiting"], "[gate]"]


async def test_other_work_goes_on_while_a_script_waits_and_while_it_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mintaka.runtime.pace.TURN_S", 0.0)  # every slice is as long as a script may work
    gate = Gate()
    waiting = start('(gate.open "a")', gate)
    busy = start("(let n 0) (while (< n 20000) (set n (+ n 1))) n", gate)
    await gate.arrivals(1)
    turns = 0
    while not busy.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 4  # slices of at most 4,096 units
    gate.waiting["a"].set_result("opened")
    assert (await waiting).value == "opened"


@pytest.mark.parametrize("how", ["", "(lambda [a b] (- a b))"])
async def test_other_work_goes_on_within_a_long_sort(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mintaka.runtime.pace.TURN_S", 0.0)  # every slice is as long as a script may work
    turns = []
    for count in (2_000, 20_000):
        sorting = start(f"(list.len (list.sort (list.range 1 {count}) {how}))", Gate())
        seen = 0
        while not sorting.done():
            await asyncio.sleep(0)
            seen += 1
        assert (await sorting).value == count
        turns.append(seen)
    assert turns[1] >= 2 * turns[0]


async def test_a_refusal_can_be_caught_and_carries_kind_and_hint() -> None:
    told = (await start("(try (gate.refuse) e (error))", Gate())).value
    assert isinstance(told, dict)
    assert (told["code"], told["message"], told["hint"], told["op"]) == (
        "denied",
        "The gate is shut.",
        "Ask the keeper.",
        "std.call_method",
    )


async def test_a_crash_of_the_host_tells_the_script_nothing_of_the_host() -> None:
    with pytest.raises(ScriptError) as caught:
        await start("(gate.crash)", Gate())
    assert caught.value.kind == "internal"
    assert "passwd" not in caught.value.message
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_the_number_of_calls_is_limited() -> None:
    with pytest.raises(HostFault) as caught:
        await start("(for i [1 2 3] (gate.echo i))", Gate(), calls=2)
    assert caught.value.kind == "no_budget"


@pytest.mark.parametrize(
    "source",
    [
        '(gate.open "a")',
        '(try (gate.open "a") e "caught")',
        '(with-timeout 60 (gate.open "a"))',
        '(list.map [1] (lambda [x] (gate.open "a")))',
        '(par.map ["a"] (lambda [x] (gate.open x)))',
    ],
)
async def test_cancelling_the_task_cancels_what_the_script_waits_for(source: str) -> None:
    gate = Gate()
    task = start(source, gate)
    await gate.arrivals(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.cancelled == ["a"]


@pytest.mark.parametrize(
    "source", ["(while true 1)", "(while true (try (while true 1) e 1))", "(par.all (while true 1))"]
)
async def test_cancelling_the_task_ends_a_pure_loop(source: str) -> None:
    task = start(source, Gate())
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "source",
    [
        '(gate.open "a")',
        '(try (gate.open "a") e "caught")',
        '(par.map ["a"] (lambda [x] (gate.open x)))',
        '(par.all (gate.open "a") (try (while true 1) e 1))',
    ],
)
async def test_the_deadline_strikes_in_calls_of_the_host_and_in_tasks(source: str) -> None:
    gate = Gate()
    with pytest.raises(DeadlinePassed):
        await start(source, gate, deadline_s=0.2)
    assert gate.cancelled == ["a"]


async def test_when_what_is_awaited_is_cancelled_by_others_the_run_ends_as_cancelled() -> None:
    gate = Gate()
    task = start('(try (gate.open "a") e "caught")', gate)
    await gate.arrivals(1)
    gate.waiting["a"].cancel()
    with pytest.raises(Cancelled):
        await task


async def test_parallel_calls_wait_at_the_same_time_and_their_results_keep_their_order() -> None:
    gate = Gate()
    task = start('(par.map ["a" "b" "c"] (lambda [x] (str.concat (gate.open x) x)))', gate)
    await gate.arrivals(3)
    for name in ("c", "a", "b"):
        gate.waiting[name].set_result(name.upper())
        await asyncio.sleep(0)
    assert (await task).value == ["Aa", "Bb", "Cc"]


async def test_par_all_sees_the_variables_around_it() -> None:
    gate = Gate()
    task = start('(let x 1) (let both (par.all (gate.open "a") (seq (gate.open "b") (set x 5)))) [both x]', gate)
    await gate.arrivals(2)
    gate.waiting["a"].set_result("A")
    gate.waiting["b"].set_result("B")
    assert (await task).value == [["A", 5], 5]


async def test_the_first_failure_in_parallel_cancels_the_others() -> None:
    gate = Gate()
    task = start('(par.map ["a" "b"] (lambda [x] (if (== x "a") (gate.open x) (throw (gate.open x)))))', gate)
    await gate.arrivals(2)
    gate.waiting["b"].set_result("no")
    with pytest.raises(Thrown) as caught:
        await task
    assert caught.value.value == "no"
    assert caught.value.op == "std.throw"
    assert gate.cancelled == ["a"]


async def test_parallel_tasks_beyond_the_limit_wait_for_their_turn() -> None:
    gate = Gate()
    task = start("(list.len (par.map (list.range 1 100) (lambda [x] (gate.open x))))", gate)
    await gate.arrivals(64)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(gate.waiting) == 64
    while not task.done():
        for future in gate.waiting.values():
            if not future.done():
                future.set_result(None)
        await asyncio.sleep(0)
    assert (await task).value == 100


async def test_a_run_without_a_power_is_refused_what_the_power_is_for() -> None:
    powers = Powers(clock=lambda: 0.0, random=random.Random(0), hosts={str: "here"})
    run = Run(Budget(), powers)
    assert run.host(str) == "here"
    with pytest.raises(HostFault) as caught:
        run.host(Gate)
    assert caught.value.kind == "denied"


async def test_a_fiber_gets_the_error_of_what_it_waits_for() -> None:
    async def fails() -> None:
        raise ValueError("no")

    def body() -> str:
        try:
            wait(fails())
        except ValueError as error:
            return str(error)
        return "nothing"

    assert await drive(body, set()) == "no"


async def test_waiting_outside_a_fiber_is_a_mistake() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(RuntimeError, match="fiber"):
        wait(future)
