"""What is decided about jobs: their states, what is told of them, and what is left after a crash."""

import asyncio
import itertools
import json
import random

import pytest
from sqlalchemy import delete, insert

from mintaka.runtime.budget import Used
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.jobs import Jobs
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Limits
from mintaka.storage.database import Database
from mintaka.storage.errors import StorageFull
from mintaka.storage.jobs import JobState, Request, SavedJobs
from mintaka.storage.schema import metadata, principal


class Silent:
    def __init__(self):
        self.errors = []

    def info(self, event, **facts):
        pass

    def error(self, event, **facts):
        self.errors.append(facts)


class Runner:
    """Runs whatever a job's program names."""

    def __init__(self):
        self.works = {}
        self.over = []
        self.costs = {}

    async def run(self, saved, emit):
        return await self.works[saved.request.program](emit)

    def keep(self, saved, outcome):
        return json.dumps(outcome.value)

    def outcome(self, saved):
        return None if saved.outcome is None else Outcome(json.loads(saved.outcome), Used())

    def ended(self, saved, outcome=None):
        self.over.append((saved.id, outcome))

    def cost(self, id):
        return self.costs.get(id, 0.0)


@pytest.fixture(scope="module")
def migrated():
    """One database for all tests: to migrate one anew for each would take longer than the tests."""
    database = Database("sqlite://")
    yield database
    database.close()


@pytest.fixture
def database(migrated):
    with migrated.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(delete(table))
        tx.execute(insert(principal), [{"name": name, "created": 1.0} for name in ("owner", "guest")])
    return migrated


class World:
    """A server's jobs, with a clock of their own and ears on everything that is told; `again` is the next server."""

    def __init__(self, database, **limits):
        self.database = database
        self.ticks = itertools.count(100.0, 1.0)
        self.numbers = itertools.count(1)
        self.limits = Limits(**limits)
        self.runner = Runner()
        self.log = Silent()
        self.told = []
        self.again()

    def again(self):
        powers = ServerPowers(
            clock=lambda: next(self.ticks),
            token_bytes=lambda count: next(self.numbers).to_bytes(count, "big"),
            random=lambda: random.Random(1),
            log=self.log,
        )
        self.saved = SavedJobs(self.database, clock=powers.clock)
        faults = Faults(self.log, reference=lambda: "ref")
        publish = lambda job, event: self.told.append((job.id, event))  # noqa: E731
        self.jobs = Jobs(powers, self.limits, faults, publish, self.saved, self.runner)

    def submit(self, work, owner="owner", key=None, priority=0, digest="d"):
        name = f"work {len(self.runner.works)}"
        self.runner.works[name] = work
        request = Request("t", name, "[]", "{}", "{}", digest, priority)
        return self.jobs.submit(owner, lambda id: request, key)

    async def ran(self, work, owner="owner"):
        job = self.submit(work, owner)
        self.jobs.start_waiting()
        await self.rest()
        return self.saved.get(job.id)

    async def rest(self):
        """Let everything run that can."""
        for _ in range(20):
            await asyncio.sleep(0)

    def state(self, job):
        return self.saved.get(job.id).state

    def kinds(self, job=None):
        return [event.kind for id, event in self.told if job is None or id == job.id]

    def crash(self):
        """The process is gone; nothing of it gets to say anything."""
        for live in self.jobs._live.values():
            live.stopped = True
            live.task.cancel()
        self.jobs._live.clear()
        self.jobs._closed = True
        self.again()
        resumed = self.jobs.recover()
        self.jobs.start_waiting()
        return resumed


async def answer(emit):
    return Outcome(3, Used())


async def forever(emit):
    await asyncio.get_running_loop().create_future()


async def test_a_job_goes_from_started_to_done(database):
    world = World(database)
    job = await world.ran(answer)
    assert (job.state, job.outcome) == (JobState.DONE, "3")
    assert world.kinds() == ["started", "done"]
    assert world.told[-1][1].data == {"outcome": Outcome(3, Used())}
    assert [(event.seq, event.kind) for event in world.jobs.events(job)] == [(1, "started"), (2, "done")]
    assert world.runner.over == [(job.id, Outcome(3, Used()))]


async def test_a_failure_is_told_in_the_protocols_words(database):
    world = World(database)

    async def fail(emit):
        raise HostFault("too wide", kind="denied", hint="ask for less")

    job = await world.ran(fail)
    assert job.state is JobState.FAILED
    assert json.loads(job.error) == {
        "code": -32042,
        "message": "too wide",
        "data": {"kind": "denied", "hint": "ask for less"},
    }


async def test_what_is_not_ours_is_logged_in_full_and_told_as_a_number(database):
    world = World(database)

    async def fail(emit):
        raise RuntimeError("/secret/path")

    job = await world.ran(fail)
    assert json.loads(job.error)["data"] == {"kind": "internal", "reference": "ref"}
    assert "secret" not in job.error
    assert isinstance(world.log.errors[0]["exc_info"], RuntimeError)


async def test_a_cancelled_job_ends_as_cancelled(database):
    world = World(database)
    job = await world.ran(forever)
    assert job.state is JobState.RUNNING
    assert world.jobs.cancel(job)
    assert world.state(job) is JobState.CANCELLED
    assert world.runner.over == []
    await world.rest()
    assert world.runner.over == [(job.id, None)]
    assert json.loads(world.saved.get(job.id).error)["data"]["kind"] == "cancelled"
    assert not world.jobs.cancel(job)
    assert world.kinds() == ["started", "failed"]


async def test_a_job_cancelled_before_it_ran_never_runs(database):
    world = World(database)
    job = world.submit(forever)
    assert world.jobs.cancel(job)
    world.jobs.start_waiting()
    await world.rest()
    assert world.state(job) is JobState.CANCELLED
    assert world.kinds() == ["failed"]


async def test_what_a_job_says_after_it_was_told_to_end_is_not_heard(database):
    world = World(database)

    async def stubborn(emit):
        try:
            await forever(emit)
        finally:
            emit("log", {"text": "still here"})

    job = await world.ran(stubborn)
    world.jobs.cancel(job)
    await world.rest()
    assert world.kinds() == ["started", "failed"]


# Pausing and stopping


async def test_a_paused_job_rests_until_it_is_resumed(database):
    world = World(database)
    begun = []

    async def twice(emit):
        begun.append(1)
        return await (forever(emit) if len(begun) == 1 else answer(emit))

    job = await world.ran(twice)
    assert world.jobs.pause(job)
    assert not world.jobs.pause(job)
    await world.rest()
    assert world.state(job) is JobState.PAUSED
    assert world.runner.over == []
    assert world.jobs.resume(job)
    assert not world.jobs.resume(job)
    await world.rest()
    assert world.state(job) is JobState.DONE
    assert world.kinds() == ["started", "paused", "resumed", "done"]


async def test_a_job_resumed_before_it_came_to_rest_begins_again_after_that(database):
    world = World(database)
    running, most = [], []

    async def slow_to_end(emit):
        running.append(1)
        most.append(len(running))
        try:
            await forever(emit)
        finally:
            await asyncio.sleep(0)
            running.pop()

    job = await world.ran(slow_to_end)
    world.jobs.pause(job)
    world.jobs.resume(job)
    await world.rest()
    assert world.state(job) is JobState.RUNNING
    assert most == [1, 1]
    await world.jobs.stop()


async def test_a_waiting_job_can_be_paused_and_keeps_the_others_moving(database):
    world = World(database, jobs_at_once=1)
    first = world.submit(answer)
    second = world.submit(answer)
    world.jobs.pause(first)
    world.jobs.start_waiting()
    await world.rest()
    assert (world.state(first), world.state(second)) == (JobState.PAUSED, JobState.DONE)


async def test_cancelling_wins_over_pausing_and_resuming(database):
    world = World(database)
    job = await world.ran(forever)
    world.jobs.pause(job)
    assert world.jobs.cancel(job)
    assert not world.jobs.resume(job)
    await world.rest()
    assert world.state(job) is JobState.CANCELLED


async def test_stopping_lets_jobs_rest_for_the_next_server_and_takes_no_more(database):
    world = World(database)
    job = await world.ran(forever)
    await world.jobs.stop()
    with pytest.raises(Fault):
        world.submit(answer)
    assert world.state(job) is JobState.QUEUED
    assert world.crash() == [job.id]
    await world.rest()
    assert world.saved.get(job.id).crashes == 0
    assert world.kinds() == ["started", "resumed"]
    await world.jobs.stop()


# Crashes


async def test_after_a_crash_what_waited_runs_and_what_ran_goes_on(database):
    world = World(database, jobs_at_once=1)
    ran = await world.ran(forever)
    waited, paused = world.submit(answer), world.submit(answer)
    world.jobs.pause(paused)
    world.runner.works[ran.request.program] = answer
    assert world.crash() == [ran.id, waited.id, paused.id]
    await world.rest()
    assert [world.state(job) for job in (ran, waited, paused)] == [JobState.DONE, JobState.DONE, JobState.PAUSED]
    assert [(event.seq, event.kind) for event in world.jobs.events(ran)] == [
        (1, "started"),
        (2, "resumed"),
        (3, "done"),
    ]


async def test_a_job_that_the_server_died_of_twice_is_failed_and_not_tried_for_ever(database):
    world = World(database)
    job = await world.ran(forever)
    assert world.crash() == [job.id]
    await world.rest()
    assert world.state(job) is JobState.RUNNING
    assert world.crash() == []
    assert world.state(job) is JobState.FAILED
    error = json.loads(world.saved.get(job.id).error)
    assert error["data"]["kind"] == "worker_crashed"
    assert "died 2 times" in error["message"]
    assert world.runner.over == [(job.id, None)]


async def test_events_go_on_without_a_gap_and_what_a_call_tells_again_is_told_once(database):
    world = World(database)
    picture = {"call": "i_1", "asset": "a", "width": 1, "height": 1}

    async def work(emit):
        emit("log", {"text": "one"})
        emit("preview", {"call": "i_1", "image": b"webp", "mime": "image/webp"})
        emit("asset", picture)
        await forever(emit)

    async def rest(emit):
        emit("asset", picture)
        emit("asset", {**picture, "asset": "b"})
        return Outcome(None, Used())

    job = await world.ran(work)
    world.jobs.events(job)
    world.runner.works[job.request.program] = rest
    world.crash()
    await world.rest()
    events = world.jobs.events(world.saved.get(job.id))
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6, 7]
    kinds = ["started", "log", "preview", "asset", "resumed", "asset", "done"]
    assert [event.kind for event in events] == kinds
    assert world.kinds() == kinds
    assert events[2].data == {"call": "i_1", "mime": "image/webp"}
    assert world.saved.get(job.id).told == 1


async def test_an_end_that_cannot_be_kept_is_kept_as_soon_as_it_can(database, monkeypatch):
    world = World(database)
    monkeypatch.setattr("mintaka.server.jobs.AGAIN_S", 0)
    full, end = [StorageFull("the disk is full")] * 2, world.saved.end

    def fail_first(*args, **named):
        if full:
            raise full.pop()
        return end(*args, **named)

    world.saved.end = fail_first
    job = await world.ran(answer)
    assert (world.state(job), full) == (JobState.DONE, [])
    assert [event.seq for _, event in world.told] == [1, 2]
    assert len(world.log.errors) == 2


# Asking for the same twice


def test_the_same_key_with_the_same_request_is_the_same_job(database):
    world = World(database)
    first = world.submit(answer, key="k")
    assert world.submit(answer, key="k").id == first.id
    assert world.submit(answer, key="other").id != first.id
    assert world.submit(answer).id != first.id
    assert world.submit(answer, key="k", owner="guest").id != first.id


def test_the_same_key_with_another_request_is_a_conflict(database):
    world = World(database)
    first = world.submit(answer, key="k")
    with pytest.raises(Fault) as refused:
        world.submit(answer, key="k", digest="another")
    assert refused.value.kind is Kind.IDEMPOTENCY_CONFLICT
    assert refused.value.data == {"job": first.id}
    assert len(world.jobs.of("owner")) == 1


# How many, and in which order


async def test_as_many_run_at_a_time_as_may_and_the_others_know_their_place(database):
    world = World(database, jobs_at_once=1)
    running = await world.ran(forever)
    second, third = world.submit(answer), world.submit(answer)
    urgent = world.submit(answer, priority=5)
    assert [world.jobs.position(job) for job in (running, second, third, urgent)] == [None, 2, 3, 1]
    world.jobs.cancel(running)
    await world.rest()
    started = [id for id, event in world.told if event.kind == "started"]
    assert started == [running.id, urgent.id, second.id, third.id]


async def test_unfinished_jobs_have_a_most(database):
    world = World(database, jobs_running=2)
    world.submit(answer)
    world.submit(answer)
    with pytest.raises(Fault) as refused:
        world.submit(answer)
    assert refused.value.kind is Kind.BUSY
    assert refused.value.data["retry_after_ms"] > 0
    world.submit(answer, owner="guest")


async def test_progress_tells_how_long_it_will_take(database):
    world = World(database)
    ticks = itertools.count(0.0, 1.0)

    async def step(emit):
        for step in range(1, 5):
            world.ticks = itertools.repeat(next(ticks))
            emit("progress", {"step": step, "steps": 4, "fraction": step / 4})
        return Outcome(None, Used())

    job = await world.ran(step)
    eta = [event.data["eta_ms"] for _, event in world.told if event.kind == "progress"]
    assert eta == [None, 2000, 1000, 0]
    assert world.jobs.progress(job)["step"] == 4


async def test_events_are_kept_up_to_a_number(database):
    world = World(database, job_events=10)

    async def chatter(emit):
        for number in range(50):
            emit("log", {"text": str(number)})
        return Outcome(None, Used())

    job = await world.ran(chatter)
    assert [event.seq for event in world.jobs.events(job)] == list(range(43, 53))
    assert [event.seq for event in world.jobs.events(job, after=50)] == [51, 52]


async def test_jobs_that_are_over_are_kept_up_to_a_number_of_each_principals(database):
    world = World(database, jobs_kept=2)
    other = await world.ran(answer, owner="guest")
    jobs = [await world.ran(answer) for _ in range(4)]
    waiting = world.submit(answer)
    assert [job.id for job in world.jobs.of("owner")] == [waiting.id, jobs[3].id, jobs[2].id]
    assert [job.id for job in world.jobs.of("guest")] == [other.id]


async def test_the_job_of_another_is_unknown(database):
    world = World(database)
    job = world.submit(answer)
    for owner, id in (("guest", job.id), ("owner", "j_x")):
        with pytest.raises(Fault) as refused:
            world.jobs.get(owner, id)
        assert refused.value.kind is Kind.NO_SUCH_CAPABILITY
    assert world.jobs.of("guest") == []
