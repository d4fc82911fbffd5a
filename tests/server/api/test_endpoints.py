"""Endpoints as routes: each with a schema of its own, for whoever may call it and nobody else."""

import asyncio

import httpx
import pytest

from mintaka.client import connect

POSTER = """
(params (prompt string "a red circle") (seed (int 0 9)))
(let draw (get-capability "diffusers.generate"))
(draw.textToImage prompt {:num_inference_steps 1 :seed seed :width 64 :height 64})
"""


@pytest.fixture
def guest(server):
    """A guest who may call `poster`, which is published, and not `hidden`."""

    async def publish():
        async with connect(server.url, server.token) as owner:
            for name, source in (("poster", POSTER), ("hidden", "1")):
                await owner.call("endpoints.publish", {"name": name, "source": source, "description": f"A {name}."})
            listed = await owner.call("capabilities.list")
            root = next(each["cap"] for each in listed if each["type"] == "endpoint.call" and each["parent"] is None)
            made = await owner.call("capabilities.export", {"cap": root, "restrictions": {"endpoints": ["poster"]}})
            async with connect(server.url, made["token"]) as opened:
                return opened.token

    async def withdraw():
        async with connect(server.url, server.token) as owner:
            for name in ("poster", "hidden"):
                await owner.call("endpoints.unpublish", {"name": name})

    headers = {"authorization": f"Bearer {asyncio.run(publish())}"}
    with httpx.Client(base_url=server.http, headers=headers, trust_env=False, timeout=60) as client:
        yield client
    asyncio.run(withdraw())


def test_an_endpoint_is_a_route_with_its_own_schema_for_who_may_call_it(guest, web, server):
    paths = guest.get("/openapi.json").json()["paths"]
    schema = paths["/api/v1/endpoints/poster"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (schema["required"], schema["properties"]["seed"]["maximum"]) == (["seed"], 9)
    assert "/api/v1/endpoints/hidden" not in paths
    assert "/api/v1/endpoints/hidden" in web.get("/openapi.json").json()["paths"]
    assert "/api/v1/endpoints/poster" not in httpx.get(f"{server.http}/openapi.json", trust_env=False).json()["paths"]
    assert [each["name"] for each in guest.get("/api/v1/endpoints").json()] == ["poster"]
    assert "source" not in guest.get("/api/v1/endpoints/owner/poster").json()
    assert (
        guest.get("/api/v1/endpoints/hidden").status_code == guest.post("/api/v1/endpoints/hidden").status_code == 404
    )

    wrong = guest.post("/api/v1/endpoints/poster", json={"seed": 10})
    assert (wrong.status_code, wrong.json()["error"]["data"]["expected"]) == (422, "int from 0 to 9")
    asked = {"json": {"seed": 3}, "headers": {"idempotency-key": "one"}}
    answered = guest.post("/api/v1/endpoints/poster", **asked)
    assert answered.status_code == 200, answered.text
    assert (answered.json()["result"]["width"], answered.json()["result"]["seed"]) == (64, 3)
    again = guest.post("/api/v1/endpoints/poster", params={"wait": "false"}, **asked)
    assert (again.status_code, again.json()["job"]) == (202, answered.json()["job"])
    assert guest.get(answered.json()["result"]["image_url"]).status_code == 200


def test_the_metadata_document_tells_of_each_endpoint_what_a_form_needs(guest, web):
    told = guest.get("/api/v1/metadata")
    [endpoint] = told.json()["endpoints"]
    assert (endpoint["name"], endpoint["owner"], endpoint["description"]) == ("poster", "owner", "A poster.")
    assert endpoint["parameters"]["properties"]["seed"]["widget"] == "slider"
    assert endpoint["cap"] in [each["id"] for each in told.json()["capabilities"]]
    etag = {"if-none-match": told.headers["etag"]}
    assert guest.get("/api/v1/metadata", headers=etag).status_code == 304
    assert {each["name"] for each in web.get("/api/v1/metadata").json()["endpoints"]} >= {"poster", "hidden"}
