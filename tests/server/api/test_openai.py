"""OpenAI's own client against a real server."""

import base64
import contextlib
import threading

import httpx
import openai
import pytest

from mintaka.client import connect
from tests.server.api.drawn import encoded, opened, picture

FEW = {"steps": 2, "seed": 7}


@pytest.fixture
def signed_in(server):
    """Makes clients with a token; they do not try again, so that what is refused is seen."""
    with contextlib.ExitStack() as stack:
        yield lambda token: stack.enter_context(
            openai.OpenAI(
                api_key=token, base_url=f"{server.http}/v1", max_retries=0, http_client=httpx.Client(trust_env=False)
            )
        )


@pytest.fixture
def openai_client(server, signed_in):
    """The owner's."""
    return signed_in(server.token)


def decoded(image):
    return opened(base64.b64decode(image.b64_json))


def test_pictures_are_made_from_words(openai_client):
    answer = openai_client.images.generate(
        prompt="a red circle", model="starter", n=2, size="64x48", quality="standard", user="me", extra_body=FEW
    )
    assert [decoded(each).size for each in answer.data] == [(64, 48), (64, 48)]
    assert [each.seed for each in answer.data] == [7, 8]
    assert answer.created > 0


def test_a_picture_is_answered_by_its_address_or_in_another_format(openai_client):
    [linked] = openai_client.images.generate(
        prompt="a red circle", size="64x64", response_format="url", extra_body=FEW
    ).data
    fetched = httpx.get(linked.url, trust_env=False)
    assert opened(fetched.content).size == (64, 64)
    [small] = openai_client.images.generate(
        prompt="a red circle", size="64x64", output_format="webp", output_compression=50, extra_body=FEW
    ).data
    assert decoded(small).format == "WEBP"


def test_what_is_transparent_in_the_mask_is_drawn_anew_and_all_else_stays(openai_client):
    mask = opened(picture(64, 64, (0, 0, 0, 255), "RGBA"))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    image = picture(64, 64, "teal")
    [edited] = openai_client.images.edit(
        image=("image.png", image, "image/png"),
        mask=("mask.png", encoded(mask), "image/png"),
        prompt="a red circle",
        size="auto",
        extra_body=FEW,
    ).data
    after = decoded(edited).convert("RGB")
    assert after.crop((32, 0, 64, 64)).getcolors() == [(32 * 64, (0, 128, 128))]
    assert after.crop((0, 0, 16, 64)).getcolors() != [(16 * 64, (0, 128, 128))]
    with pytest.raises(openai.BadRequestError, match="keeps its size"):
        openai_client.images.edit(
            image=("image.png", image, "image/png"), mask=encoded(mask), prompt="x", size="128x128"
        )


def test_without_anything_transparent_the_whole_picture_is_made_anew(openai_client):
    [edited] = openai_client.images.edit(
        image=("image.png", picture(64, 64), "image/png"), prompt="a red circle", size="48x64", extra_body=FEW
    ).data
    assert decoded(edited).size == (48, 64)
    [varied] = openai_client.images.create_variation(
        image=("image.png", picture(64, 64), "image/png"), n=1, extra_body=FEW
    ).data
    assert decoded(varied).size == (64, 64)


def test_models_are_listed_and_told(openai_client):
    assert "starter" in [each.id for each in openai_client.models.list()]
    assert openai_client.models.retrieve("starter").owned_by == "mintaka"
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client.models.retrieve("gpt-image-1")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"model": "dall-e-3"}, "model_not_found", "model"),
        ({"size": "huge"}, "invalid_params", "size"),
        ({"n": 11}, "invalid_params", "n"),
        ({"extra_body": {"nonsense": 1}}, "invalid_params", "nonsense"),
        ({"extra_body": {"stream": True}}, "invalid_params", "stream"),
        ({"extra_body": {"scheduler": "nonsense"}}, "unsupported", None),
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_shape(openai_client, asked, code, param):
    with pytest.raises(openai.APIStatusError) as caught:
        openai_client.images.generate(**{"prompt": "x", "size": "64x64", **asked})
    assert (caught.value.status_code in (400, 404), caught.value.code, caught.value.param) == (True, code, param)


def test_a_wrong_token_and_one_that_may_not_are_told_apart(signed_in, somebody):
    with pytest.raises(openai.AuthenticationError) as caught:
        signed_in("wrong").models.list()
    assert caught.value.code == "invalid_api_key"
    token = somebody().headers["authorization"].split()[1]
    with pytest.raises(openai.PermissionDeniedError, match=r"diffusers\.generate"):
        signed_in(token).images.generate(prompt="x")


def test_a_scoped_token_draws_within_its_scope(signed_in, somebody):
    token = somebody("diffusers.generate", max_width=64, max_height=64, max_batch=1).headers["authorization"].split()[1]
    client = signed_in(token)
    [image] = client.images.generate(prompt="a red circle", extra_body=FEW).data
    assert max(decoded(image).size) <= 64
    with pytest.raises(openai.PermissionDeniedError):
        client.images.generate(prompt="a red circle", n=2, extra_body=FEW)


def test_the_same_key_is_the_same_picture_drawn_once(openai_client):
    asked = {"prompt": "a red circle", "size": "64x64", "extra_body": {"steps": 2}}
    headers = {"Idempotency-Key": "openai-once"}
    first, second = (openai_client.images.generate(**asked, extra_headers=headers).data[0] for _ in range(2))
    assert first.b64_json == second.b64_json
    assert first.seed == second.seed


async def test_who_goes_away_has_the_job_cancelled(server):
    slow = {"prompt": "a red circle", "size": "512x512", "steps": 1000}
    async with connect(server.url, server.token) as owner:
        before = {each["job"] for each in await owner.call("jobs.list")}
        async with httpx.AsyncClient(trust_env=False, timeout=0.5) as client:
            headers = {"authorization": f"Bearer {server.token}"}
            with pytest.raises(httpx.ReadTimeout):
                await client.post(f"{server.http}/v1/images/generations", json=slow, headers=headers)
        [job] = {each["job"] for each in await owner.call("jobs.list")} - before
        events = [each async for each in owner.events(job)]
        assert events[-1].kind == "failed"
        assert (await owner.call("jobs.get", {"job": job}))["state"] == "cancelled"


def test_a_server_that_stops_says_so_and_when_to_come_again(start_server):
    server = start_server()
    slow = {"prompt": "a red circle", "size": "512x512", "steps": 1000}
    headers = {"authorization": f"Bearer {server.token}", "idempotency-key": "stopped"}
    answers = []

    def ask():
        path = f"{server.http}/v1/images/generations"
        answers.append(httpx.post(path, json=slow, headers=headers, trust_env=False, timeout=60))

    thread = threading.Thread(target=ask)
    thread.start()
    with httpx.Client(base_url=server.http, headers=headers, trust_env=False) as web:
        while not (jobs := web.get("/api/v1/jobs").json()):
            assert thread.is_alive()
    server.stop()
    thread.join()
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (429, "2")
    assert jobs[0]["job"] in answers[0].json()["error"]["message"]
