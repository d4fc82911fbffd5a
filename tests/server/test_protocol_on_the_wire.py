"""What a peer that knows only the protocol sees of a real server."""

import asyncio
import contextlib
import json

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

ENDLESS = ["std.while", True, 1]


@contextlib.asynccontextmanager
async def connected(server, path="/", signed_in=True, **options):
    async with connect(server.url + path, compression=None, proxy=None, max_size=None, **options) as socket:
        if signed_in:
            assert "result" in await ask(socket, "auth", {"token": server.token})
        yield socket


async def ask(socket, method, params=None, id=1):
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}))
    return await answer_to(socket, id)


async def answer_to(socket, id):
    while True:
        answer = json.loads(await socket.recv())
        if isinstance(answer, dict) and answer.get("id") == id and "method" not in answer:
            assert answer["jsonrpc"] == "2.0"
            return answer


async def failure(socket, method, params=None):
    answer = await ask(socket, method, params)
    assert "error" in answer, answer
    return answer["error"]


@pytest.mark.parametrize("path", ["/", "/rpc"])
async def test_the_first_frame_signs_in(server, path):
    async with connected(server, path, signed_in=False) as socket:
        result = (await ask(socket, "auth", {"token": server.token}))["result"]
        assert result["principal"] == "owner"
        assert result["session"].startswith("s_")


async def test_without_a_token_nothing_but_the_open_methods_answers(server):
    async with connected(server, signed_in=False) as socket:
        assert (await ask(socket, "ping"))["result"] == "pong"
        assert (await ask(socket, "rpc.discover"))["result"]["openrpc"]
        for method in ("execute_script", "get_opcodes", "jobs.list", "+", "get_capability", "nonsense"):
            error = await failure(socket, method)
            assert (error["code"], error["data"]["kind"]) == (-32040, "unauthenticated")
            assert "auth" in error["message"]


async def test_a_wrong_token_is_refused_and_the_right_one_still_works(server):
    async with connected(server, signed_in=False) as socket:
        assert (await failure(socket, "auth", {"token": "wrong"}))["code"] == -32040
        assert "result" in await ask(socket, "auth", {"token": server.token})


async def test_large_frames_are_for_those_who_signed_in(server):
    async with connected(server, signed_in=False) as socket:
        await socket.send(json.dumps({"x": "y" * 100_000}))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1009


async def test_malformed_json_is_answered_and_the_connection_goes_on(server):
    async with connected(server) as socket:
        await socket.send('{"jsonrpc": "2.0", ')
        answer = json.loads(await socket.recv())
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert (await ask(socket, "ping"))["result"] == "pong"


async def test_an_unknown_method_is_named_with_the_near_one(server):
    async with connected(server) as socket:
        error = await failure(socket, "execute_scirpt", {"script": 1})
        assert (error["code"], error["data"]["kind"]) == (-32601, "method_not_found")
        assert "execute_script" in error["data"]["hint"]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"script": 1, "source": "1"},
        {"source": 1},
        {"script": 1, "mode": "later"},
        {"script": 1, "nonsense": 1},
        {"script": 1, "budget": {"fuel": -1}},
        {"script": 1, "args": {}},
    ],
)
async def test_wrong_parameters_are_named(server, params):
    async with connected(server) as socket:
        error = await failure(socket, "execute_script", params)
        assert (error["code"], error["data"]["kind"]) == (-32602, "invalid_params")


async def test_a_script_runs_from_json_and_from_text(server):
    async with connected(server) as socket:
        assert (await ask(socket, "execute_script", {"script": ["+", 1, 2]}))["result"] == 3
        assert (await ask(socket, "execute_script", {"source": "(+ 1 2)"}))["result"] == 3
        assert (await ask(socket, "execute_script", {"script": None}))["result"] is None
        assert (await ask(socket, "execute_script", {"source": "(std.arg 1)", "args": [1, [2]]}))["result"] == [2]


async def test_parameters_can_come_in_order(server):
    async with connected(server) as socket:
        assert (await ask(socket, "execute_script", [["+", 1, 2]]))["result"] == 3


async def test_numbers_json_has_not_become_null(server):
    async with connected(server) as socket:
        assert (await ask(socket, "execute_script", {"source": "[(/ 0 0) (/ 1 0)]"}))["result"] == [None, None]


@pytest.mark.parametrize("id", [7, "7", -(2**53), ""])
async def test_the_answer_has_the_id_of_the_request(server, id):
    async with connected(server) as socket:
        assert (await ask(socket, "ping", id=id))["id"] == id


async def test_a_batch_is_answered_as_one_without_its_notifications(server):
    async with connected(server) as socket:
        calls = [{"jsonrpc": "2.0", "id": id, "method": "+", "params": [id, 1]} for id in (1, 2)]
        await socket.send(json.dumps([*calls, {"jsonrpc": "2.0", "method": "ping"}, 3]))
        answers = json.loads(await socket.recv())
        assert [answer.get("result") for answer in answers] == [2, 3, None]
        assert answers[2]["error"]["code"] == -32600


async def test_binary_frames_are_answered_in_msgpack(server):
    async with connected(server) as socket:
        await socket.send(msgpack.packb({"jsonrpc": "2.0", "id": 1, "method": "+", "params": [1, 2]}))
        assert msgpack.unpackb(await socket.recv()) == {"jsonrpc": "2.0", "id": 1, "result": 3}


async def test_calling_an_op_runs_it_with_data_not_code(server):
    async with connected(server) as socket:
        assert (await ask(socket, "list.len", [[1, 2, 3]]))["result"] == 3
        assert (await ask(socket, "list.len", [["+", 1, 2]]))["result"] == 3


async def test_an_op_takes_its_parameters_by_name(server):
    async with connected(server) as socket:
        capability = (await ask(socket, "get_capability", {"type": "diffusers.generate"}))["result"]
        assert capability["__brand"] == "Capability"
        call = {"object": capability, "method": "models", "args": []}
        models = (await ask(socket, "std.call_method", call))["result"]
        assert "starter" in [model["id"] for model in models]
        assert (await failure(socket, "get_capability", {"typ": "x"}))["data"]["kind"] == "invalid_params"


async def test_the_method_of_a_held_capability_is_a_method(server):
    async with connected(server) as socket:
        models = (await ask(socket, "diffusers.generate.models"))["result"]
        assert "starter" in [model["id"] for model in models]


async def test_a_capability_not_held_is_null_and_a_foreign_handle_is_none(server):
    async with connected(server) as socket, connected(server) as other:
        assert (await ask(socket, "get_capability", {"type": "nothing.such"}))["result"] is None
        mine = (await ask(socket, "get_capability", {"type": "diffusers.generate"}))["result"]
        for object in (mine, {**mine, "$cap": "h_" + "0" * 32}):
            error = await failure(other, "std.call_method", {"object": object, "method": "models", "args": []})
            assert (error["code"], error["data"]["kind"]) == (-32041, "no_such_capability")


async def test_nothing_but_the_handle_of_a_capability_is_believed(server):
    async with connected(server) as socket:
        narrow = (await ask(socket, "execute_script", {"source": NARROW}))["result"]
        wide = (await ask(socket, "get_capability", {"type": "diffusers.generate"}))["result"]
        forged = {**wide, "$cap": narrow["$cap"]}
        call = {"object": forged, "method": "textToImage", "args": ["a red circle", {"width": 512}]}
        assert (await failure(socket, "std.call_method", call))["data"]["kind"] == "denied"


NARROW = '(delegate (get-capability "diffusers.generate") {:max_width 64 :allowed_models ["starter"]})'


async def test_unknown_ops_and_wrong_counts_are_found_before_anything_runs(server):
    async with connected(server) as socket:
        error = await failure(socket, "execute_script", {"source": "(list.mpa [1] 2)"})
        assert (error["code"], error["data"]["kind"]) == (-32046, "unknown_op")
        assert error["data"]["line"] == 1
        diagnostic = error["data"]["diagnostics"][0]
        assert diagnostic["code"] == "unknown_op"
        assert "list.map" in json.dumps(diagnostic)
        error = await failure(socket, "execute_script", {"script": ["list.map", 1]})
        assert error["data"]["kind"] == "arity"
        assert error["data"]["path"] == [0]
        assert (await failure(socket, "execute_script", {"source": "(+ 1 x)"}))["data"]["kind"] == "unbound"
        assert (await failure(socket, "execute_script", {"source": "(+ 1"}))["data"]["kind"] == "script_rejected"


async def test_check_script_says_what_is_wrong_without_running(server):
    async with connected(server) as socket:
        assert (await ask(socket, "check_script", {"source": "(+ 1 2)"}))["result"] == {
            "ok": True,
            "diagnostics": [],
            "params": [],
            "capabilities": [],
            "variables": [],
            "result": "number",
        }
        source = "(params (steps (int 1 50) 20)) steps"
        declared = (await ask(socket, "check_script", {"source": source}))["result"]["params"]
        assert [each["name"] for each in declared] == ["steps"]
        told = (await ask(socket, "check_script", {"source": "(nonsense 1)"}))["result"]
        assert told["ok"] is False
        assert told["diagnostics"][0]["code"] == "unknown_op"


async def test_scripts_convert_between_text_and_json(server):
    async with connected(server) as socket:
        tree = (await ask(socket, "convert_script", {"source": "(let x [1 2])", "to": "json"}))["result"]
        text = (await ask(socket, "convert_script", {"script": tree, "to": "text"}))["result"]
        assert (await ask(socket, "convert_script", {"source": text, "to": "json"}))["result"] == tree


@pytest.mark.parametrize(
    ("source", "code", "kind"),
    [
        ("(std.throw 1)", -32046, "thrown"),
        ('(* "a" 2)', -32046, "type"),
        ("(while true 1)", -32047, "fuel"),
        ("(define f [] (f)) (f)", -32047, "depth"),
    ],
)
async def test_a_script_that_fails_says_why(server, source, code, kind):
    async with connected(server) as socket:
        error = await failure(socket, "execute_script", {"source": source, "budget": {"fuel": 100_000}})
        assert (error["code"], error["data"]["kind"]) == (code, kind)


async def test_a_deadline_ends_a_run(server):
    async with connected(server) as socket:
        budget = {"deadline_s": 0.05, "fuel": 1_000_000_000}
        error = await failure(socket, "execute_script", {"script": ENDLESS, "budget": budget})
        assert (error["code"], error["data"]["kind"]) == (-32048, "deadline")


async def test_a_budget_has_a_most(server):
    async with connected(server) as socket:
        error = await failure(socket, "execute_script", {"script": 1, "budget": {"fuel": 10**12}})
        assert (error["code"], error["data"]["limit"]) == (-32044, "fuel")


async def test_a_busy_script_does_not_starve_others(server):
    async with connected(server) as busy, connected(server) as other:
        await busy.send(json.dumps({"jsonrpc": "2.0", "id": 9, "method": "execute_script", "params": [ENDLESS]}))
        assert (await ask(other, "ping"))["result"] == "pong"


async def test_a_result_too_deep_to_send_is_a_limit(server):
    async with connected(server) as socket:
        source = "(let x []) (for i (list.range 0 600) (set x [x])) x"
        error = await failure(socket, "execute_script", {"source": source})
        assert (error["code"], error["data"]["limit"]) == (-32044, "depth")


async def test_a_result_that_contains_itself_is_a_limit(server):
    async with connected(server) as socket:
        error = await failure(socket, "execute_script", {"source": "(let x []) (list.push x x) x"})
        assert (error["code"], error["data"]["limit"]) == (-32044, "depth")


async def test_json_deeper_than_the_limit_is_refused(server):
    async with connected(server) as socket:
        await socket.send('{"jsonrpc":"2.0","id":1,"method":"ping","params":' + "[" * 2000 + "]" * 2000 + "}")
        answer = json.loads(await socket.recv())
        assert (answer["error"]["code"], answer["error"]["data"]["limit"]) == (-32044, "depth")
        assert (await ask(socket, "ping"))["result"] == "pong"


async def test_a_connection_has_a_most_of_unanswered_requests(server):
    async with connected(server) as socket:
        call = {"jsonrpc": "2.0", "method": "execute_script", "params": [ENDLESS]}
        for id in range(2, 2 + 64):
            await socket.send(json.dumps({**call, "id": id}))
        error = (await ask(socket, "ping"))["error"]
        assert (error["code"], error["data"]["limit"]) == (-32044, "in_flight")


async def test_get_opcodes_is_an_array_the_block_editor_can_use(server):
    async with connected(server) as socket:
        ops = (await ask(socket, "get_opcodes", []))["result"]
        for op in ops:
            texts = ("opcode", "label", "category", "description", "returnType")
            assert all(isinstance(op[name], str) for name in texts), op
            assert isinstance(op["parameters"], list)
            assert isinstance(op["slots"], list)
        assert {"std.seq", "std.let", "+", "list.map", "get_capability"} <= {op["opcode"] for op in ops}


async def test_metadata_describes_what_the_caller_holds(server):
    async with connected(server) as socket:
        types = (await ask(socket, "get_capability_metadata"))["result"]
        generate = next(type for type in types if type["type"] == "diffusers.generate")
        assert "textToImage" in [method["name"] for method in generate["methods"]]


async def test_capabilities_are_listed_delegated_and_revoked(server):
    async with connected(server) as socket:
        listed = (await ask(socket, "capabilities.list"))["result"]
        root = next(each for each in listed if each["type"] == "diffusers.generate" and each["parent"] is None)
        child = (
            await ask(
                socket, "capabilities.delegate", {"cap": root["cap"], "restrictions": {"max_width": 64}, "label": "s"}
            )
        )["result"]
        listed = (await ask(socket, "capabilities.list"))["result"]
        shown = next(each for each in listed if each["cap"] == child)
        assert shown["restrictions"]["max_width"] == 64
        assert shown["parent"] == root["cap"]
        assert (await ask(socket, "capabilities.revoke", {"cap": child}))["result"] == {"revoked": 1}
        error = await failure(socket, "std.call_method", {"object": child, "method": "models", "args": []})
        assert error["data"]["kind"] == "no_such_capability"


async def test_models_say_what_they_can_draw_and_not_where_they_lie(server):
    async with connected(server) as socket:
        models = (await ask(socket, "models.list"))["result"]
        starter = next(model for model in models if model["id"] == "starter")
        assert starter["draws"]["objects"]
        assert "path" not in starter


async def test_discovery_names_every_method_and_op_once(server):
    async with connected(server) as socket:
        document = (await ask(socket, "rpc.discover"))["result"]
        names = [method["name"] for method in document["methods"]]
        assert len(names) == len(set(names))
        assert {"execute_script", "jobs.get", "ping", "std.seq", "get_capability"} <= set(names)
        execute = next(method for method in document["methods"] if method["name"] == "execute_script")
        assert {param["name"] for param in execute["params"]} >= {"script", "source", "args", "params", "mode"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:80"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:8321"}, 403),
    ],
)
async def test_pages_and_names_that_are_not_listed_cannot_connect(server, headers, status):
    reader, writer = await asyncio.open_connection(*server.http.removeprefix("http://").split(":"))
    host = server.http.removeprefix("http://")
    sent = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **headers,
    }
    lines = ["GET / HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    assert int((await reader.readline()).split()[1]) == status
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_the_servers_own_pages_may_connect(server, name):
    port = server.http.rpartition(":")[2]
    async with connected(server, origin=f"http://{name}:{port}") as socket:
        assert (await ask(socket, "ping"))["result"] == "pong"


async def test_there_is_no_websocket_elsewhere(server):
    with pytest.raises(InvalidStatus):
        async with connected(server, "/elsewhere"):
            pass
