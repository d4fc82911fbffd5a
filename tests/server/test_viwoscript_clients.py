"""What ViwoScript's client library and its image front end send, as they send it, and what they do with the answers."""

import base64
import contextlib
import io
import json

import httpx
import pytest
from PIL import Image
from websockets.asyncio.client import connect

PAGE = "http://localhost:3002"


class Client:
    """A page of theirs: ids go on across sockets, nobody signs in, notifications come in between."""

    def __init__(self, socket, first_id=1):
        self.socket = socket
        self.id = first_id
        self.told = []

    async def send(self, method, params):
        self.id += 1
        await self.socket.send(json.dumps({"id": self.id, "jsonrpc": "2.0", "method": method, "params": params}))
        return self.id

    async def answer(self, id):
        while True:
            frame = json.loads(await self.socket.recv())
            assert frame["jsonrpc"] == "2.0"
            if frame.get("id") == id:
                return frame
            assert frame.get("id") is None or frame["id"] != id
            self.told.append(frame)

    async def ask(self, method, params):
        frame = await self.answer(await self.send(method, params))
        assert "result" in frame, frame
        return frame["result"]

    async def use(self, type, method, *args):
        capability = await self.ask("get_capability", {"type": type})
        return await self.ask("std.call_method", {"object": capability, "method": method, "args": list(args)})


@contextlib.asynccontextmanager
async def page(server, first_id=1, **options):
    """A connection from the front end's page; it goes to the path / and offers no subprotocol."""
    async with connect(server.url, origin=PAGE, compression=None, proxy=None, max_size=None, **options) as socket:
        yield Client(socket, first_id)


@pytest.fixture
async def links(start_server):
    """A data folder, and a share link for each type that the front end uses."""
    server = start_server()
    made = []
    async with connect(server.url, compression=None, proxy=None) as socket:
        owner = Client(socket)
        await owner.ask("auth", {"token": server.token})
        wanted = {"diffusers.generate", "diffusers.inpaint", "diffusers.upscale", "controlnet.generate", "sys.create"}
        for each in await owner.ask("capabilities.list", {}):
            if each["type"] in wanted and each["parent"] is None:
                wanted.discard(each["type"])
                made.append((await owner.ask("capabilities.export", {"cap": each["cap"]}))["token"])
    assert not wanted
    server.stop()
    return server.data, made


@pytest.fixture
def serve(start_server, links):
    data, tokens = links

    def started(**guests):
        env = {"MINTAKA_GUESTS": json.dumps({"links": tokens, **guests}), "MINTAKA_ORIGINS": json.dumps([PAGE])}
        return start_server(data=data, env=env)

    return started


def picture_of(text):
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))


def layer(size=64, mode="RGBA"):
    """A layer as the front end sends it: a data URL of a PNG, transparent where nothing was drawn."""
    picture, out = Image.new(mode, (size, size)), io.BytesIO()
    picture.paste((255, 255, 255, 255), (16, 16, 48, 48))
    picture.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


async def test_the_library_connects_and_the_front_end_draws_saves_and_comes_again(serve):
    server = serve()
    async with page(server) as client:
        sent = [await client.send("execute", [verb]) for verb in ("whoami", "look", "inventory")]
        sent.append(await client.send("get_opcodes", []))
        answers = [await client.answer(id) for id in sent]
        assert [each["result"] for each in answers[:3]] == [{"status": "ok"}] * 3
        assert "std.seq" in {each["opcode"] for each in answers[3]["result"]}
        [player] = {each["params"]["playerId"] for each in client.told if each["method"] == "player_id"}
        for each in client.told:
            if each["method"] == "update":
                assert all(isinstance(entity["id"], int) for entity in each["params"]["entities"])

    async with page(server, first_id=40) as client:
        offered = await client.ask("get_capability_metadata", {})
        assert {"diffusers.generate", "diffusers.inpaint", "sys.create"} <= {each["type"] for each in offered}
        prompt = {"prompt": "a red circle", "negative_prompt": "", "width": 64, "height": 72, "num_inference_steps": 2}
        drawn = await client.ask("plugin_rpc", {"method": "diffusers.generate", "params": prompt})
        kind, _, data = drawn["image_url"].partition(",")
        assert (kind, picture_of(data).size) == ("data:image/png;base64", (64, 72))

        size = {"width": 64, "height": 64, "num_inference_steps": 2, "seed": 3, "negative_prompt": ""}
        batch = await client.use("diffusers.generate", "generate", "a blue square", size)
        assert (batch["seed"], picture_of(batch["image"]).size) == (3, (64, 64))
        how = {"num_inference_steps": 2, "guidance_scale": 2, "strength": 0.8, "max_compute": 100}
        repainted = await client.use("diffusers.inpaint", "inpaint", layer(), layer(), "a red circle", how)
        assert picture_of(repainted["image"]).size == (64, 64)
        wider = await client.use("diffusers.inpaint", "outpaint", layer(), "right", 32, "a red circle", how)
        assert picture_of(wider["image"]).size == (96, 64)
        fast = {"factor": 2, "method": "lanczos"}
        larger = await client.use("diffusers.upscale", "upscaleTraditional", layer(), fast)
        assert picture_of(larger["image"]).size == (128, 128)
        learned = await client.use("diffusers.upscale", "upscale", layer(), "realesrgan", 2)
        assert picture_of(learned["image"]).size == (128, 128)
        types = await client.use("controlnet.generate", "getAvailableTypes")
        assert {"canny", "scribble"} <= {each["type"] for each in types}
        assert all({"label", "description"} <= each.keys() for each in types)
        edges = await client.use("controlnet.generate", "preprocess", layer(), "canny")
        assert picture_of(edges["image"]).size == (64, 64)
        about = {"image": layer(), "image_type": "generated", "metadata": "{}", "name": "one"}
        saved = await client.use("sys.create", "create", about)
        assert isinstance(saved, int)

    server.stop()
    async with page(serve()) as client:  # another server: whoever comes is the same guest
        await client.ask("execute", ["whoami"])
        assert [each["params"]["playerId"] for each in client.told if each["method"] == "player_id"] == [player]
        [kept] = (await client.ask("get_entities", {"ids": [saved]}))["entities"]
        assert kept["name"] == "one"


async def test_a_guest_is_nobody_where_links_or_networks_do_not_let_them_in(serve, links):
    _, tokens = links
    server = serve(networks=["10.0.0.0/8"])
    async with page(server) as client:
        refused = await client.answer(await client.send("get_capability", {"type": "sys.create"}))
        assert refused["error"]["data"]["kind"] == "unauthenticated"
    server.stop()
    server = serve()
    async with page(server) as client:
        assert await client.ask("get_capability", {"type": "sys.create"}) is not None
        refused = await client.answer(await client.send("principals.list", {}))
        assert refused["error"]["data"]["kind"] == "denied"
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as web:  # over HTTP they are the same guest
        assert "sys.create" in [each["type"] for each in (await web.get("/api/v1/capabilities")).json()]
        assert (await web.get("/v1/models", headers={"authorization": "Bearer wrong"})).status_code == 401
    server.stop()
    server = serve(links=tokens[:1])  # what came of the other links is taken back
    async with page(server) as client:
        held = await client.ask("capabilities.list", {})
        assert len([each for each in held if each["type"] != "entity.control"]) == 1  # over what guests made
    server.stop()
    server = serve(links=["mk_unknown"])
    async with page(server) as client:
        held = await client.ask("capabilities.list", {})
        assert {each["type"] for each in held} <= {"entity.control"}
