"""Handing capabilities to others, over the wire: users, tokens, share links and guests."""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

DRAW = """
(let draw (get-capability "diffusers.generate"))
(draw.textToImage "a red circle" {:num_inference_steps 2 :seed 1})
"""


@contextlib.asynccontextmanager
async def signed_in(server, token):
    """A connection, and what signing in was answered."""
    async with connect(server.url, compression=None, proxy=None, max_size=None) as socket:
        yield socket, await ask(socket, "auth", {"token": token})


async def ask(socket, method, params=None):
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("id") == 1:
            return answer.get("result", answer.get("error"))


async def root_of(socket):
    listed = await ask(socket, "capabilities.list")
    return next(each["cap"] for each in listed if each["type"] == "diffusers.generate" and each["parent"] is None)


async def test_whoever_opens_a_share_link_holds_exactly_what_it_gives(server):
    async with signed_in(server, server.token) as (owner, _):
        made = await ask(
            owner,
            "capabilities.export",
            {
                "cap": await root_of(owner),
                "restrictions": {"max_width": 64, "max_height": 64},
                "limits": {"compute": 0.01},
                "label": "for Ann",
                "uses": 1,
            },
        )
        assert made["link"] == f"{server.http}/#token={made['token']}"
        async with signed_in(server, made["token"]) as (guest, answer):
            assert answer["principal"].startswith("guest-")
            [held] = await ask(guest, "capabilities.list")
            assert held["restrictions"] == {"max_height": 64, "max_width": 64}
            assert held["left"] == {"compute": 0.01}
            picture = await ask(guest, "execute_script", {"source": DRAW})
            assert (picture["width"], picture["height"]) == (64, 64)
            refused = await ask(guest, "execute_script", {"source": DRAW})
            assert refused["data"]["kind"] == "no_budget"
            denied = await ask(guest, "principals.list")
            assert denied["data"]["kind"] == "denied"
        async with signed_in(server, answer["token"]) as (_, again):
            assert again["principal"] == answer["principal"]
        async with signed_in(server, made["token"]) as (_, used_up):
            assert used_up["data"]["kind"] == "unauthenticated"
        listed = await ask(owner, "capabilities.list")
        assert [each["holder"] for each in listed if each["parent"] == made["cap"]] == [answer["principal"]]


async def test_who_may_use_no_model_that_is_there_is_told_of_none(server):
    async with signed_in(server, server.token) as (owner, _):
        assert [each["id"] for each in await ask(owner, "models.list")] != []
        made = await ask(
            owner, "capabilities.export", {"cap": await root_of(owner), "restrictions": {"allowed_models": ["other"]}}
        )
        async with signed_in(server, made["token"]) as (guest, _):
            assert await ask(guest, "models.list") == []
            told = await ask(guest, "get_capability_metadata", {"if_rev": ""})
            assert '"starter"' not in json.dumps(told)
            assert "starter-turbo" not in json.dumps(told)


async def test_a_link_taken_back_ends_what_everybody_got_by_it(server):
    async with signed_in(server, server.token) as (owner, _):
        made = await ask(owner, "capabilities.export", {"cap": await root_of(owner)})
        async with signed_in(server, made["token"]) as (guest, _):
            [held] = await ask(guest, "capabilities.list")
            assert await ask(owner, "capabilities.revoke", {"cap": made["cap"]}) == {"revoked": 2}
            gone = await ask(guest, "std.call_method", {"object": held["cap"], "method": "models", "args": []})
            assert gone["data"]["kind"] == "no_such_capability"
        async with signed_in(server, made["token"]) as (_, refused):
            assert refused["data"]["kind"] == "unauthenticated"


async def test_revoking_stops_a_picture_of_a_guest_at_the_next_step(server):
    async with signed_in(server, server.token) as (owner, _):
        made = await ask(owner, "capabilities.export", {"cap": await root_of(owner)})
        async with signed_in(server, made["token"]) as (guest, _):
            long = DRAW.replace("steps 2", "steps 150")
            await guest.send(
                json.dumps(
                    {"jsonrpc": "2.0", "id": 2, "method": "execute_script", "params": {"source": long, "mode": "job"}}
                )
            )
            while json.loads(await guest.recv()).get("method") != "job.progress":
                pass
            await ask(owner, "capabilities.revoke", {"cap": made["cap"]})
            async with asyncio.timeout(60):
                while (told := json.loads(await guest.recv())).get("method") not in ("job.done", "job.failed"):
                    pass
            assert told["method"] == "job.failed"
            assert told["params"]["error"]["data"]["kind"] == "no_such_capability"


async def test_a_user_holds_what_was_shared_with_them_until_their_token_is_revoked(server):
    async with signed_in(server, server.token) as (owner, _):
        made = await ask(owner, "principals.create", {"name": "bob", "capabilities": [await root_of(owner)]})
        assert made["principal"] == "bob"
        async with signed_in(server, made["token"]) as (bob, _):
            assert [each["type"] for each in await ask(bob, "capabilities.list")] == ["diffusers.generate"]
            [known] = [each for each in await ask(owner, "tokens.list") if each["principal"] == "bob"]
            assert known["last_used"] is not None
            assert made["token"] not in json.dumps(known)
            assert await ask(owner, "tokens.revoke", {"token": known["id"]}) is None
            with pytest.raises(ConnectionClosed):
                await bob.recv()
        async with signed_in(server, made["token"]) as (_, refused):
            assert refused["data"]["kind"] == "unauthenticated"


async def test_a_user_who_cannot_be_given_what_they_shall_hold_is_not_made(server):
    async with signed_in(server, server.token) as (owner, _):
        kept = await ask(
            owner, "capabilities.delegate", {"cap": await root_of(owner), "restrictions": {"no_give": True}}
        )
        params = {"name": "eve", "capabilities": [kept]}
        assert (await ask(owner, "principals.create", params))["data"]["kind"] == "denied"
        assert "eve" not in [each["name"] for each in await ask(owner, "principals.list")]


@pytest.mark.parametrize("name", ["bob/..", "", "Ö", "owner", "a" * 65])
async def test_names_that_are_none_or_taken_are_refused(server, name):
    async with signed_in(server, server.token) as (owner, _):
        assert (await ask(owner, "principals.create", {"name": name}))["data"]["kind"] == "invalid_params"


async def test_a_users_token_opens_their_own_pictures_and_nobody_elses(server):
    async with signed_in(server, server.token) as (owner, _):
        picture = await ask(owner, "execute_script", {"source": DRAW})
        made = await ask(owner, "principals.create", {"name": "cid", "capabilities": []})

    def status(token):
        address = f"{server.http}/assets/{picture['asset']}.png"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert await asyncio.to_thread(status, server.token) == 200
    assert await asyncio.to_thread(status, made["token"]) == 404
