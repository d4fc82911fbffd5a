"""Data that refers to itself does not pile up, however little Python sees a reason to look for it."""

import asyncio
import gc
import random
import tracemalloc
import weakref
from collections.abc import Iterator

import pytest

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.garbage import GROWTH, LOOKS, MUCH, Garbage, process_size
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers

OPS = OpTable.of(*stdlib.modules)
MEMORY = 128 * 1024


class Cycle:
    """Something that only a look for garbage frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def by_hand() -> Iterator[None]:
    """No looks but those that are asked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def old() -> weakref.ref[Cycle]:
    """Garbage that a look among what is young does not find any more."""
    made = Cycle()
    gc.collect()
    return weakref.ref(made)


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize(
    "step",
    [
        "(let x (list.range 1 2500)) (list.push x x)",
        "(let x {}) (obj.set x 1 (list.range 1 2500)) (obj.set x 2 x)",
        "(let xs (list.range 1 2500)) (define f [n] (if n (f (- n 1)) xs)) (f 1)",
        "(let x [1]) (list.set x 2499 1) (list.push x (try (throw x) e x))",
    ],
)
async def test_a_run_keeps_no_more_garbage_in_cycles_than_data_it_may_have(step: str) -> None:
    program = compile_tree(parse(f"(define step [] (seq {step} null)) (for i (list.range 1 150) (step))"), OPS)
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    tracemalloc.start()
    try:
        await execute(program, budget=Budget(memory=MEMORY), powers=powers)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < LOOKS * MEMORY  # all of it would be 3 MB or more


@pytest.mark.usefixtures("by_hand")
def test_the_process_may_grow_by_so_much_before_everything_is_looked_through() -> None:
    sizes = iter([100 * GROWTH, 2 * GROWTH, 3 * GROWTH - 1, 3 * GROWTH + 1, 2 * GROWTH])
    garbage = Garbage(lambda: next(sizes))
    garbage.look_through_everything()
    dropped = old()
    garbage.look()  # it has become small
    garbage.look()
    assert dropped() is not None
    garbage.look()
    assert dropped() is None


@pytest.mark.usefixtures("by_hand")
def test_where_nothing_tells_the_size_everything_is_looked_through_every_so_many_looks() -> None:
    garbage = Garbage()
    dropped = old()
    for _ in range(LOOKS - 1):
        garbage.look()
    assert dropped() is not None
    garbage.look()
    assert dropped() is None


@pytest.mark.usefixtures("by_hand")
def test_a_run_that_made_much_is_worth_a_look_at_its_end() -> None:
    garbage = Garbage()
    made = weakref.ref(Cycle())
    garbage.left(MUCH - 1)
    assert made() is not None
    garbage.left(MUCH)
    assert made() is None


async def test_who_attends_to_garbage_looks_in_pythons_place_and_gives_that_back() -> None:
    before = gc.get_threshold()
    dropped = old()
    attending = asyncio.create_task(Garbage().attend())
    await asyncio.sleep(0)
    assert dropped() is None
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] > 1_000_000
    assert gc.get_freeze_count() > 0
    attending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attending
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_the_size_of_this_process_is_known_where_the_system_tells_it() -> None:
    size = process_size()
    assert size is None or size() > 1024 * 1024
