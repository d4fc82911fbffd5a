import asyncio
import hashlib

import httpx
import pytest
from blake3 import blake3

from mintaka import client
from mintaka.engine.models.folder import ModelFolder
from mintaka.server.places import shipped_models

HOLD = '(let draw (get-capability "diffusers.generate"))'
DRAW = f'{HOLD} (draw.textToImage "a red circle" {{:num_inference_steps 2 :seed 7}})'
LONG = f'{HOLD} (draw.textToImage "a red circle" {{:num_inference_steps 1000}})'


@pytest.fixture
async def m(server):
    async with client.connect(server.url, server.token) as connection:
        yield connection


async def test_scripts_give_plain_values(m):
    assert await m.run("(+ 1 2)") == 3
    assert await m.run(["str.concat", "a", "b"]) == "ab"
    assert await m.run('{:a [1 null true "x"]}') == {"a": [1, None, True, "x"]}
    assert await m.run("(std.arg 0)", args=[{"a": [1]}]) == {"a": [1]}


async def test_a_script_declares_parameters_that_callers_fill_in(m):
    source = '(params (name string "you") (times (int 1 3) 2)) [name times]'
    assert await m.run(source) == ["you", 2]
    assert await m.run(source, params={"name": "me", "times": 3}) == ["me", 3]
    for wrong, kind in (({"times": 4}, "limit"), ({"times": "two"}, "type"), ({"naem": "me"}, "arity")):
        with pytest.raises(client.RemoteError) as error:
            await m.run(source, params=wrong)
        assert error.value.kind == kind
        assert next(iter(wrong)) in error.value.message
    with pytest.raises(client.RemoteError, match="takes no parameters"):
        await m.run("1", params={"x": 1})


async def test_errors_carry_their_kind_place_and_hint(m):
    with pytest.raises(client.RemoteError) as error:
        await m.run("(+ 1\n   (list.mpa [1] 2))")
    assert error.value.kind == "unknown_op"
    assert (error.value.data["line"], error.value.data["column"]) == (2, 5)
    assert "list.map" in f"{error.value.message} {error.value.hint}"


async def test_a_job_tells_what_happens_in_order(m):
    events: list[client.Event] = []
    result = await m.run('(log "one") (for n [1 2] (log "two")) 3', on_event=events.append)
    assert result == 3
    assert [event.kind for event in events] == ["started", "log", "log", "log", "done"]
    assert [event.data.get("text") for event in events[1:4]] == ["one", "two", "two"]
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert events[-1].data["used"]["fuel"] > 0


async def test_a_failing_job_raises_its_error(m):
    with pytest.raises(client.RemoteError) as error:
        await m.run('(std.throw "boom")', on_event=lambda event: None)
    assert (error.value.kind, error.value.message) == ("thrown", "boom")


async def test_a_script_makes_a_picture(m, server):
    events: list[client.Event] = []
    picture = await m.run(DRAW, on_event=events.append)
    assert isinstance(picture, client.RemoteImage)
    assert picture.data.startswith(b"\x89PNG")
    assert picture.asset == blake3(picture.data).hexdigest()
    assert picture.seed == 7
    kinds = [event.kind for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "done"
    (told,) = (await m.call("jobs.get", {"job": events[0].job}))["assets"]
    assert (told["asset"], told["image_url"]) == (picture.asset, picture.image_url)
    assert {"progress", "asset"} <= set(kinds)
    steps = [(event.data["step"], event.data["steps"]) for event in events if event.kind == "progress"]
    assert steps == [(1, 2), (2, 2)]
    again = await m.run(DRAW)
    assert isinstance(again, client.RemoteImage)
    assert hashlib.sha256(again.data).digest() == hashlib.sha256(picture.data).digest()


async def test_a_picture_is_seen_while_it_emerges(m):
    if ModelFolder([shipped_models()]).get("starter").latent_rgb is None:
        pytest.skip("the starter model has no map from latents to colours")
    events: list[client.Event] = []
    await m.run(DRAW, on_event=events.append)
    previews = [event for event in events if event.kind == "preview"]
    assert previews
    assert all(str(event.data["image"]).startswith("data:image/webp;base64,") for event in previews)


async def test_a_picture_is_served_to_who_has_its_key_or_the_token(m, server):
    picture = await m.run(DRAW)
    assert isinstance(picture, client.RemoteImage)
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as web:
        answer = await web.get(picture.image_url)
        assert (answer.status_code, answer.content) == (200, picture.data)
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        assert "sandbox" in answer.headers["content-security-policy"]
        again = await web.get(picture.image_url, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        bare = picture.image_url.partition("?")[0]
        assert (await web.get(bare)).status_code == 404
        assert (await web.get(f"{bare}?key={'0' * 32}")).status_code == 404
        assert (await web.get(bare, headers={"authorization": "Bearer wrong"})).status_code == 404
        allowed = await web.get(bare, headers={"authorization": f"Bearer {server.token}"})
        assert allowed.content == picture.data
        unknown = f"/assets/{'0' * 64}.png"
        assert (await web.get(unknown, headers={"authorization": f"Bearer {server.token}"})).status_code == 404


async def test_a_cancelled_job_ends_as_cancelled_and_the_next_picture_is_drawn(m):
    job = await m.start(LONG)
    kinds = []
    async for event in m.events(job):
        kinds.append(event.kind)
        if event.kind == "progress" and kinds.count("progress") == 1:
            await m.cancel(job)
        if event.final:
            assert event.kind == "failed"
            assert event.data["error"]["data"]["kind"] == "cancelled"
    told = await m.call("jobs.get", {"job": job})
    assert told["state"] == "cancelled"
    assert isinstance(await m.run(DRAW), client.RemoteImage)


async def test_cancelling_who_awaits_a_run_cancels_its_job(m):
    stepping = asyncio.Event()

    def heard(event: client.Event) -> None:
        if event.kind == "progress":
            stepping.set()

    running = asyncio.create_task(m.run(LONG, on_event=heard))
    await stepping.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    newest = (await m.call("jobs.list"))[0]
    assert newest["state"] in ("running", "cancelled")
    async for event in m.events(newest["job"]):
        if event.final:
            break
    assert (await m.call("jobs.get", {"job": newest["job"]}))["state"] == "cancelled"


async def test_a_closed_connection_cancels_what_it_awaited_and_only_that(server):
    async with client.connect(server.url, server.token) as watcher:
        async with client.connect(server.url, server.token) as going:
            long = {"fuel": 1_000_000_000}  # some ten seconds
            job = await going.start("(while true 1)", budget=long)
            awaited = asyncio.create_task(going.run("(while true 1)", budget=long))
            await going.call("ping")
        with pytest.raises(client.ConnectionLost):
            await awaited
        assert (await watcher.call("jobs.get", {"job": job}))["state"] == "running"
        assert await watcher.call("jobs.cancel", {"job": job}) == {"cancelled": True}
        async for event in watcher.events(job):
            if event.final:
                break
        assert await watcher.call("jobs.cancel", {"job": job}) == {"cancelled": False}


async def test_jobs_replay_what_was_missed(m):
    job = await m.start('(log "one") (log "two") 3')
    async for event in m.events(job):
        if event.final:
            break
    events = await m.call("jobs.events", {"job": job, "after": 2})
    assert [(event["event"], event["seq"]) for event in events] == [("job.log", 3), ("job.done", 4)]
    assert events[-1]["result"] == 3
    told = await m.call("jobs.get", {"job": job})
    assert (told["state"], told["result"]) == ("done", 3)


async def test_an_unknown_job_is_no_such_thing(m):
    for method in ("jobs.get", "jobs.cancel", "jobs.events"):
        with pytest.raises(client.RemoteError) as error:
            await m.call(method, {"job": "j_nothing"})
        assert error.value.kind == "no_such_capability"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ("{:width 100000}", "invalid_params"),
        ("{:width 512}", "denied"),
        ('{:model_id "grand"}', "denied"),
        ('{:seed "seven"}', "type"),
        ("{:widht 64}", "invalid_params"),
        ("{:num_inference_steps 21}", "denied"),
    ],
)
async def test_a_narrowed_capability_refuses_what_it_does_not_allow(m, options, kind):
    cap = await m.run(
        '(mint (get-capability "sys.mint") "diffusers.generate"'
        ' {:allowed_models ["starter"] :max_width 256 :max_height 256 :max_steps 20})'
    )
    assert isinstance(cap, client.RemoteCapability)
    with pytest.raises(client.RemoteError) as error:
        await m.run(f'(let draw (std.arg 0)) (draw.textToImage "a red circle" {options})', args=[cap])
    assert error.value.kind == kind
    assert await m.run("(+ 1 2)") == 3


async def test_a_run_can_be_given_less_than_one_holds(server):
    async with client.connect(server.url, server.token) as m:
        cap = await m.run('(delegate (get-capability "diffusers.generate") {:max_width 64})')
        request = {"source": '(has_capability "sys.mint")', "grant": [client.values.encode(cap)]}
        assert await m.call("execute_script", request) is False
        request["source"] = '(has_capability "diffusers.generate")'
        assert await m.call("execute_script", request) is True


async def test_nobody_at_an_address_is_said_clearly():
    with pytest.raises(client.ConnectionLost, match="mintaka serve"):
        async with client.connect("ws://127.0.0.1:9", "x"):
            pass
    with pytest.raises(client.ClientError, match="no WebSocket address"):
        async with client.connect("http://127.0.0.1:9", "x"):
            pass


async def test_a_wrong_token_is_a_remote_error(server):
    with pytest.raises(client.RemoteError) as error:
        async with client.connect(server.url, "wrong"):
            pass
    assert error.value.kind == "unauthenticated"
