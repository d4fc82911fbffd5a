"""The REST interface of a real server."""

import asyncio
import base64
import json

import httpx
import pytest

from mintaka.client import connect
from tests.conftest import serving
from tests.server.api.conftest import client
from tests.server.api.drawn import opened, picture

DRAW = '(let draw (get-capability "diffusers.generate")) (draw.textToImage "a red circle" {:num_inference_steps 2})'

ENDLESS = {"source": "(while true 1)", "budget": {"fuel": 1_000_000_000, "deadline_s": 15}}
"""A job for tests that end it; where one is left over, it ends by itself."""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server that takes little."""
    limits = {"HTTP_REQUESTS": "2", "FRAME_BYTES": "2000", "UPLOADED_BYTES": "200"}
    env = {f"MINTAKA_LIMITS__{name}": value for name, value in limits.items()}
    with serving(tmp_path_factory.mktemp("narrow") / "data", env=env) as server:
        yield server


def ended(web, job):
    """The job, when it is over; its events say when."""
    assert [each["event"] for each in stream(web, job)][-1] in ("job.done", "job.failed")
    return web.get(f"/api/v1/jobs/{job}").json()


def stream(web, job, **params):
    """The events of a job to its end."""
    with web.stream("GET", f"/api/v1/jobs/{job}/events", params=params) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = "".join(answer.iter_text())
    frames = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in told.split("\n\n") if frame]
    return [{**each, "data": json.loads(each["data"])} for each in frames if "event" in each]


def kind(answer):
    return answer.json()["error"]["data"]["kind"]


# Signing in


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic eDp5", "bearer"])
def test_nothing_is_told_without_a_token(server, header):
    headers = {} if header is None else {"authorization": header}
    answer = httpx.get(f"{server.http}/api/v1/jobs", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert kind(answer) == "unauthenticated"


def test_what_is_no_operation_is_told_as_json(web):
    assert web.get("/api/v1/nothing").status_code == 404
    refused = web.put("/api/v1/jobs")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, POST"
    assert kind(refused) == "method_not_found"


# Jobs


def test_a_job_is_run_and_tells_its_result(web):
    made = web.post("/api/v1/jobs", json={"source": "(+ 1 (std.arg 0))", "args": [2]})
    assert made.status_code == 202
    job = ended(web, made.json()["job"])
    assert (job["state"], job["result"]) == ("done", 3)
    assert made.json()["job"] in [each["job"] for each in web.get("/api/v1/jobs").json()]


def test_a_request_with_a_key_is_one_job_however_often_it_is_sent(web):
    asked = {"source": "(+ 20 1)"}
    first, second = (web.post("/api/v1/jobs", json=asked, headers={"idempotency-key": "rest-1"}) for _ in range(2))
    assert first.json()["job"] == second.json()["job"]
    other = web.post("/api/v1/jobs", json={"source": "(+ 20 2)", "idempotency_key": "rest-1"})
    assert (other.status_code, kind(other)) == (409, "idempotency_conflict")


def test_events_are_numbered_without_a_gap_and_go_on_after_any_of_them(web):
    job = web.post("/api/v1/jobs", json={"source": DRAW}).json()["job"]
    events = stream(web, job)
    numbers = [int(each["id"]) for each in events]
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = [each["event"] for each in events]
    assert kinds[0] == "job.started"
    assert {"job.progress", "job.asset"} <= set(kinds)
    assert kinds[-1] == "job.done"
    assert [int(each["id"]) for each in stream(web, job, after=2)] == numbers[2:]
    headers = {"last-event-id": str(numbers[-2])}
    with web.stream("GET", f"/api/v1/jobs/{job}/events", headers=headers) as answer:
        assert "".join(answer.iter_text()).startswith(f"id: {numbers[-1]}\nevent: job.done\n")


def test_a_job_is_paused_resumed_cancelled_and_tried_again(web):
    job = web.post("/api/v1/jobs", json=ENDLESS).json()["job"]

    def ask(what):
        return web.post(f"/api/v1/jobs/{job}/{what}").json()

    assert ask("pause") == {"changed": True}
    assert web.get(f"/api/v1/jobs/{job}").json()["state"] == "paused"
    assert ask("resume") == {"changed": True}
    assert ask("resume") == {"changed": False}
    assert kind(web.post(f"/api/v1/jobs/{job}/retry")) == "invalid_params"
    assert ask("cancel") == {"changed": True}
    assert ended(web, job)["state"] == "cancelled"
    again = web.post(f"/api/v1/jobs/{job}/retry")
    assert again.status_code == 202
    job = again.json()["job"]
    assert ask("cancel") == {"changed": True}


def test_jobs_and_pictures_of_others_are_not_there(web, somebody):
    job = web.post("/api/v1/jobs", json={"source": DRAW}).json()["job"]
    [asset] = ended(web, job)["assets"]
    other = somebody()
    paths = [f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/events", f"/api/v1/assets/{asset['asset']}"]
    paths += [f"/api/v1/assets/{asset['asset']}/{what}" for what in ("content", "thumbnail")]
    for path in paths:
        foreign, unknown = other.get(path), other.get(path.replace(job, "j_0").replace(asset["asset"], "0" * 64))
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()
    assert other.get("/api/v1/jobs").json() == []
    assert other.get("/api/v1/assets").json() == {"assets": [], "next": None}
    assert other.delete(f"/api/v1/assets/{asset['asset']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"{", 400, "parse_error"),
        (b"[]", 422, "invalid_params"),
        (b'{"source": "(+ 1"}', 422, "script_rejected"),
        (b'{"source": 1}', 422, "invalid_params"),
        (b'{"source": "1", "mode": "job"}', 422, "invalid_params"),
        (b"[" * 600 + b"]" * 600, 413, "limit"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_reason(web, body, status, expected):
    answer = web.post("/api/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, kind(answer)) == (status, expected)


def test_a_body_of_another_type_or_too_large_a_one_is_refused(narrow):
    with client(narrow, narrow.token) as web:
        assert (
            kind(web.post("/api/v1/jobs", content=b"a=1", headers={"content-type": "text/plain"})) == "invalid_request"
        )
        assert web.post("/api/v1/jobs", json={"source": "1" * 3000}).status_code == 413
        parts = (each for each in (b" " * 1500, b" " * 1500))
        sent = web.post("/api/v1/jobs", content=parts, headers={"content-type": "application/json"})
        assert sent.status_code == 413
        # What one principal may upload altogether is bounded too.
        first = web.post("/api/v1/assets", content=picture(), headers={"content-type": "image/png"})
        assert first.status_code == 201
        full = web.post("/api/v1/assets", content=picture(colour="red"), headers={"content-type": "image/png"})
        assert (full.status_code, full.json()["error"]["data"]["limit"]) == (413, "uploaded_bytes")
        web.delete(f"/api/v1/assets/{first.json()['asset']}")
        again = web.post("/api/v1/assets", content=picture(colour="red"), headers={"content-type": "image/png"})
        assert again.status_code == 201


def test_streams_count_as_requests_that_are_not_answered(narrow):
    with client(narrow, narrow.token) as web:
        job = web.post("/api/v1/jobs", json=ENDLESS).json()["job"]
        path = f"/api/v1/jobs/{job}/events"
        with web.stream("GET", path) as first, web.stream("GET", path) as second:
            assert first.status_code == second.status_code == 200
            refused = web.get("/api/v1/models")
            assert (refused.status_code, kind(refused)) == (429, "busy")
            assert refused.headers["retry-after"] == "1"
        while web.get("/api/v1/models").status_code == 429:
            pass
        assert web.post(f"/api/v1/jobs/{job}/cancel").json() == {"changed": True}


# Pictures


def test_a_picture_is_uploaded_in_any_form_and_kept_once(web):
    data = picture(40, 30, "navy", format="JPEG")
    raw = web.post("/api/v1/assets", content=data, headers={"content-type": "image/jpeg"})
    assert raw.status_code == 201
    told = raw.json()
    assert (told["mime"], told["width"], told["height"]) == ("image/jpeg", 40, 30)
    text = base64.b64encode(data).decode()
    for answer in (
        web.post("/api/v1/assets", json={"image": text}),
        web.post("/api/v1/assets", json={"image": f"data:image/jpeg;base64,{text}"}),
        web.post("/api/v1/assets", files={"image": ("a.jpg", data, "image/jpeg")}),
    ):
        assert answer.json() == told
    assert web.get(f"/api/v1/assets/{told['asset']}").json() == told
    assert httpx.get(web.base_url.join(told["image_url"]), trust_env=False).content == data


def test_an_uploaded_picture_is_used_by_its_id(web):
    asset = web.post("/api/v1/assets", content=picture(20, 10), headers={"content-type": "image/png"}).json()["asset"]
    source = f'(let lens (get-capability "diffusers.upscale")) (lens.upscaleTraditional "{asset}" {{:factor 2}})'
    job = ended(web, web.post("/api/v1/jobs", json={"source": source}).json()["job"])
    assert (job["result"]["width"], job["result"]["height"]) == (40, 20)


def test_parts_of_a_picture_and_what_is_known_already_are_not_sent_again(web):
    data = picture(50, 50, "olive")
    asset = web.post("/api/v1/assets", content=data, headers={"content-type": "image/png"}).json()["asset"]
    path = f"/api/v1/assets/{asset}/content"
    whole = web.get(path)
    assert whole.content == data
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    for asked, expected in {
        "bytes=0-9": data[:10],
        "bytes=10-": data[10:],
        "bytes=-7": data[-7:],
        "bytes=5-99999": data[5:],
    }.items():
        part = web.get(path, headers={"range": asked})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(data)}")
    assert web.get(path, headers={"range": f"bytes={len(data)}-"}).status_code == 416
    assert web.get(path, headers={"range": "bytes=0-1, 3-4"}).content == data
    assert web.get(path, headers={"range": "bytes=0-9", "if-range": '"another"'}).content == data
    assert web.get(path, headers={"if-none-match": whole.headers["etag"]}).status_code == 304


def test_a_thumbnail_is_small_and_keeps_proportions_and_transparency(web):
    data = picture(300, 150, (255, 0, 0, 0), "RGBA")
    asset = web.post("/api/v1/assets", content=data, headers={"content-type": "image/png"}).json()["asset"]
    answer = web.get(f"/api/v1/assets/{asset}/thumbnail", params={"size": 64})
    small = opened(answer.content)
    assert (small.format, small.size, small.mode) == ("WEBP", (64, 32), "RGBA")
    etag = {"if-none-match": answer.headers["etag"]}
    assert web.get(f"/api/v1/assets/{asset}/thumbnail", params={"size": 64}, headers=etag).status_code == 304
    assert web.get(f"/api/v1/assets/{asset}/thumbnail", params={"size": 9999}).status_code == 422


@pytest.mark.parametrize("data", [b"", b"no picture", picture()[:30], b"RIFF\0\0\0\0WEBP" * 9])
def test_what_is_no_picture_is_not_kept(web, data):
    answer = web.post("/api/v1/assets", content=data, headers={"content-type": "image/png"})
    assert (answer.status_code, kind(answer)) == (422, "bad_image")


def test_a_broken_picture_has_no_thumbnail(web):
    data = picture(90, 90, "pink")[:-40]
    asset = web.post("/api/v1/assets", content=data, headers={"content-type": "image/png"}).json()["asset"]
    answer = web.get(f"/api/v1/assets/{asset}/thumbnail")
    assert (answer.status_code, kind(answer)) == (422, "bad_image")


def test_pictures_are_listed_by_pages_and_deleted(web, somebody):
    other = somebody()
    made = [
        other.post("/api/v1/assets", content=picture(8, 8 + number), headers={"content-type": "image/png"}).json()
        for number in range(5)
    ]
    pages, after = [], None
    while True:
        page = other.get("/api/v1/assets", params={"count": 2, **({"after": after} if after else {})}).json()
        pages.append(page["assets"])
        after = page["next"]
        if after is None:
            break
    assert [len(each) for each in pages] == [2, 2, 1]
    assert [each["asset"] for page in pages for each in page] == [each["asset"] for each in reversed(made)]
    gone = made[0]["asset"]
    assert other.delete(f"/api/v1/assets/{gone}").json() == {"deleted": True}
    assert other.get(f"/api/v1/assets/{gone}").status_code == 404
    assert other.delete(f"/api/v1/assets/{gone}").status_code == 404
    source = f'(let lens (get-capability "diffusers.upscale")) (lens.upscaleTraditional "{gone}")'
    assert ended(web, web.post("/api/v1/jobs", json={"source": source}).json()["job"])["state"] == "failed"


# Capabilities and models


def test_capabilities_are_named_by_ids_delegated_and_revoked(web):
    root = next(each for each in web.get("/api/v1/capabilities").json() if each["type"] == "diffusers.generate")
    child = web.post(
        f"/api/v1/capabilities/{root['id']}/delegate", json={"restrictions": {"max_width": 64}, "label": "small"}
    )
    assert child.status_code == 201
    id = child.json()["id"]
    held = {each["id"]: each for each in web.get("/api/v1/capabilities", params={"of": "held"}).json()}
    assert held[id]["restrictions"]["max_width"] == 64
    asked = {"source": DRAW.replace("{", "{:width 128 "), "grant": [id]}
    job = ended(web, web.post("/api/v1/jobs", json=asked).json()["job"])
    assert job["error"]["data"]["kind"] == "denied"
    assert web.delete(f"/api/v1/capabilities/{id}").json() == {"revoked": 1}
    assert web.delete(f"/api/v1/capabilities/{id}").status_code == 404


def test_a_capability_of_somebody_else_is_none(web, somebody):
    other = somebody("diffusers.generate")
    [mine] = other.get("/api/v1/capabilities").json()
    roots = [each["id"] for each in web.get("/api/v1/capabilities", params={"of": "held"}).json()]
    for id in (*roots, "c_unknown"):
        assert kind(other.post(f"/api/v1/capabilities/{id}/delegate")) == "no_such_capability"
        assert kind(other.delete(f"/api/v1/capabilities/{id}")) == "no_such_capability"
    given = web.get("/api/v1/capabilities", params={"of": "given"}).json()
    assert mine["id"] in [each["id"] for each in given]
    assert web.delete(f"/api/v1/capabilities/{mine['id']}").json() == {"revoked": 1}
    assert other.get("/api/v1/capabilities").json() == []


def test_models_are_those_that_a_capability_allows(web, somebody):
    assert "starter" in [each["id"] for each in web.get("/api/v1/models").json()]
    assert somebody().get("/api/v1/models").json() == []


# The description


def test_the_description_is_there_for_everybody_and_runs_nothing(server):
    with httpx.Client(base_url=server.http, trust_env=False) as web:
        described = web.get("/openapi.json").json()
        assert described["openapi"].startswith("3.1")
        assert {"/api/v1/jobs", "/api/v1/assets/{asset}/content", "/api/v1/capabilities/{cap}"} <= set(
            described["paths"]
        )
        page = web.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "<script" not in page.text
        assert "style=" not in page.text
        for path in described["paths"]:
            assert path.replace("&", "&amp;") in page.text
        assert web.get("/docs/style.css").headers["content-type"].startswith("text/css")


def test_a_stream_ends_with_its_job_and_with_its_token(web, server):
    async def endless_job_of_somebody_whose_token_ends() -> list[str]:
        async with connect(server.url, server.token) as owner:
            token = (await owner.call("principals.create", {"name": "rest-stream"}))["token"]
            [id] = [each["id"] for each in await owner.call("tokens.list") if each["principal"] == "rest-stream"]
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=server.http, headers=headers, trust_env=False) as other:
                job = (await other.post("/api/v1/jobs", json=ENDLESS)).json()["job"]
                async with other.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
                    lines = answer.aiter_lines()
                    assert await anext(lines) == "id: 1"
                    await owner.call("tokens.revoke", {"token": id})
                    return [line async for line in lines]

    lines = asyncio.run(endless_job_of_somebody_whose_token_ends())
    assert "event: job.failed" not in lines
    job = web.post("/api/v1/jobs", json=ENDLESS).json()["job"]
    with web.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
        more = answer.iter_lines()
        assert next(more) == "id: 1"
        web.post(f"/api/v1/jobs/{job}/cancel")
        assert "event: job.failed" in more
