"""What capabilities accept, as clients learn of it: by call, over HTTP, and by notification of changes."""

import contextlib
import json
from types import SimpleNamespace

import httpx
import pytest
from jsonschema import Draft202012Validator
from websockets.asyncio.client import connect

from mintaka.capabilities import types
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.narrowing import described
from mintaka.capabilities.offers import NOTHING, Offer, Offers
from mintaka.capabilities.registry import Registry, capability
from mintaka.capabilities.terms import Terms
from mintaka.server.capability_types import checkable
from mintaka.server.errors import Kind
from mintaka.server.metadata import MetadataWatch
from mintaka.server.scripts import Source, check, op_table
from mintaka.server.sessions import Sessions
from mintaka.storage.database import Database


@contextlib.asynccontextmanager
async def signed_in(server):
    async with connect(server.url, compression=None, proxy=None, max_size=None) as socket:
        await ask(socket, "auth", {"token": server.token})
        yield socket


async def ask(socket, method, params=None):
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("id") == 1:
            return answer["result"]


async def test_who_has_the_revision_is_told_just_that_and_who_has_another_gets_the_document(server):
    async with signed_in(server) as socket:
        told = await ask(socket, "get_capability_metadata", {"if_rev": ""})
        assert await ask(socket, "get_capability_metadata", {"if_rev": told["schema_rev"]}) == {
            "schema_rev": told["schema_rev"],
            "unchanged": True,
        }
        again = await ask(socket, "get_capability_metadata", {"if_rev": "of old"})
        assert (again["schema_rev"], again["types"]) == (told["schema_rev"], told["types"])
        for each in told["types"].values():
            for method in each["methods"]:
                Draft202012Validator.check_schema(method["arguments"])


async def test_each_capability_in_the_document_is_a_handle_of_the_session(server):
    async with signed_in(server) as socket:
        told = await ask(socket, "get_capability_metadata", {"if_rev": ""})
        draw = next(each["cap"] for each in told["capabilities"] if each["type"] == "diffusers.generate")
        models = await ask(socket, "std.call_method", {"object": draw, "method": "models", "args": []})
        assert models[0]["id"] == "starter"


async def test_a_change_of_what_one_holds_is_told_without_being_asked(server):
    async with signed_in(server) as socket:
        before = await ask(socket, "get_capability_metadata", {"if_rev": ""})
        child = await ask(socket, "capabilities.delegate", {"cap": before["capabilities"][0]["cap"]})
        while (notice := json.loads(await socket.recv())).get("method") != "metadata.changed":
            pass
        assert notice["params"]["revision"] != before["schema_rev"]
        now = await ask(socket, "get_capability_metadata", {"if_rev": before["schema_rev"]})
        assert now["schema_rev"] == notice["params"]["revision"]
        await ask(socket, "capabilities.drop", {"cap": child})


def test_http_answers_whose_token_it_is_and_knows_the_revision_by_its_etag(server):
    with httpx.Client(base_url=server.http, trust_env=False) as web:
        refused = web.get("/api/v1/metadata")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        bearer = {"authorization": f"Bearer {server.token}"}
        answer = web.get("/api/v1/metadata", headers=bearer)
        told = answer.json()
        assert answer.headers["etag"] == f'"{told["schema_rev"]}"'
        assert answer.headers["cache-control"] == "private, no-cache"
        assert {each["type"] for each in told["capabilities"]} >= {"sys.mint", "diffusers.generate"}
        assert "$cap" not in answer.text
        for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
            unchanged = web.get("/api/v1/metadata", headers={**bearer, "if-none-match": known})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert web.get("/api/v1/metadata", headers={**bearer, "if-none-match": '"other"'}).status_code == 200


# The watch, with nothing real around it but the kernel


class Ear:
    """A connection that remembers what it was told."""

    def __init__(self):
        self.heard = []

    def notify(self, method, params):
        self.heard.append((method, params["revision"]))


@capability("toy.shelf", label="Shelf")
class Shelf(Offers):
    """What there is changes by itself."""

    revision = "1"

    def offer(self, moment):
        offered = Offer()
        offered.revision = self.revision
        return offered


@pytest.fixture
def watched():
    """A watch over one principal who holds two roots, asked once, and is connected."""
    database, shelf, now = Database("sqlite://"), Shelf(), [100.0]
    registry = Registry([Mint(), shelf])
    numbers = iter(range(1, 10_000))
    kernel = Kernel(
        database,
        registry,
        clock=lambda: now[0],
        token_bytes=lambda count: next(numbers).to_bytes(count, "big"),
        key=bytes(32),
    )
    root = kernel.bootstrap("ann")[0]
    metadata, sessions, ear = Metadata(registry), Sessions(), Ear()
    watch = MetadataWatch(kernel, metadata, sessions, SimpleNamespace(clock=lambda: now[0], log=None))
    sessions.add("ann", ear)
    watch.told("ann", metadata.revision(kernel.held("ann")))
    yield SimpleNamespace(watch=watch, kernel=kernel, root=root, ear=ear, shelf=shelf, now=now, sessions=sessions)
    database.close()


async def test_nothing_is_told_while_nothing_changes(watched):
    for _ in range(3):
        await watched.watch.look()
    assert watched.ear.heard == []


async def test_a_capability_that_comes_or_goes_is_told_once(watched):
    await watched.watch.look()
    child = watched.kernel.delegate("ann", watched.root.id, Terms({}))
    await watched.watch.look()
    await watched.watch.look()
    assert [method for method, _ in watched.ear.heard] == ["metadata.changed"]
    watched.kernel.drop("ann", child.id)
    await watched.watch.look()
    assert len({revision for _, revision in watched.ear.heard}) == 2


async def test_a_capability_that_expires_is_told_when_it_does(watched):
    watched.kernel.delegate("ann", watched.root.id, Terms({}, expires=200.0))
    await watched.watch.look()
    await watched.watch.look()
    assert len(watched.ear.heard) == 1
    watched.now[0] = 200.0
    await watched.watch.look()
    assert len(watched.ear.heard) == 2


async def test_other_things_to_choose_from_are_told(watched):
    await watched.watch.look()
    watched.shelf.revision = "2"
    await watched.watch.look()
    assert len(watched.ear.heard) == 1


async def test_a_change_between_the_answer_and_the_first_look_is_told(watched):
    watched.kernel.delegate("ann", watched.root.id, Terms({}))
    await watched.watch.look()
    assert len(watched.ear.heard) == 1


async def test_nobody_hears_of_it_after_they_left(watched):
    watched.sessions.remove("ann", watched.ear)
    watched.kernel.delegate("ann", watched.root.id, Terms({}))
    await watched.watch.look()
    assert watched.ear.heard == []


# What the types of the program say


@pytest.mark.parametrize("kind", types.declared(), ids=lambda kind: kind.name)
def test_the_kinds_of_errors_and_the_examples_of_a_type_are_good(kind):
    ops, capabilities = op_table(), checkable(types.declared())
    for method in described(kind, NOTHING, kind.restrictions(), "")["methods"]:
        assert set(method["errors"]) <= {each.value for each in Kind}
        for example in method["examples"]:
            assert check(Source(example), ops, capabilities).diagnostics == []
