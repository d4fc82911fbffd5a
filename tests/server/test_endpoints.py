"""Scripts that somebody published, called by others over the wire."""

import contextlib

import pytest

from mintaka.client import RemoteError
from mintaka.client import connect as client

POSTER = """
(params (prompt string "a red circle" "What to draw")
        (steps (int 1 4) 2 "Denoising steps")
        (style (choice "plain" "loud") "plain"))
(let draw (get-capability "diffusers.generate"))
(draw.textToImage prompt {:num_inference_steps steps :seed 1 :width 64 :height 64})
"""

ADD = '(params (a int) (b (number 0 10) 2 "The other one")) (+ a b)'


@contextlib.asynccontextmanager
async def signed_in(server, token):
    async with client(server.url, token) as connection:
        yield connection


async def publish(connection, name, source, **more):
    return await connection.call("endpoints.publish", {"name": name, "source": source, **more})


async def a_link(owner, names, **more):
    """The token of a share link to the power to call these endpoints."""
    listed = await owner.call("capabilities.list")
    root = next(each["cap"] for each in listed if each["type"] == "endpoint.call" and each["parent"] is None)
    params = {"cap": root, "restrictions": {"endpoints": names}, **more}
    return (await owner.call("capabilities.export", params))["token"]


async def refused(connection, method, params):
    with pytest.raises(RemoteError) as caught:
        await connection.call(method, params)
    return caught.value


async def test_a_guest_calls_by_link_what_the_link_names_and_holds_nothing_else(server):
    async with signed_in(server, server.token) as owner:
        made = await publish(owner, "linked", POSTER, description="Draws a poster.")
        assert made["version"] == 1
        assert made["parameters"]["properties"]["steps"] == {
            "title": "Steps",
            "description": "Denoising steps",
            "order": 1,
            "type": "integer",
            "widget": "slider",
            "minimum": 1,
            "maximum": 4,
            "default": 2,
        }
        await publish(owner, "unlinked", ADD)
        token = await a_link(owner, ["linked"], limits={"uses": 1})
        async with signed_in(server, token) as guest:
            [told] = await guest.call("endpoints.list")
            assert (told["name"], told["owner"], told["left"]) == ("linked", "owner", {"uses": 1})
            assert [each["type"] for each in await guest.call("capabilities.list")] == ["endpoint.call"]
            for method in ("call", "describe", "versions"):
                unknown = await refused(guest, f"endpoints.{method}", {"name": "unlinked"})
                assert unknown.kind == "no_such_capability"
            wrong = await refused(guest, "endpoints.call", {"name": "linked", "arguments": {"steps": 99}})
            assert (wrong.kind, wrong.data["parameter"], wrong.data["expected"]) == (
                "invalid_params",
                "steps",
                "int from 1 to 4",
            )
            picture = await guest.call("endpoints.call", {"name": "linked", "arguments": {"steps": 1}})
            assert (picture.width, picture.height) == (64, 64)
            job = (await guest.call("jobs.list"))[0]
            assert job["state"] == "done"
            assets = (await guest.call("jobs.get", {"job": job["job"]}))["assets"]
            assert [each["asset"] for each in assets] == [picture.asset]
            again = await refused(guest, "endpoints.call", {"name": "linked"})
            assert again.kind == "no_budget"
            described = await guest.call("endpoints.describe", {"name": "linked"})
            assert "source" not in described
            assert "grant" not in described
        # The picture is the guest's as well as whose drawing power it took.
        told = await owner.call("capabilities.audit", {"count": 10_000})
        uses = [each for each in told if each["deed"] == "used" and each["data"]["method"] in ("call", "textToImage")]
        assert [each["actor"] for each in uses[-2:]] == ["owner", guest.principal]
        assert any(each["deed"] == "published" and each["data"]["endpoint"] == "linked" for each in told)
        await owner.call("endpoints.unpublish", {"name": "linked"})
        await owner.call("endpoints.unpublish", {"name": "unlinked"})


async def test_what_is_wrong_with_arguments_names_the_argument_and_what_is_expected(server):
    async with signed_in(server, server.token) as owner:
        await publish(owner, "add", ADD)
        assert await owner.call("endpoints.call", {"name": "add", "arguments": {"a": 3, "b": None}}) == 5
        for arguments, parameter, expected in (
            ({}, "a", "int"),
            ({"a": "3"}, "a", "int"),
            ({"a": 1, "b": 11}, "b", "number from 0 to 10"),
            ({"a": 1, "c": 2}, "c", None),
        ):
            wrong = await refused(owner, "endpoints.call", {"name": "add", "arguments": arguments})
            told = (wrong.kind, wrong.data["parameter"], wrong.data.get("expected"))
            assert told == ("invalid_params", parameter, expected)
        await owner.call("endpoints.unpublish", {"name": "add"})


async def test_versions_stay_as_they_are_and_their_numbers_are_never_given_again(server):
    async with signed_in(server, server.token) as owner:
        for result in ("1", "2", "3"):
            await publish(owner, "count", f'(params (why string "")) {result}')
        assert [each["version"] for each in await owner.call("endpoints.versions", {"name": "count"})] == [3, 2, 1]
        assert await owner.call("endpoints.call", {"name": "count"}) == 3
        assert await owner.call("endpoints.call", {"name": "count", "version": 1}) == 1
        assert await owner.call("endpoints.unpublish", {"name": "count", "version": 3}) == {"withdrawn": [3]}
        assert await owner.call("endpoints.call", {"name": "count"}) == 2
        assert (await publish(owner, "count", "4"))["version"] == 4
        assert await owner.call("endpoints.unpublish", {"name": "owner/count"}) == {"withdrawn": [4, 2, 1]}
        gone = await refused(owner, "endpoints.call", {"name": "count"})
        assert gone.kind == "no_such_capability"


async def test_what_cannot_be_published_is_refused_with_the_reason(server):
    async with signed_in(server, server.token) as owner:
        made = await owner.call("principals.create", {"name": "endpoint-nobody"})
        listed = await owner.call("capabilities.list")
        draw = next(each["cap"] for each in listed if each["type"] == "diffusers.generate" and each["parent"] is None)
        for source, more, kind, says in (
            ("(params (x any)) x", {}, "invalid_params", "`x` of an endpoint needs a type"),
            ("(params (x int)) (+ x", {}, "script_rejected", "("),
            ("(std.arg 0)", {}, "invalid_params", "by name"),
            ('(get-capability (str.concat "net" ".http"))', {}, "invalid_params", "only known when it runs"),
            (POSTER, {"capabilities": []}, "denied", "textToImage"),
            (POSTER, {"capabilities": [{"cap": draw, "restrictions": {"methods": ["estimate"]}}]}, "denied", "none"),
        ):
            wrong = await refused(owner, "endpoints.publish", {"name": "bad", "source": source, **more})
            assert wrong.kind == kind
            assert says in wrong.message
        wrong = await refused(owner, "endpoints.publish", {"name": "Bad name", "source": "1"})
        assert wrong.kind == "invalid_params"
        assert "bad" not in [each["name"] for each in await owner.call("endpoints.list")]
        async with signed_in(server, made["token"]) as nobody:
            wrong = await refused(nobody, "endpoints.publish", {"name": "poster", "source": POSTER})
            assert (wrong.kind, wrong.data["type"]) == ("denied", "diffusers.generate")
            await publish(nobody, "own", ADD)
            [own] = await nobody.call("endpoints.list")
            assert (own["name"], own["owner"]) == ("own", "endpoint-nobody")
        assert "own" not in [each["name"] for each in await owner.call("endpoints.list")]


async def test_a_request_asked_again_under_its_key_is_the_same_call(server):
    async with signed_in(server, server.token) as owner:
        await publish(owner, "once", "(params (x int)) (* x 2)")
        token = await a_link(owner, ["once"], limits={"uses": 1})
        async with signed_in(server, token) as guest:
            asked = {"name": "once", "arguments": {"x": 4}, "idempotency_key": "k1"}
            assert await guest.call("endpoints.call", asked) == 8
            assert await guest.call("endpoints.call", asked) == 8
            job = await guest.call("endpoints.call", {**asked, "mode": "job"})
            assert [each["job"] for each in await guest.call("jobs.list")] == [job["job"]]
            other = await refused(guest, "endpoints.call", {**asked, "arguments": {"x": 5}})
            assert other.kind == "idempotency_conflict"
        await owner.call("endpoints.unpublish", {"name": "once"})


async def test_a_capability_of_another_type_calls_no_endpoint(server):
    async with signed_in(server, server.token) as owner:
        await publish(owner, "secret", "42")
        listed = await owner.call("capabilities.list")
        draw = next(each["cap"] for each in listed if each["type"] == "diffusers.generate" and each["parent"] is None)
        token = (await owner.call("capabilities.export", {"cap": draw}))["token"]
        async with signed_in(server, token) as guest:
            [held] = await guest.call("capabilities.list")
            wrong = await refused(guest, "endpoints.call", {"name": "secret", "cap": held["cap"]})
            assert wrong.kind == "no_such_capability"
        await owner.call("endpoints.unpublish", {"name": "secret"})


async def test_who_withdraws_an_endpoint_stops_its_calls(server):
    slow = """
    (params (steps (int 1 1000) 1000))
    (let draw (get-capability "diffusers.generate"))
    (draw.textToImage "a red circle" {:num_inference_steps steps :seed 1 :width 64 :height 64})
    """
    async with signed_in(server, server.token) as owner:
        await publish(owner, "slow", slow)
        token = await a_link(owner, ["slow"])
        async with signed_in(server, token) as guest:
            job = (await guest.call("endpoints.call", {"name": "slow", "mode": "job"}))["job"]
            async for event in guest.events(job):
                if event.kind == "progress":
                    await owner.call("endpoints.unpublish", {"name": "slow"})
                if event.kind == "failed":
                    break
            assert (await guest.call("jobs.get", {"job": job}))["error"]["data"]["kind"] == "no_such_capability"
