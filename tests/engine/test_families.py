"""Models of every family draw what their stock pipelines draw alone, and their requests share runs."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mintaka.engine.errors import Unsupported
from mintaka.engine.messages import MODEL, controlnet_role, lora_role
from mintaka.engine.models import read_model
from mintaka.engine.models.controlnets import misfit, read_controlnet
from mintaka.engine.pixels import Pixels
from mintaka.engine.requests import (
    Control,
    Controlled,
    Drawing,
    Fill,
    ImageToImage,
    Inpaint,
    Lora,
    Picture,
    Step,
    TextToImage,
)
from mintaka.engine.worker import methods, preview, proxy
from mintaka.engine.worker.loading import Shelf
from tests.engine import tiny_models
from tests.engine.test_shared_runs import at_once, looping

MASK = np.zeros((64, 64), np.uint8)
MASK[16:48, 8:40] = 255
WHOLE = {"feather": 0, "only_masked": False, "padding": 0, "fill": Fill.ORIGINAL}

PROMPTS = ("a red circle", "a yellow star at night", "a blue house left of a green tree")


Upload = Callable[[Image.Image], bytes]


SIZE = {"width": 64, "height": 64}
GUIDED = frozenset({"guidance_scale", "negative_prompt"})
UNREAD = frozenset({"guidance_scale"})
"""Guidance is told to the model, and there is no negative prompt."""


@dataclass(frozen=True)
class Case:
    """A tiny model, the stock pipelines of its tasks, and what they are called with."""

    model: str
    stock: dict[type[Drawing], str]
    told: dict[str, int] = field(default_factory=dict)
    """Besides what all are, also those that draw over a picture."""
    guided: frozenset[str] = GUIDED
    left_out: frozenset[str] = frozenset()
    count: int = 0
    """How many requests of each task; 0: three from words and two of the others, three where there is but one task."""


def every_task(name: str) -> dict[type[Drawing], str]:
    """The stock pipelines of a family that has one for each task."""
    return {TextToImage: f"{name}Pipeline", ImageToImage: f"{name}Img2ImgPipeline", Inpaint: f"{name}InpaintPipeline"}


CASES = (
    Case("sd2", every_task("StableDiffusion")),
    Case("masked", {Inpaint: "StableDiffusionInpaintPipeline"}),
    Case(
        "lcm",
        {TextToImage: "LatentConsistencyModelPipeline", ImageToImage: "LatentConsistencyModelImg2ImgPipeline"},
        guided=UNREAD,
    ),
    Case("sdxl", every_task("StableDiffusionXL")),
    Case("refiner", {ImageToImage: "StableDiffusionXLImg2ImgPipeline"}),
    Case("sd3", every_task("StableDiffusion3"), told=SIZE),
    Case("flux_dev", every_task("Flux"), told=SIZE, guided=UNREAD),
    Case("flux_schnell", every_task("Flux"), told=SIZE, guided=frozenset({"true_cfg_scale", "negative_prompt"})),
    Case("flux_fill", {Inpaint: "FluxFillPipeline"}, guided=UNREAD),
    Case(
        "flux_kontext",
        {ImageToImage: "FluxKontextPipeline"},
        told={**SIZE, "max_area": 64 * 64},
        guided=UNREAD,
        left_out=frozenset({"strength"}),
        count=2,
    ),
    Case("z_image", every_task("ZImage"), told=SIZE),
    Case("qwen_image", every_task("QwenImage"), told=SIZE, guided=frozenset({"true_cfg_scale", "negative_prompt"})),
    Case("chroma", {TextToImage: "ChromaPipeline"}, told=SIZE),
    Case("aura_flow", {TextToImage: "AuraFlowPipeline"}, told=SIZE),
    Case("lumina2", {TextToImage: "Lumina2Pipeline"}, told=SIZE),
)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, built when it is first wanted."""
    root = tmp_path_factory.mktemp("families")

    def folder(name: str) -> Path:
        return root / name if (root / name).exists() else tiny_models.build(name, root / name)

    return folder


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf("cpu", 1 << 30)


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Upload:
    """What stands in a request for a picture that was decoded before."""
    root, count = tmp_path_factory.mktemp("uploads"), itertools.count()

    def uploaded(image: Image.Image) -> bytes:
        file = root / str(next(count))
        file.write_bytes(image.convert("RGB").tobytes())
        return Pixels(str(file), "RGB", *image.size, digest="").to_bytes()

    return uploaded


def requests(case: Case, picture: bytes, mask: bytes) -> list[Drawing]:
    """Some of each task, all different."""
    made: list[Drawing] = []
    for kind in case.stock:
        for number in range(case.count or (3 if kind is TextToImage or len(case.stock) == 1 else 2)):
            arguments: dict[str, Any] = {
                "id": f"{kind.__name__}{number}",
                "model": case.model,
                "prompt": PROMPTS[number],
                "negative_prompt": "" if number else "blue",
                "width": 64,
                "height": 64,
                "steps": 3 - number % 2,
                "guidance_scale": (4.0, 1.0, 2.0)[number],
                "seed": 10 + number,
                "previews": False,
            }
            if kind is not TextToImage:
                arguments |= {"image": picture, "strength": 0.7}
            if kind is Inpaint:
                arguments |= {"mask": mask, **WHOLE}
            made.append(kind(**arguments))
    return made


def engine_draws(request: Drawing, folder: Path, shelf: Shelf) -> Callable[[], list[Picture]]:
    return lambda: methods.run(request, {MODEL: folder}, shelf, lambda step: None)


def stock_pipelines(case: Case, folder: Path) -> dict[type[Drawing], Any]:
    """The stock pipelines of a model, over weights of their own."""
    pipelines = {}
    for kind, name in case.stock.items():
        pipelines[kind] = getattr(diffusers, name).from_pretrained(folder, dtype=torch.float32)
        pipelines[kind].set_progress_bar_config(disable=True)
    return pipelines


def stock_draws(request: Any, case: Case, pipeline: Any, picture: Image.Image) -> np.ndarray:
    guidance = {
        "guidance_scale": request.guidance_scale,
        "true_cfg_scale": request.guidance_scale,
        # Stable Diffusion XL takes none as zeros, where its configuration says so.
        "negative_prompt": request.negative_prompt or (None if "XL" in type(pipeline).__name__ else ""),
    }
    arguments: dict[str, Any] = {
        "prompt": request.prompt,
        "num_inference_steps": request.steps,
        "generator": torch.Generator().manual_seed(request.seed),
        **{name: guidance[name] for name in case.guided},
        **case.told,
    }
    if not isinstance(request, ImageToImage):
        arguments |= SIZE
    if not isinstance(request, TextToImage):
        arguments |= {"image": picture, "strength": request.strength}
    if isinstance(request, Inpaint):
        arguments["mask_image"] = Image.fromarray(MASK)
    return np.asarray(pipeline(**{key: arguments[key] for key in arguments.keys() - case.left_out}).images[0])


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(int)


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")  # in diffusers' Chroma
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_requests_together_draw_what_the_stock_pipelines_draw_alone(
    case: Case, families: Callable[[str], Path], shelf: Shelf, photograph: bytes, upload: Upload
) -> None:
    folder, picture = families(case.model), Image.open(io.BytesIO(photograph))
    asked = requests(case, upload(picture), upload(Image.fromarray(MASK)))
    with looping() as loop:
        together = at_once(loop, [engine_draws(each, folder, shelf) for each in asked])
        tally = loop.tally
    seen: list[np.ndarray] = []
    stock = stock_pipelines(case, folder)
    for request, result in zip(asked, together, strict=True):
        assert isinstance(result, list), result
        mine, theirs = pixels(result[0]), stock_draws(request, case, stock[type(request)], picture).astype(int)
        where = MASK > 0 if isinstance(request, Inpaint) else np.ones_like(MASK, bool)
        assert np.abs(mine - theirs)[where].max() <= 1, request.id
        seen.append(mine)
    # The comparison can fail: no two of them are nearly the same.
    assert all(np.abs(one - other).max() > 4 for i, one in enumerate(seen) for other in seen[:i])
    # Usually less than 0.65 of them: prompts are read alone, and who comes back late from a side thread shares less.
    assert tally.runs < tally.calls


def request_of(model: str, kind: type[Drawing] = TextToImage, **changes: Any) -> Any:
    shared = {"id": "one", "model": model, "prompt": PROMPTS[0], "width": 64, "height": 64, "steps": 2, "seed": 1}
    return kind(**{**shared, "guidance_scale": 1.0, "previews": False, **changes})


def test_what_a_pipeline_does_not_read_becomes_a_note(
    families: Callable[[str], Path], shelf: Shelf, photograph: bytes, upload: Upload
) -> None:
    [dev] = engine_draws(request_of("flux_dev", negative_prompt="blue"), families("flux_dev"), shelf)()
    assert dev.notes == ("the model reads no negative prompt; it was left out",)
    picture = upload(Image.open(io.BytesIO(photograph)))
    request = request_of("lcm", ImageToImage, image=picture, strength=0.8, prompt_2="blue")
    [lcm] = engine_draws(request, families("lcm"), shelf)()
    assert lcm.notes == ("the model has one text encoder; the second prompt was left out",)
    long = request_of("sd3", prompt=" ".join(["circle"] * 100))
    assert engine_draws(long, families("sd3"), shelf)()[0].notes == ()  # the third encoder reads 256 tokens


def test_what_a_model_was_not_made_for_is_refused(families: Callable[[str], Path], shelf: Shelf) -> None:
    with pytest.raises(Unsupported, match="draws over pictures and cannot draw from words alone"):
        engine_draws(request_of("refiner"), families("refiner"), shelf)()
    with pytest.raises(Unsupported, match="dpmpp_2m does not draw with a model that was trained by flow matching"):
        engine_draws(request_of("sd3", scheduler="dpmpp_2m"), families("sd3"), shelf)()


@pytest.mark.parametrize(("model", "scheduler"), [("sd3", "euler_beta"), ("flux_dev", "lcm"), ("qwen_image", "euler")])
def test_previews_of_flow_matching_show_what_is_clean_by_then(
    families: Callable[[str], Path], shelf: Shelf, model: str, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(preview, "render", lambda latents, rgb, drawn: seen.append(latents) or b"")
    steps: list[Step] = []
    request = request_of(model, scheduler=scheduler, steps=3, previews=True)
    methods.run(request, {MODEL: families(model)}, shelf, steps.append)
    assert [each.preview is not None for each in steps] == [True, True, False]
    assert [each.shape[2:] for each in seen] == [(8, 8)] * 2
    rgb = read_model(families(model)).latent_rgb
    assert rgb is not None
    assert {each.shape[1] for each in seen} == {len(rgb.matrix)}


def test_a_vae_that_is_kept_in_single_precision_takes_what_comes_in_half(
    families: Callable[[str], Path], shelf: Shelf
) -> None:
    vae = shelf.get({MODEL: families("sdxl")}, "sdxl").base.vae
    own = proxy.proxies(shelf.get({MODEL: families("sdxl")}, "sdxl").base)["vae"]
    latents = torch.randn(1, 4, 8, 8).bfloat16()
    with torch.inference_mode():
        assert torch.equal(own.to(torch.float16).decode(latents).sample, vae.decode(latents.float()).sample)


def write_lora(file: Path, module: torch.nn.Module, part: str) -> None:
    """Changes the queries and values of every attention of ``part``."""
    random, tensors = torch.Generator().manual_seed(5), {}
    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.Linear) and name.endswith((".to_q", ".to_v")):
            tensors[f"{part}.{name}.lora_A.weight"] = torch.randn(2, layer.in_features, generator=random)
            tensors[f"{part}.{name}.lora_B.weight"] = torch.randn(layer.out_features, 2, generator=random) * 0.5
    save_file(tensors, file)


@pytest.mark.parametrize(("model", "part"), [("flux_dev", "transformer"), ("sdxl", "unet")])
def test_a_lora_acts_in_a_family_as_in_its_stock_pipeline_and_on_its_own_request_alone(
    families: Callable[[str], Path], tmp_path: Path, model: str, part: str
) -> None:
    folder, shelf, file = families(model), Shelf("cpu", 1 << 30), tmp_path / "some.safetensors"
    stock = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    stock.set_progress_bar_config(disable=True)
    write_lora(file, getattr(stock, part), part)
    plain = request_of(model, guidance_scale=2.0)
    told = request_of(model, guidance_scale=2.0, loras=(Lora("some", 0.8),), id="two")
    files = {MODEL: folder, lora_role(0): file}
    with looping() as loop:
        with_it, without = at_once(
            loop,
            [lambda: methods.run(told, files, shelf, print), lambda: methods.run(plain, files, shelf, print)],
        )

    def drawn() -> np.ndarray:
        generator = torch.Generator().manual_seed(1)
        arguments = {"num_inference_steps": 2, "guidance_scale": 2.0, "generator": generator, **SIZE}
        return np.asarray(stock(PROMPTS[0], **arguments).images[0]).astype(int)

    expected = [drawn()]
    stock.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="some")
    stock.set_adapters(["some"], [0.8])
    expected.append(drawn())
    assert np.abs(expected[0] - expected[1]).max() > 4
    for mine, theirs in zip((without, with_it), expected, strict=True):
        assert np.abs(pixels(mine[0]) - theirs).max() <= 1


def test_a_controlnet_steers_stable_diffusion_xl_as_its_stock_pipeline(
    families: Callable[[str], Path], shelf: Shelf, tmp_path: Path, photograph: bytes, upload: Upload
) -> None:
    folder, picture = families("sdxl"), Image.open(io.BytesIO(photograph)).convert("RGB")
    stock = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        net = diffusers.ControlNetModel.from_unet(stock.unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
        tiny_models.enliven(net)
    with torch.no_grad():
        for last in (*net.controlnet_down_blocks, net.controlnet_mid_block):
            last.weight.mul_(0.02)  # else norms would see nothing beside it
    net.save_pretrained(tmp_path / "net")
    info = read_controlnet(tmp_path / "net", "net")
    assert info is not None
    assert misfit(info, read_model(folder)) is None
    asked = [
        request_of(
            "sdxl",
            Controlled,
            id=str(number),
            guidance_scale=2.0,
            controls=(Control(controlnet="net", image=upload(picture), strength=strength),),
        )
        for number, strength in enumerate((0.5, 1.0))
    ]
    files = {MODEL: folder, controlnet_role(0): tmp_path / "net"}
    with looping() as loop:
        together = at_once(loop, [partial(methods.run, each, files, shelf, print) for each in asked])
        assert loop.tally.runs < loop.tally.calls
    steered = diffusers.StableDiffusionXLControlNetPipeline(**stock.components, controlnet=net)
    steered.set_progress_bar_config(disable=True)
    for request, result in zip(asked, together, strict=True):
        generator = torch.Generator().manual_seed(1)
        arguments = {"num_inference_steps": 2, "guidance_scale": 2.0, "generator": generator, **SIZE}
        scale = request.controls[0].strength
        drawn = steered(PROMPTS[0], image=picture, controlnet_conditioning_scale=scale, **arguments).images[0]
        assert np.abs(pixels(result[0]) - np.asarray(drawn).astype(int)).max() <= 1
    assert np.abs(pixels(together[0][0]) - pixels(together[1][0])).max() > 4
