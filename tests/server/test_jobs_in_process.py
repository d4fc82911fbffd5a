import asyncio
import itertools
import random

import pytest

from mintaka.runtime.budget import Used
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.jobs import Jobs, JobState
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Limits


class Silent:
    def __init__(self):
        self.errors = []

    def info(self, event, **facts):
        pass

    def error(self, event, **facts):
        self.errors.append(facts)


class World:
    """Jobs with a clock of their own and ears on everything that is told."""

    def __init__(self, **limits):
        ticks = itertools.count(100.0, 1.0)
        numbers = itertools.count(1)
        self.log = Silent()
        self.powers = ServerPowers(
            clock=lambda: next(ticks),
            token_bytes=lambda count: next(numbers).to_bytes(count, "big"),
            random=lambda: random.Random(1),
            log=self.log,
        )
        self.told = []
        faults = Faults(self.log, reference=lambda: "ref")
        self.jobs = Jobs(self.powers, Limits(**limits), faults, lambda job, event: self.told.append((job.id, event)))

    async def ran(self, work, principal="owner"):
        job = self.jobs.create(principal)
        self.jobs.start(job, work)
        await job.task
        return job

    def kinds(self):
        return [event.kind for _, event in self.told]


async def answer(emit):
    return Outcome(3, Used())


async def forever(emit):
    await asyncio.get_running_loop().create_future()


async def test_a_job_goes_from_started_to_done():
    world = World()
    job = await world.ran(answer)
    assert (job.state, job.outcome) == (JobState.DONE, Outcome(3, Used()))
    assert world.kinds() == ["started", "done"]


async def test_a_failure_is_told_in_the_protocols_words():
    world = World()

    async def fail(emit):
        raise HostFault("too wide", kind="denied", hint="ask for less")

    job = await world.ran(fail)
    assert job.state is JobState.FAILED
    assert job.error == {
        "code": -32042,
        "message": "too wide",
        "data": {"kind": "denied", "hint": "ask for less"},
    }


async def test_what_is_not_ours_is_logged_in_full_and_told_as_a_number():
    world = World()

    async def fail(emit):
        raise RuntimeError("/secret/path")

    job = await world.ran(fail)
    assert job.error["data"] == {"kind": "internal", "reference": "ref"}
    assert "secret" not in str(job.error)
    assert isinstance(world.log.errors[0]["exc_info"], RuntimeError)


async def test_a_cancelled_job_ends_as_cancelled():
    world = World()
    job = world.jobs.create("owner")
    world.jobs.start(job, forever)
    task = job.task
    await asyncio.sleep(0)
    assert job.state is JobState.RUNNING
    assert world.jobs.cancel(job)
    await task
    assert job.state is JobState.CANCELLED
    assert job.error["data"]["kind"] == "cancelled"
    assert not world.jobs.cancel(job)


async def test_a_job_cancelled_before_it_ran_never_runs():
    world = World()
    job = world.jobs.create("owner")
    world.jobs.start(job, forever)
    assert world.jobs.cancel(job)
    await world.jobs.stop()
    assert job.state is JobState.CANCELLED
    assert world.kinds() == ["failed"]


async def test_stopping_ends_every_job_and_takes_no_more():
    world = World()
    job = world.jobs.create("owner")
    world.jobs.start(job, forever)
    await asyncio.sleep(0)
    await world.jobs.stop()
    assert job.state is JobState.CANCELLED
    with pytest.raises(Fault):
        world.jobs.create("owner")


async def test_progress_tells_how_long_it_will_take():
    world = World()

    async def step(emit):
        for step in range(1, 5):
            emit("progress", {"step": step, "steps": 4, "fraction": step / 4})
        return Outcome(None, Used())

    await world.ran(step)
    eta = [event.data["eta_ms"] for _, event in world.told if event.kind == "progress"]
    assert eta == [None, 2000, 1000, 0]


async def test_previews_are_forgotten_when_the_job_is_over():
    world = World()

    async def work(emit):
        emit("preview", {"image": b"webp", "mime": "image/webp"})
        return Outcome(None, Used())

    job = await world.ran(work)
    assert "preview" in world.kinds()
    assert [(event.seq, event.kind) for event in job.events] == [(1, "started"), (3, "done")]


async def test_events_are_kept_up_to_a_number():
    world = World(job_events=10)

    async def chatter(emit):
        for number in range(50):
            emit("log", {"text": str(number)})
        return Outcome(None, Used())

    job = await world.ran(chatter)
    assert [event.seq for event in job.events] == list(range(43, 53))


async def test_results_are_kept_up_to_a_number():
    world = World(jobs_kept=2)
    jobs = [await world.ran(answer) for _ in range(4)]
    world.jobs.create("owner")
    kept = [job.id for job in world.jobs.of("owner") if job.over]
    assert kept == [jobs[3].id, jobs[2].id]


async def test_unfinished_jobs_have_a_most():
    world = World(jobs_running=2)
    world.jobs.create("owner")
    world.jobs.create("owner")
    with pytest.raises(Fault) as refused:
        world.jobs.create("owner")
    assert refused.value.kind is Kind.BUSY
    assert refused.value.data["retry_after_ms"] > 0
    world.jobs.create("guest")


async def test_the_job_of_another_is_unknown():
    world = World()
    job = world.jobs.create("owner")
    for principal, id in (("guest", job.id), ("owner", "j_x")):
        with pytest.raises(Fault) as refused:
            world.jobs.get(principal, id)
        assert refused.value.kind is Kind.NO_SUCH_CAPABILITY
    assert world.jobs.of("guest") == []
