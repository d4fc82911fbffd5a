"""Every limit of a run ends it, exactly, and no script can catch that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import DeadlinePassed, OutOfFuel, OutOfMemory, TooDeep
from mintaka.runtime.meter import Meter

PROGRAMS = [
    "(let n 0) (while (< n 900) (set n (+ n 1))) n",
    "(for x (list.range 1 900) (list.push [] x))",
    "(define f [n] (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (f 9)",
    "(list.sort (list.map (list.range 1 70) (lambda [x] (% (* x 7919) 1000))) (lambda [a b] (- a b)))",
    "(list.sort (list.map (list.range 1 2600) (lambda [x] (% (* x 7919) 2591))))",
    '(let s "") (for x (list.range 1 250) (set s (str.concat s "0123456789"))) (str.len s)',
    "(list.reduce (list.range 1 900) (lambda [a x] (+ a x)) 0)",
    "(try (for x (list.range 1 60) (if (> x 50) (throw x))) e e)",
    "(list.len (par.map (list.range 1 50) (lambda [x] (list.len (list.range 1 x)))))",
    "(+ " + " ".join(["1"] * 400) + ")",
]


@pytest.mark.parametrize("source", PROGRAMS)
async def test_exactly_the_fuel_a_program_uses_is_enough_and_one_less_is_not(run, source: str) -> None:
    outcome = await run(source)
    fuel = outcome.used.fuel
    assert fuel > 0
    again = await run(source, budget=Budget(fuel=fuel))
    assert again.value == outcome.value
    assert again.used.fuel == fuel
    if fuel > 1:
        with pytest.raises(OutOfFuel):
            await run(source, budget=Budget(fuel=fuel - 1))


@pytest.mark.parametrize("source", PROGRAMS)
@pytest.mark.parametrize("slice_length", [7, 256])
async def test_fuel_does_not_depend_on_the_length_of_a_slice(run, source: str, slice_length: int) -> None:
    fuel = (await run(source)).used.fuel
    assert (await run(source, slice_length=slice_length)).used.fuel == fuel
    assert (await run(source, budget=Budget(fuel=fuel), slice_length=slice_length)).used.fuel == fuel
    if fuel > 1:
        with pytest.raises(OutOfFuel):
            await run(source, budget=Budget(fuel=fuel - 1), slice_length=slice_length)


async def test_the_price_of_a_loop_is_its_turns_and_its_end(run) -> None:
    assert (await run("(let n 0) (while (< n 10) (set n (+ n 1)))")).used.fuel == 11
    assert (await run("(for x [1 2 3] x)")).used.fuel == 4


async def test_straight_code_costs_a_unit_for_64_nodes(run) -> None:
    assert (await run("(+ 1 2)")).used.fuel == 0
    assert (await run("[" + " ".join(["1"] * 640) + "]")).used.fuel == 10


@pytest.mark.parametrize(
    "source",
    [
        "(while true 1)",
        "(try (while true 1) e 1)",
        "(for x [1] (while true (try (while true 1) e 1)))",
        "(let xs [1]) (for x xs (list.push xs x))",
        "(list.map [1] (lambda [x] (while true 1)))",
        "(par.all (while true 1) 1)",
        "(try (par.map [1 2] (lambda [x] (while true 1))) e 1)",
    ],
)
async def test_a_loop_without_end_runs_out_of_fuel_whatever_catches_around_it(run, source: str) -> None:
    with pytest.raises(OutOfFuel) as caught:
        await run(source, budget=Budget(fuel=20_000))
    assert caught.value.span is not None


@pytest.mark.parametrize(
    "source",
    [
        '(let s "ab") (while true (set s (str.concat s s)))',
        '(let s "ab") (while true (set s (str.replace s "a" s)))',
        '(let s "ab") (while true (set s (str.join [s s] s)))',
        "(let s [1]) (while true (set s (list.concat s s)))",
        "(let s [1]) (while true (set s [s s s]))",
        "(let s [1]) (while true (list.push s [1 2 3]))",
        "(let s {}) (let n 0) (while true (seq (set n (+ n 1)) (obj.set s n [n])))",
        "(list.range 0 9007199254740991)",
        "(let s [1]) (for i (list.range 1 60) (set s [s s])) (string s)",
        "(let s [1]) (for i (list.range 1 60) (set s [s s])) (json.stringify s)",
        '(define f [s] (f (str.concat s s))) (f "ab")',
        "(let s []) (list.map (list.range 1 10000) (lambda [x] (list.push s (list.range 1 x))))",
    ],
)
async def test_data_that_grows_without_end_runs_out_of_memory_before_it_is_built(run, source: str) -> None:
    with pytest.raises(OutOfMemory):
        await run(source, budget=Budget(memory=1024 * 1024))


async def test_garbage_does_not_count_as_memory(run) -> None:
    source = "(let n 0) (while (< n 3000) (seq (let xs (list.range 1 1000)) (set n (+ n 1)))) n"
    assert await run.value(source, budget=Budget(memory=1024 * 1024)) == 3000


@pytest.mark.parametrize(
    "source",
    [
        "(define f [n] (+ 1 (f n))) (f 1)",
        "(define f [n] (try (f n) e 1)) (f 1)",
        "(define f [n] (list.map [n] f)) (f 1)",
        "(define f [n] (list.sort [n n] (lambda [a b] (seq (f a) 0)))) (f 1)",
        "(define f [n] (list.reduce [n] (lambda [a x] (obj.map {:k x} f)) 0)) (f 1)",
        "(define f [n] (g n)) (define g [n] (f n)) (f 1)",
        "(define f [n] (par.map [n] f)) (f 1)",
    ],
)
async def test_recursion_without_end_ends_at_the_depth_budget(run, source: str) -> None:
    for depth in (10, 1_000):
        with pytest.raises(TooDeep):
            await run(source, budget=Budget(depth=depth))


async def test_recursion_within_the_depth_budget_works(run) -> None:
    source = "(define f [n] (if (== n 0) 0 (+ 1 (list.get (list.map [(- n 1)] f) 0)))) (f 400)"
    assert await run.value(source) == 400


async def test_the_deadline_strikes_in_a_pure_loop(run) -> None:
    with pytest.raises(DeadlinePassed):
        await run("(while true 1)", budget=Budget(deadline_s=0.02))


async def test_with_timeout_gives_an_error_that_can_be_caught_and_loops_around_it_go_on(run) -> None:
    source = """
    (let turns 0)
    (while (< turns 3)
      (try (with-timeout 0.005 (while true 1)) e (set turns (+ turns 1))))
    [turns (try (with-timeout 0.005 (while true 1)) e (obj.get (error) "code"))]
    """
    assert await run.value(source) == [3, "deadline"]


async def test_with_timeout_cannot_outlast_the_run(run) -> None:
    with pytest.raises(DeadlinePassed):
        await run("(try (with-timeout 60 (while true 1)) e 1)", budget=Budget(deadline_s=0.02))


async def test_a_body_cannot_catch_its_own_timeout(run) -> None:
    source = '(try (with-timeout 0.01 (while true (try (while true 1) e 1))) e "outside")'
    assert await run.value(source) == "outside"


async def test_with_timeout_gives_the_value_of_what_is_quick(run) -> None:
    assert await run.value("(with-timeout 60 (+ 1 2))") == 3
    assert await run.value("(let f (lambda [] (with-timeout 60 (return 4)))) (f)") == 4


@given(st.integers(1, 5000), st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_a_meter_gives_out_exactly_its_fuel(fuel: int, slice_length: int) -> None:
    meter = Meter(Budget(fuel=fuel), pause=lambda: slice_length, census=lambda: 0, slice_length=slice_length)
    for _ in range(fuel // 2):
        next(meter.tick)
    meter.charge(fuel - fuel // 2)
    assert meter.used == fuel
    for _ in range(3):  # what is spent stays spent
        with pytest.raises(OutOfFuel):
            next(meter.tick)
        with pytest.raises(OutOfFuel):
            meter.charge(1)
    assert meter.used == fuel


@pytest.mark.parametrize("name", ["fuel", "depth", "deadline_s", "calls", "memory"])
def test_a_budget_without_anything_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Budget(**{name: 0})  # type: ignore[arg-type]


def test_a_budget_deeper_than_the_machine_can_bear_is_refused() -> None:
    with pytest.raises(ValueError, match="depth"):
        Budget(depth=100_000)
