"""Entities over the wire: what ViwoScript's clients send and get, who sees what, and what goes off after a restart."""

import base64
import contextlib
import itertools
import json
import struct

from websockets.asyncio.client import connect

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 8, 8, 8, 6, 0, 0, 0, 0)

NUMBERS = itertools.count()


class Client:
    """A signed-in connection that keeps the notifications it hears."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []

    async def ask(self, method, params):
        await self.socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        while True:
            message = json.loads(await self.socket.recv())
            if "id" in message:
                return message.get("result", message.get("error"))
            self.heard.append((message["method"], message["params"]))

    async def hear(self):
        message = json.loads(await self.socket.recv())
        return message["method"], message["params"]

    def told(self):
        heard, self.heard = self.heard, []
        return heard


@contextlib.asynccontextmanager
async def signed_in(server, token):
    async with connect(server.url, compression=None, proxy=None, max_size=None) as socket:
        client = Client(socket)
        await client.ask("auth", {"token": token})
        yield client


@contextlib.asynccontextmanager
async def user(server, *shared):
    """Somebody new, with what the owner shares with them: types, restrictions and limits."""
    async with signed_in(server, server.token) as owner:
        name = f"keeper-{next(NUMBERS)}"
        made = await owner.ask("principals.create", {"name": name})
        held = {each["type"]: each["cap"] for each in await owner.ask("capabilities.list", {}) if not each["parent"]}
        for type, restrictions, limits in shared:
            await owner.ask(
                "capabilities.share",
                {"cap": held[type], "to": name, "restrictions": restrictions, "limits": limits},
            )
    async with signed_in(server, made["token"]) as client:
        yield client


async def lamp(client, **verbs):
    id = await client.ask("sys.create", {"props": {"name": "lamp"}})
    for name, source in verbs.items():
        assert await client.ask("update_verb", {"entityId": id, "name": name, "source": source}) == {"status": "ok"}
    return id


async def test_what_a_client_asks_on_connecting_is_answered_with_notifications_before(server):
    async with user(server, ("sys.create", {}, {})) as client:
        assert await client.ask("execute", ["whoami"]) == {"status": "ok"}
        [(method, params)] = client.told()
        assert method == "player_id"
        me = params["playerId"]
        room = await client.ask("sys.create", [{"name": "room"}])
        control = await client.ask("get_capability", {"type": "entity.control"})
        moved = await client.ask(
            "std.call_method", {"object": control, "method": "update", "args": [{"id": me}, {"location": room}]}
        )
        assert moved["location"] == room
        coin = await client.ask("sys.create", {"props": {"name": "coin", "location": me}})
        assert await client.ask("execute", ["look"]) == {"status": "ok"}
        assert await client.ask("execute", ["inventory"]) == {"status": "ok"}
        assert await client.ask("execute", ["whoami"]) == {"status": "ok"}
        look, inventory, *who = client.told()
        assert [each["id"] for each in look[1]["entities"]] == [room, me]
        assert [each["id"] for each in inventory[1]["entities"]] == [me, coin]
        assert who == [("player_id", {"playerId": me}), ("room_id", {"roomId": room})]
        assert await client.ask("login", {"entityId": me}) == {"playerId": me, "status": "ok"}
        assert (await client.ask("login", {"entityId": room}))["data"]["kind"] == "no_such_capability"


async def test_who_may_make_no_entity_has_none_and_can_connect_all_the_same(server):
    async with user(server) as client:
        for verb in ("whoami", "inventory", "look"):
            assert await client.ask("execute", [verb]) == {"status": "ok"}
        assert client.told() == [("update", {"entities": []})] * 2
        assert (await client.ask("login", {"entityId": 1}))["data"]["kind"] == "no_such_capability"
        assert (await client.ask("execute", ["dance"]))["code"] == -32601


async def test_who_may_make_no_more_entities_can_connect_as_well(server):
    async with user(server, ("sys.create", {}, {"uses": 1})) as client:
        await client.ask("sys.create", {"props": {}})
        assert await client.ask("execute", ["whoami"]) == {"status": "ok"}
        assert client.told() == []


async def test_a_verb_is_run_wherever_it_is_at_hand_and_its_messages_are_heard(server):
    async with user(server, ("sys.create", {}, {})) as client:
        await client.ask("execute", ["whoami"])
        [(_, params)] = client.told()
        me = params["playerId"]
        id = await client.ask("sys.create", {"props": {"name": "bell", "location": me}})
        source = """(send "message" (str.concat "ding " (arg 0)))
                    (send "update" {:entities [(std.this) (std.caller)]})
                    (send "job.done" "a trick")
                    7"""
        assert await client.ask("update_verb", {"entityId": id, "name": "ring", "source": source}) == {"status": "ok"}
        assert await client.ask("execute", ["ring", "dong"]) == {"status": "ok"}
        message, update, trick = client.told()
        assert message == ("message", {"text": "ding dong", "type": "info"})
        assert [each["id"] for each in update[1]["entities"]] == [id, me]
        assert trick == ("message", {"text": "a trick", "type": "info"})
        assert await client.ask("entity.verb", {"entity": {"id": id}, "verb": "ring", "args": ["!"]}) == 7
        assert (await client.ask("execute", ["sing"]))["code"] == -32601
        assert (await client.ask("entity.verb", {"entity": id, "verb": "sing"}))["code"] == -32601


async def test_a_verb_is_kept_as_it_was_written_and_refused_where_it_is_no_script(server):
    async with user(server, ("sys.create", {}, {})) as client:
        id = await lamp(client, shine=";; bright\n(+ 1 2)")
        assert await client.ask("get_verb", {"entityId": id, "name": "shine"}) == {"source": ";; bright\n(+ 1 2)"}
        refused = await client.ask("update_verb", {"entityId": id, "name": "shine", "source": "(+ 1\n(nope))"})
        assert (refused["data"]["kind"], refused["data"]["diagnostics"][0]["line"]) == ("unknown_op", 2)
        assert await client.ask("entity.verb", {"entity": id, "verb": "shine"}) == 3
        assert (await client.ask("get_verb", {"entityId": id, "name": "sing"}))["code"] == -32601


async def test_a_picture_is_saved_to_an_entity_as_the_front_end_sends_it(server):
    async with user(server, ("sys.create", {}, {})) as client:
        capability = await client.ask("get_capability", {"type": "sys.create"})
        url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        props = {"image": url, "image_type": "generated", "metadata": '{"seed":1}', "name": "a cat"}
        id = await client.ask("std.call_method", {"object": capability, "method": "create", "args": [props]})
        assert type(id) is int
        [shown] = (await client.ask("get_entities", {"ids": [id, 4711]}))["entities"]
        assert shown["image"].startswith("/assets/")
        assert {**shown, "image": url} == {"id": id, "prototype_id": None, **props, "location": None, "contents": []}
        assert [each["id"] for each in await client.ask("entities.list", {})] == [id]


async def test_nobody_sees_anybody_elses_entities(server):
    async with user(server, ("sys.create", {}, {})) as ann, user(server, ("sys.create", {}, {})) as ben:
        hers, his = await lamp(ann, shine="1"), await lamp(ben)
        gone = await lamp(ann)
        control = await ann.ask("get_capability", {"type": "entity.control"})
        await ann.ask("std.call_method", {"object": control, "method": "destroy", "args": [gone]})
        assert await ben.ask("get_entities", {"ids": [hers, his, gone]}) == await ben.ask(
            "get_entities", {"ids": [his]}
        )
        async with signed_in(server, server.token) as owner:
            assert await owner.ask("get_entities", {"ids": [hers, his]}) == {"entities": []}
        answers = set()
        for id in (hers, gone, 4711):
            for method, params in (
                ("get_verb", {"entityId": id, "name": "shine"}),
                ("update_verb", {"entityId": id, "name": "shine", "source": "1"}),
                ("entity.verb", {"entity": id, "verb": "shine"}),
                ("entity", [id]),
                ("login", {"entityId": id}),
            ):
                refused = await ben.ask(method, params)
                answers.add((refused["code"], refused["message"], refused["data"]["kind"]))
        assert len(answers) == 1


async def test_what_was_scheduled_goes_off_after_a_restart_and_once(start_server):
    first = start_server()
    async with signed_in(first, first.token) as client:
        count = '(let control (get-capability "entity.control"))'
        source = (
            f'{count} (control.update (std.this) {{:count (+ 1 (obj.get (std.this) "count"))}}) (send "message" "tick")'
        )
        id = await client.ask("sys.create", {"props": {"count": 0}})
        keep = f'(let control (get-capability "entity.control")) (control.update {id} {{:control control}}) null'
        await client.ask("execute_script", {"source": keep})
        await client.ask("update_verb", {"entityId": id, "name": "tick", "source": source})
        await client.ask("update_verb", {"entityId": id, "name": "wind", "source": '(schedule "tick" [] 2000)'})
        await client.ask("update_verb", {"entityId": id, "name": "fail", "source": '(schedule "oops" [] 0)'})
        await client.ask("update_verb", {"entityId": id, "name": "oops", "source": '(throw "no oil")'})
        await client.ask("entity.verb", {"entity": id, "verb": "wind"})
    first.process.kill()
    first.process.wait()
    second = start_server(data=first.data)
    async with signed_in(second, second.token) as client:
        # It may have gone off before anybody was there to hear it.
        while (await client.ask("get_entities", {"ids": [id]}))["entities"][0]["count"] == 0:
            await client.hear()
        client.told()
        await client.ask("entity.verb", {"entity": id, "verb": "fail"})
        params = {}
        while params.get("type") != "error":
            _, params = await client.hear()
        assert params["text"] == f"The verb `oops` of entity {id}, which was scheduled, failed: no oil"
        [shown] = (await client.ask("get_entities", {"ids": [id]}))["entities"]
        assert shown["count"] == 1
