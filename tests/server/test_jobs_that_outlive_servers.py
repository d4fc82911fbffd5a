"""A real server, really killed under its jobs: what was accepted goes on, and nothing is done or told twice."""

import json
import signal
import sqlite3

import pytest

from mintaka import client
from mintaka.client import RemoteError

DRAW = (
    '(let draw (get-capability "diffusers.generate"))'
    "(let paint (lambda [seed] (obj.get"
    ' (draw.textToImage "a red circle" {:width 64 :height 64 :num_inference_steps STEPS :seed seed}) "asset")))'
)
PICTURES = (
    DRAW.replace("STEPS", "3")
    + '(for seed [1 2 3 4] (seq (log (str.concat "seed " seed)) (paint seed))) (list.map [1 2] paint)'
)
ENDLESS = '(log "one") (time.now) (log "two") (while true 1)'
PATIENCE = {"fuel": 1_000_000_000}
"""Ten seconds of an endless loop: what usually ends one must not be what a test sees."""


async def followed(m, job):
    """The events of a job to its end."""
    return [event async for event in m.events(job)]


async def until(m, job, *kinds, times=1):
    """Wait until a job has told something of a kind so often."""
    async for event in m.events(job):
        assert event.kind != "failed", event.data
        times -= event.kind in kinds
        if not times:
            return


def left_behind(server):
    """What the database says is reserved, and the assets of jobs with the call of each."""
    with sqlite3.connect(server.data / "mintaka.db") as database:
        (reserved,) = database.execute("SELECT coalesce(sum(reserved), 0) FROM account").fetchone()
        (running,) = database.execute("SELECT count(*) FROM invocation WHERE state = 'running'").fetchone()
        assets = database.execute("SELECT invocation, number, name FROM asset").fetchall()
        (kept,) = database.execute("SELECT count(*) FROM effect").fetchone()
    return reserved + running + kept, assets


def killed(server):
    """The server ends as by a power cut."""
    server.stop(signal.SIGKILL)


async def test_a_killed_server_goes_on_with_its_jobs_and_does_nothing_twice(start_server):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        job = await m.start(PICTURES)
        waiting = await m.start("(+ 1 2)")
        await until(m, job, "asset", times=2)
        killed(server)
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        events = await followed(m, job)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        kinds = [event.kind for event in events]
        assert (kinds[0], kinds.count("resumed"), kinds[-1]) == ("started", 1, "done")
        assert [event.data["text"] for event in events if event.kind == "log"] == [f"seed {n}" for n in (1, 2, 3, 4)]
        told = [(event.data["call"], event.data["asset"]) for event in events if event.kind == "asset"]
        assert len(told) == len(set(told)) == 6
        known = await m.call("jobs.get", {"job": job})
        assert known["state"] == "done"
        assert [each["asset"] for each in known["assets"]] == list(dict.fromkeys(asset for _, asset in told))
        assert known["result"] == [told[0][1], told[1][1]]
        await followed(m, waiting)
        assert (await m.call("jobs.get", {"job": waiting}))["result"] == 3
    reserved, assets = left_behind(server)
    assert reserved == 0
    assert len(assets) == len(set(assets)) == 6


async def test_a_clean_end_lets_a_job_rest_and_the_next_server_goes_on_with_it(start_server):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        job = await m.start(ENDLESS, budget=PATIENCE)
        await until(m, job, "log", times=2)
    assert server.stop(signal.SIGTERM) == 0
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        told = await m.call("jobs.events", {"job": job})
        assert [(each["seq"], each["event"]) for each in told] == [
            (1, "job.started"),
            (2, "job.log"),
            (3, "job.log"),
            (4, "job.resumed"),
        ]
        assert (await m.call("jobs.get", {"job": job}))["state"] == "running"


async def test_the_server_may_die_of_a_job_twice_and_not_for_ever(start_server):
    job = None
    for _ in range(2):
        server = start_server()
        async with client.connect(server.url, server.token) as m:
            job = job or await m.start(ENDLESS, budget=PATIENCE)
            await until(m, job, "log", times=2)
            killed(server)
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        told = await m.call("jobs.get", {"job": job})
        assert (told["state"], told["error"]["data"]["kind"]) == ("failed", "worker_crashed")
        events = await followed(m, job)
        assert [event.kind for event in events] == ["started", "log", "log", "resumed", "failed"]
        again = await m.call("jobs.retry", {"job": job})
        assert again["job"] != job
        await until(m, again["job"], "log", times=2)


async def test_a_job_can_be_paused_in_the_middle_and_goes_on_where_it_was(server):
    async with client.connect(server.url, server.token) as m:
        job = await m.start(PICTURES)
        await until(m, job, "asset", times=2)
        assert await m.call("jobs.pause", {"job": job}) == {"paused": True}
        assert (await m.call("jobs.get", {"job": job}))["state"] == "paused"
        assert await m.call("jobs.resume", {"job": job}) == {"resumed": True}
        events = await followed(m, job)
        assert events[-1].kind == "done"
        told = [event.data["call"] for event in await followed(m, job) if event.kind == "asset"]
        assert len(told) == len(set(told)) == 6


async def test_the_same_request_under_the_same_key_is_one_job(server):
    async with client.connect(server.url, server.token) as m:
        request = {"source": "(+ 1 (arg 0))", "args": [2], "mode": "job", "idempotency_key": "monday"}
        first = await m.call("execute_script", request)
        assert (await m.call("execute_script", request))["job"] == first["job"]
        with pytest.raises(RemoteError) as refused:
            await m.call("execute_script", {**request, "args": [3]})
        assert (refused.value.kind, refused.value.data["job"]) == ("idempotency_conflict", first["job"])
        with pytest.raises(RemoteError) as refused:
            await m.call("execute_script", {**request, "mode": "result"})
        assert refused.value.kind == "invalid_params"


async def test_a_capability_asked_for_again_from_another_session_is_the_same_request(server):
    jobs = set()
    for _ in range(2):
        async with client.connect(server.url, server.token) as m:
            cap = await m.call("get_capability", {"type": "fs.read"})
            request = {
                "source": "(typeof (arg 0))",
                "args": [cap],
                "grant": [cap],
                "mode": "job",
                "idempotency_key": "c",
            }
            jobs.add((await m.call("execute_script", request))["job"])
    assert len(jobs) == 1


async def test_a_job_of_a_capability_that_was_taken_back_stops(server):
    async with client.connect(server.url, server.token) as m:
        cap = await m.call("get_capability", {"type": "diffusers.generate"})
        few = await m.call("capabilities.delegate", {"cap": cap, "label": "few"})
        asked = {"source": ENDLESS, "grant": [few], "mode": "job", "budget": PATIENCE}
        job = (await m.call("execute_script", asked))["job"]
        await until(m, job, "log")
        await m.call("capabilities.revoke", {"cap": few})
        last = (await followed(m, job))[-1]
        assert last.kind == "failed"
        assert last.data["error"]["data"]["kind"] == "no_such_capability"


async def test_what_a_job_made_for_itself_ends_with_it_and_what_it_gives_back_lives_on(server):
    async with client.connect(server.url, server.token) as m:
        source = '(let draw (get-capability "diffusers.generate")) (delegate draw) (delegate draw {:max_width 64})'
        before = {each["id"] for each in await m.call("capabilities.list")}
        kept = await m.run(source, on_event=lambda event: None)
        after = {each["id"] for each in await m.call("capabilities.list")}
        assert after - before == {kept.id if hasattr(kept, "id") else kept["id"]}


async def test_what_was_changed_in_the_database_is_not_run(start_server):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        job = (await m.call("execute_script", {"source": "(arg 0)", "args": [1], "mode": "job"}))["job"]
        await followed(m, job)
    server.stop()
    with sqlite3.connect(server.data / "mintaka.db") as database:
        database.execute("UPDATE run SET program = ?", [json.dumps({"text": '(get-capability "sys.mint")'})])
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        with pytest.raises(RemoteError) as refused:
            await m.call("jobs.retry", {"job": job})
        assert refused.value.kind == "storage_error"
