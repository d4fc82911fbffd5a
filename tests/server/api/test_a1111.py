"""A1111's API over HTTP, as its clients use it."""

import base64
import json
import threading
import zlib

import httpx
import pytest

from mintaka.server.api.a1111_routes import parameters_of
from mintaka.server.api.a1111_shapes import LORA
from mintaka.server.png_text import SIGNATURE, texts
from tests.server.api.drawn import encoded, opened, picture

SMALL = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64, "seed": 7}


def text(data):
    return base64.b64encode(data).decode()


def images(answer):
    assert answer.status_code == 200, answer.text
    return [opened(base64.b64decode(each)) for each in answer.json()["images"]]


def test_batches_of_pictures_are_made_with_seeds_that_count_up(web):
    answer = web.post("/sdapi/v1/txt2img", json={**SMALL, "batch_size": 2, "n_iter": 2, "sampler_name": "Euler a"})
    made = images(answer)
    assert [each.size for each in made] == [(64, 64)] * 4
    info = json.loads(answer.json()["info"])
    assert info["all_seeds"] == [7, 8, 9, 10]
    assert (info["seed"], info["steps"], info["width"], info["sd_model_name"]) == (7, 2, 64, "starter")
    assert info["infotexts"][3].startswith("a red circle\nSteps: 2, Sampler: Euler a")
    assert answer.json()["parameters"]["batch_size"] == 2
    assert len({zlib.crc32(each.tobytes()) for each in made}) == 4


def test_what_is_left_out_is_the_models_and_what_is_no_matter_is_ignored(web):
    asked = {
        "prompt": "a red circle",
        "steps": 1,
        "restore_faces": False,
        "styles": [],
        "alwayson_scripts": {"ControlNet": {"args": []}},
        "save_images": True,
        "override_settings": {"samples_save": False, "sd_model_checkpoint": "starter [0123456789]"},
        "unheard_of": 1,
    }
    answer = web.post("/sdapi/v1/txt2img", json=asked)
    [made] = images(answer)
    assert made.size == (256, 256)
    assert json.loads(answer.json()["info"])["seed"] >= 0


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"enable_hr": True}, "enable_hr"),
        ({"restore_faces": True}, "restore_faces"),
        ({"styles": ["anime"]}, "styles"),
        ({"subseed_strength": 0.5}, "subseed_strength"),
        ({"script_name": "xyz"}, "script_name"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True]}}}, "ADetailer"),
        ({"override_settings": {"eta_noise_seed_delta": 31337}}, "eta_noise_seed_delta"),
        ({"sampler_name": "Nonsense"}, "Nonsense"),
        ({"sampler_name": "DDIM", "scheduler": "Karras"}, "DDIM"),
        ({"prompt": "<lora:>"}, "LoRA"),
        ({"override_settings": {"sd_model_checkpoint": "nonsense"}}, "nonsense"),
        ({"steps": 0}, "steps"),
    ],
)
def test_what_is_not_done_here_is_refused_by_its_name(web, more, named):
    answer = web.post("/sdapi/v1/txt2img", json={**SMALL, **more})
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"error", "detail", "body", "errors"}
    assert named.lower() in answer.json()["detail"].lower()


def test_a_sampler_and_a_schedule_are_one_scheduler(web):
    answer = web.post("/sdapi/v1/txt2img", json={**SMALL, "sampler_name": "DPM++ 2M", "scheduler": "Karras"})
    assert json.loads(answer.json()["info"])["sampler_name"] == "dpmpp_2m_karras"


def test_loras_are_named_in_the_prompt():
    assert LORA.findall("a <lora:storybook:0.8> fox <lora:ink>, <lora:x:1:0.5>") == [
        ("storybook", "0.8"),
        ("ink", ""),
        ("x", "1"),
    ]


def test_a_lora_that_is_not_there_is_told(web):
    answer = web.post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "a fox <lora:nowhere:0.8>"})
    assert answer.status_code in (404, 422)
    assert "nowhere" in answer.json()["detail"]


def test_a_picture_is_made_from_a_picture_in_the_size_that_is_asked_for(web):
    asked = {**SMALL, "init_images": [text(picture(100, 50))], "denoising_strength": 0.5, "resize_mode": 1}
    answer = web.post("/sdapi/v1/img2img", json=asked)
    assert [each.size for each in images(answer)] == [(64, 64)]
    assert json.loads(answer.json()["info"])["denoising_strength"] == 0.5
    assert answer.json()["parameters"]["init_images"] is None
    refused = web.post("/sdapi/v1/img2img", json={**asked, "resize_mode": 2})
    assert "resize_mode" in refused.json()["detail"]
    assert web.post("/sdapi/v1/img2img", json={**asked, "init_images": []}).status_code == 422


@pytest.mark.parametrize("inverted", [0, 1])
def test_what_the_mask_marks_is_drawn_anew_and_all_else_stays(web, inverted):
    mask = opened(picture(64, 64, "black"))
    mask.paste("white", (0, 0, 32, 64))
    asked = {
        **SMALL,
        "init_images": [text(picture(64, 64, "teal"))],
        "mask": text(encoded(mask)),
        "inpainting_mask_invert": inverted,
        "inpaint_full_res": False,
        "mask_blur": 0,
        "inpainting_fill": 1,
    }
    [made] = images(web.post("/sdapi/v1/img2img", json=asked))
    left, right = (made.convert("RGB").crop((at, 0, at + 32, 64)).getcolors() for at in (0, 32))
    kept, drawn = (left, right) if inverted else (right, left)
    assert kept == [(32 * 64, (0, 128, 128))]
    assert drawn != kept


def test_a_picture_is_made_larger(web):
    answer = web.post("/sdapi/v1/extra-single-image", json={"image": text(picture(20, 10)), "upscaler_1": "Lanczos"})
    assert opened(base64.b64decode(answer.json()["image"])).size == (40, 20)
    to = {"resize_mode": 1, "upscaling_resize_w": 60, "upscaling_resize_h": 30}
    answer = web.post("/sdapi/v1/extra-single-image", json={"image": text(picture(20, 10)), **to})
    assert opened(base64.b64decode(answer.json()["image"])).size == (60, 30)
    for more in ({"upscaling_resize": 1.5}, {"gfpgan_visibility": 1}, {**to, "upscaling_resize_h": 31}):
        assert web.post("/sdapi/v1/extra-single-image", json={"image": text(picture()), **more}).status_code == 422


def test_what_a_picture_says_of_itself_is_read_back(web):
    made = web.post("/sdapi/v1/txt2img", json={**SMALL, "negative_prompt": "blue"}).json()["images"][0]
    told = web.post("/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{made}"}).json()
    assert told["info"].startswith("a red circle\nNegative prompt: blue\nSteps: 2")
    assert told["parameters"]["Seed"] == "7"
    assert told["parameters"]["Negative prompt"] == "blue"
    assert (told["parameters"]["Size-1"], told["parameters"]["Size-2"]) == ("64", "64")
    assert "mintaka" in told["items"]
    assert web.post("/sdapi/v1/png-info", json={"image": text(b"nothing")}).status_code == 422


def test_parameters_are_read_as_far_as_they_are_some():
    assert parameters_of("") == {"Prompt": "", "Negative prompt": ""}
    assert parameters_of("only, words: here") == {"Prompt": "only, words: here", "Negative prompt": ""}
    quoted = parameters_of('a\nb\nSteps: 4, Seed: 1, Hashes: "x: 1, y: 2"')
    assert (quoted["Prompt"], quoted["Hashes"], quoted["Seed"]) == ("a\nb", "x: 1, y: 2", "1")


def test_texts_of_a_png_are_read_within_bounds():
    def chunk(kind, content):
        return len(content).to_bytes(4) + kind + content + b"\0\0\0\0"

    bomb = zlib.compress(b"a" * 20_000_000)
    data = SIGNATURE + chunk(b"tEXt", b"a\0plain") + chunk(b"zTXt", b"b\0\0" + zlib.compress(b"packed"))
    data += (
        chunk(b"iTXt", "c\0\0\0\0\0größer".encode()) + chunk(b"iTXt", b"d\0\1\0\0\0" + bomb) + chunk(b"tEXt", b"e\0x")
    )
    found = texts(data)
    assert (found["a"], found["b"], found["c"]) == ("plain", "packed", "größer")
    assert len(found["d"]) <= 1 << 20
    assert texts(b"no PNG") == texts(SIGNATURE + b"\xff" * 9) == {}


def test_what_there_is_is_listed(web, somebody):
    assert "starter" in [each["model_name"] for each in web.get("/sdapi/v1/sd-models").json()]
    samplers = [each["name"] for each in web.get("/sdapi/v1/samplers").json()]
    assert {"Euler a", "DPM++ 2M"} <= set(samplers)
    assert "DPM++ 2M Karras" not in samplers
    assert {"automatic", "karras"} <= {each["name"] for each in web.get("/sdapi/v1/schedulers").json()}
    assert {"None", "Lanczos"} <= {each["name"] for each in web.get("/sdapi/v1/upscalers").json()}
    for path in ("loras", "sd-vae", "latent-upscale-modes", "prompt-styles"):
        assert isinstance(web.get(f"/sdapi/v1/{path}").json(), list)
    assert web.get("/sdapi/v1/cmd-flags").json()["api"] is True
    assert web.get("/sdapi/v1/memory").json()["ram"]["total"] > 0
    assert web.post("/sdapi/v1/refresh-checkpoints").json() is None
    other = somebody()
    for path in ("sd-models", "samplers", "upscalers", "loras"):
        assert other.get(f"/sdapi/v1/{path}").json() == []
    assert "error" in other.get("/sdapi/v1/memory").json()["ram"]
    assert other.post("/sdapi/v1/txt2img", json=SMALL).status_code == 403


def test_what_is_set_holds_for_who_set_it(web, somebody):
    other = somebody("diffusers.generate")
    assert other.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 2, "samples_save": True}).json() is None
    assert other.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 2
    assert web.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 1
    assert other.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == "starter"
    answer = other.post("/sdapi/v1/txt2img", json=SMALL)
    assert json.loads(answer.json()["info"])["clip_skip"] == 2
    assert other.post("/sdapi/v1/options", json={"sd_model_checkpoint": "nonsense"}).status_code == 404
    assert other.post("/sdapi/v1/options", json={"face_restoration": 1}).status_code == 422


def test_a_token_comes_as_a_password_too(server):
    with httpx.Client(base_url=server.http, trust_env=False) as web:
        assert web.get("/sdapi/v1/sd-models", auth=("anybody", server.token)).status_code == 200
        refused = web.get("/sdapi/v1/sd-models", auth=("anybody", "wrong"))
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert web.get("/sdapi/v1/sd-models").status_code == 401


def drawing(web, **more):
    """A long request, begun; its thread, where its answer will be, and how far it is."""
    answers = []
    asked = {**SMALL, "width": 256, "height": 256, "steps": 400, **more}
    thread = threading.Thread(target=lambda: answers.append(web.post("/sdapi/v1/txt2img", json=asked)))
    thread.start()
    while not (told := web.get("/sdapi/v1/progress").json())["state"]["sampling_step"]:
        assert thread.is_alive()
    return thread, answers, told


def test_what_is_drawn_is_watched_and_interrupted(web, somebody):
    thread, answers, told = drawing(web, n_iter=3)
    assert 0 < told["progress"] < 1
    assert told["eta_relative"] > 0
    assert (told["state"]["job_count"], told["state"]["sampling_steps"]) == (3, 400)
    assert web.get("/sdapi/v1/progress", params={"skip_current_image": True}).json()["current_image"] is None
    other = somebody()
    assert other.get("/sdapi/v1/progress").json()["progress"] == 0
    assert other.post("/sdapi/v1/interrupt").json() == {}
    assert thread.is_alive()
    assert web.post("/sdapi/v1/interrupt").json() == {}
    thread.join()
    assert images(answers[0]) == []
    idle = web.get("/sdapi/v1/progress").json()
    assert (idle["progress"], idle["state"]["job_count"]) == (0, 0)
    assert web.post("/sdapi/v1/interrupt").json() == web.post("/sdapi/v1/skip").json() == {}


def test_a_batch_that_is_skipped_is_left_out_and_the_next_is_drawn(web):
    thread, answers, _ = drawing(web, n_iter=2)
    web.post("/sdapi/v1/skip")
    while (told := web.get("/sdapi/v1/progress").json())["state"]["job_no"] == 0 and told["state"]["job_count"]:
        pass
    assert told["state"]["job_no"] == 1
    web.post("/sdapi/v1/interrupt")
    thread.join()
    assert images(answers[0]) == []
