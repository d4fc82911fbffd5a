"""What a resumed run is refused, what a journal cannot keep, and how time goes on."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import DeadlinePassed, Diverged, HostFault, JournalLost, ScriptError
from mintaka.runtime.journal import Kind, MemoryJournal, Row
from mintaka.runtime.records import MOST_CELLS, Json
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value
from tests.runtime.worlds import Axe, Killed, World, compiled, execute_in


async def refused(world: World, source: str, **changed: object) -> Diverged:
    """How a run is refused that has been recorded in ``world``; nothing is done or told meanwhile."""
    acts, told = list(world.acts), list(world.told)
    with pytest.raises(Diverged) as caught:
        await world.run(compiled(source), **changed)  # type: ignore[arg-type]
    assert caught.value.kind == "diverged"
    assert (world.acts, world.told) == (acts, told)
    return caught.value


# Not the run that was recorded


@pytest.mark.parametrize(
    ("source", "changed", "what"),
    [
        ("(door.draw 2)", {}, "script"),
        ("(door.draw 1)", {"args": [1]}, "arguments"),
        ("(door.draw 1)", {"budget": Budget(fuel=999)}, "budget"),
    ],
)
async def test_another_script_other_arguments_or_another_budget_are_refused(
    source: str, changed: Mapping[str, object], what: str
) -> None:
    world = World()
    await world.run(compiled("(door.draw 1)"))
    error = await refused(world, source, **changed)
    assert error.data == {"changed": what}
    assert f"Not the {what}" in error.message


async def test_another_layout_of_the_same_script_is_no_other_script() -> None:
    world = World()
    await world.run(compiled("(door.draw 1)"))
    await world.run(compiled("; a comment\n(door.draw\n  1)"))
    assert len(world.acts) == 1


async def test_a_journal_of_another_format_is_refused() -> None:
    world = World()
    await world.run(compiled("1"))
    position, kind, what, digest, outcome, seconds = world.rows[0]
    facts = {**json.loads(outcome or ""), "format": 2}
    world.rows[0] = (position, kind, what, digest, json.dumps(facts), seconds)
    assert "another version" in (await refused(world, "1")).message


@pytest.mark.parametrize(
    ("source", "before", "now"),
    [
        ("(door.draw (test.mood))", "`door.draw`", "`door.draw` with other arguments"),
        ("(if (test.mood) (door.draw 1) (door.next))", "`door.draw`", "`door.next`"),
        ("(if (test.mood) (door.draw 1) (time.now))", "`door.draw`", "`time`"),
        ("(if (test.mood) (door.draw 1) (log 1))", "`door.draw`", "a `log` event"),
        ("(if (test.mood) (seq (log 1) (door.next)) (log 2))", "a `log` event", "a `log` event with other arguments"),
        ("(if (test.mood) (door.draw 1) (par.all 1))", "`door.draw`", "tasks at the same time"),
        ("(if (test.mood) (door.draw 1))", "`door.draw`", "the script ended"),
        ('(if (test.mood) (door.draw 1) (throw "no"))', "`door.draw`", "the script failed (no)"),
        ("(if (test.mood) (par.all (time.now)) (par.all (door.next)))", "`time`", "`door.next`"),
        ("(par.all (if (test.mood) (door.next) 1) (door.draw 2))", "`door.next`", "…"),
        ("(par.all (if (test.mood) (seq (door.next) (time.now)) (door.next)) (door.draw 2))", "`time`", "…"),
        ("(try (par.all (door.next) (if (test.mood) (throw 1) 2)) e (time.now))", "tasks at the same time", "…"),
        ("(try (par.all (door.next) (if (test.mood) 2 (throw 1))) e (time.now))", "…", "…"),
    ],
)
async def test_a_run_that_goes_another_way_is_refused_where_it_does(source: str, before: str, now: str) -> None:
    world = World()
    await world.run(compiled(source))
    error = await refused(world, f"{source}")
    assert before in ("…", error.data["before"])
    assert now in ("…", f"{error.data['now']}{' with other arguments' * ('with other' in error.message)}")
    assert str(error.data["position"]) in error.message


async def test_no_script_can_catch_that_it_went_another_way() -> None:
    source = "(try (door.draw (test.mood)) e (door.next))"
    world = World()
    await world.run(compiled(source))
    await refused(world, source)


# What cannot be written down


class Full(MemoryJournal):
    """A journal that has room for so many appends."""

    def __init__(self, room: int) -> None:
        super().__init__("run")
        self.room = room

    def append(self, rows: Sequence[Row]) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError("the disk is full: /var/lib")
        super().append(rows)


@pytest.mark.parametrize(("room", "acts"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)])
async def test_a_run_stops_where_its_journal_ends_and_goes_on_from_there(room: int, acts: int) -> None:
    program = compiled("(try (seq (door.next) (door.next)) e (door.draw e)) (log 1)")
    world, journal = World(), Full(room)
    with pytest.raises(JournalLost) as caught:
        await execute_in(world, program, journal)
    assert (caught.value.kind, len(world.acts)) == ("storage_error", acts)
    assert "/var" not in caught.value.message
    assert world.told == []
    journal.room = 100
    await execute_in(world, program, journal)
    assert (len(world.acts), world.told) == (2, ["1"])


class Box(HostObject):
    """An object of the host that holds whatever its methods are to give."""

    type_name = "box"

    def __init__(self, name: str, content: object = None) -> None:
        self.name = name
        self.content = content
        self.waited_for = asyncio.Event()

    def fields(self) -> Mapping[str, Value]:
        return {"name": self.name}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        if method == "crash":
            raise RuntimeError("a secret path: /etc/passwd")
        if method == "cancelled":
            raise asyncio.CancelledError
        if method == "tell":
            run.emit("log", {"text": f"drawing {args[0]}"})
            return None
        if method == "for_ever":
            self.waited_for.set()
            await asyncio.Event().wait()
        return self.content if method == "open" else len(args)  # type: ignore[return-value]


class Boxes:
    """Boxes are kept by their names."""

    def encode(self, value: HostObject) -> Json:
        if not isinstance(value, Box):
            raise HostFault("Only boxes are kept.", kind="unsupported")
        return value.name

    def decode(self, reference: Json) -> HostObject:
        return Box(str(reference), f"what was in {reference}")


LOOP: list[Value] = []
LOOP.append(LOOP)
WIDE: Value = None
for _ in range(40):
    WIDE = [WIDE, WIDE]


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (Box("b"), "unsupported", "this box"),
        ([1, lambda: 1], "unsupported", "a function"),
        ({1: 2}, "unsupported", "keys that are no text"),
        ({"a": b"bytes"}, "unsupported", "what is no value"),
        (LOOP, "limit", "contains itself"),
        (WIDE, "limit", f"at most {MOST_CELLS:,}"),
        ("x" * (MOST_CELLS << 6), "limit", f"at most {MOST_CELLS:,}"),
    ],
    ids=["host object", "function", "keys", "bytes", "cycle", "wide", "long"],
)
async def test_a_result_that_cannot_be_kept_is_an_error_of_its_call(content: object, kind: str, words: str) -> None:
    source = '(let box (arg 1)) (try (box.open) e [(obj.get (error) "code") e])'
    world = World()
    value = (await world.run(compiled(source), args=[Box("a", content)])).value
    assert isinstance(value, list)
    assert value[0] == kind
    assert words in str(value[1])
    assert (await world.run(compiled(source), args=[Box("a")])).value == value


@pytest.mark.parametrize(
    "source",
    ["(let x []) (list.push x x) (door.draw x)", "(let x 1) (for i (list.range 1 40) (set x [x x])) (door.draw x)"],
)
async def test_arguments_that_no_journal_could_hold_are_refused_before_the_call(source: str) -> None:
    world = World()
    with pytest.raises(HostFault) as caught:
        await world.run(compiled(source))
    assert caught.value.kind == "limit"
    assert world.acts == []


async def test_objects_of_the_host_are_kept_as_its_codec_says() -> None:
    source = '(let box (arg 1)) (let got (obj.get (box.open) "$")) [(obj.get got "name") (got.open)]'
    world = World()
    codec = Boxes()
    box = Box("outer", {"$": Box("inner", "what was in inner")})
    value = (await world.run(compiled(source), args=[box], codec=codec)).value
    assert value == ["inner", "what was in inner"]
    assert (await world.run(compiled(source), args=[Box("outer")], codec=codec)).value == value
    with pytest.raises(Diverged):
        await world.run(compiled(source), args=[Box("another")], codec=codec)


async def test_a_function_can_be_an_argument() -> None:
    source = "(let box (arg 1)) (box.count (lambda [] 1) [box])"
    world = World()
    assert (await world.run(compiled(source), args=[Box("a")])).value == 2
    assert (await world.run(compiled(source), args=[Box("a")])).value == 2


async def test_what_a_host_gives_is_the_scripts_own() -> None:
    content: list[Value] = [1]
    source = "(let box (arg 1)) (let a (box.open)) (let b (box.open)) (list.push a 2) [a b (== a b)]"
    world = World()
    value = (await world.run(compiled(source), args=[Box("a", content)])).value
    assert value == [[1, 2], [1], False]
    assert content == [1]
    assert (await world.run(compiled(source), args=[Box("a")])).value == value


async def test_a_crash_of_the_host_is_the_same_error_when_it_is_resumed() -> None:
    source = '(let box (arg 1)) (try (box.crash) e [e (obj.get (error) "code")])'
    world = World()
    value = (await world.run(compiled(source), args=[Box("a")])).value
    assert value == ["Something went wrong inside an op; the script is not to blame.", "internal"]
    assert (await world.run(compiled(source), args=[Box("a")])).value == value


async def test_what_a_host_tells_belongs_to_its_call() -> None:
    source = '(let box (arg 1)) (log "before") (box.tell "a cat") (log "after")'
    world = World()
    for _ in range(2):
        await world.run(compiled(source), args=[Box("a")])
    assert world.told == ["before", "drawing a cat", "after"]
    assert [row[2] for row in world.rows if row[1] == Kind.EMIT] == ["log", "log"]


async def test_an_op_that_waits_for_what_is_no_effect_is_refused() -> None:
    with pytest.raises(HostFault) as caught:
        await World().run(compiled("(test.wait)"))
    assert caught.value.kind == "unsupported"


async def test_a_run_whose_host_cancels_what_it_waits_for_ends_so_again() -> None:
    source = "(let box (arg 1)) (try (box.cancelled) e 1)"
    world = World()
    for _ in range(2):
        with pytest.raises(ScriptError) as caught:
            await world.run(compiled(source), args=[Box("a")])
        assert caught.value.kind == "cancelled"


async def test_a_run_that_was_cancelled_has_told_everything_and_can_be_resumed() -> None:
    world = World()
    program = compiled('(let box (arg 1)) (log "waiting") (par.all (door.next) (box.for_ever))')
    for _ in range(2):
        box = Box("a")
        task = asyncio.create_task(world.run(program, args=[box]))
        await box.waited_for.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert world.told == ["waiting"]
    assert len(world.acts) <= 1


# Time


async def test_the_time_that_ran_out_while_waiting_runs_out_again_at_once() -> None:
    source = '(let box (arg 1)) [(try (with-timeout 0 (box.for_ever)) e (obj.get (error) "code")) (door.next)]'
    world = World()
    for _ in range(2):
        assert (await world.run(compiled(source), args=[Box("a")])).value == ["deadline", 1]


async def test_the_time_that_ran_out_while_computing_runs_out_at_the_same_turn() -> None:
    source = """
    (let n 0)
    (let late (try (with-timeout 60 (with-timeout 5 (while true (seq (set n (+ n 1)) (test.pass_time 0.001))))) e e))
    [n late (door.draw n)]
    """
    world = World()
    value = (await world.run(compiled(source))).value
    assert isinstance(value, list)
    assert value[1] == "This was not done within 5 s."
    assert value[0] > 4096  # type: ignore[operator]
    assert (await world.run(compiled(source))).value == value


async def test_which_of_two_timeouts_ran_out_stays_the_same() -> None:
    source = """
    (let box (arg 1))
    (try (with-timeout 10 (seq (door.age 8) (try (with-timeout 9 (box.for_ever)) e "inner")))
      e (seq (door.next) "outer"))
    """

    world, box = World(), Box("a")

    async def pass_time() -> None:
        await box.waited_for.wait()
        world.later += 5

    passing = asyncio.create_task(pass_time())
    for _ in range(2):
        assert (await world.run(compiled(source), args=[box])).value == "outer"
    await passing


async def test_time_that_was_used_before_a_crash_counts_and_time_between_does_not() -> None:
    source = "(door.age 100) (door.age 100) (while true 1)"
    limits = replace(Budget(), deadline_s=150)
    world = World()
    with pytest.raises(Killed):
        await world.run(compiled(source), budget=limits, axe=Axe(8))
    assert world.rows[-1][1] == Kind.DONE
    world.later += 10_000
    with pytest.raises(DeadlinePassed):
        await world.run(compiled(source), budget=limits)
    assert [row[0] for row in world.rows if row[1] == Kind.CALL] == ["0", "1"]
    world = World()
    outcome = await world.run(compiled("(door.age 100)"), budget=limits)
    assert 100 <= outcome.used.seconds < 150
    assert 100 <= (await world.run(compiled("(door.age 100)"), budget=limits)).used.seconds < 150
