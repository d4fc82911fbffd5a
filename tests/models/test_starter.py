"""The model that comes with the program, and the recipe that made it."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch")

from models.recipe.captions import FILLERS, describe, known_words, training_caption  # noqa: E402
from models.recipe.evaluation import generate, load_pipeline  # noqa: E402
from models.recipe.training import Plan, Randomness, train  # noqa: E402
from models.recipe.upscaler import compare_with_bicubic, load_upscaler  # noqa: E402
from models.recipe.world import PALETTE, draw, is_held_out, sample_scene  # noqa: E402

STARTER = Path(__file__).parents[2] / "models" / "starter"

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((STARTER / "mintaka.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline(STARTER)


@pytest.fixture(scope="module")
def pictures(pipeline: Any) -> dict[str, Picture]:
    prompts = (
        "a large red circle on a white background",
        "a small red circle on the left on a white background",
        "a small red circle on the right on a white background",
        "a small red circle at the top on a white background",
        "a red circle left of a blue square on a white background",
        "a red circle above a blue square on a white background",
        "a yellow star at night",
    )
    return dict(zip(prompts, generate(pipeline, prompts), strict=True))


def close_to(picture: Picture, colour: str) -> npt.NDArray[np.bool_]:
    distance: npt.NDArray[np.float64] = np.linalg.norm(picture.astype(np.float64) - PALETTE[colour], axis=-1)
    near: npt.NDArray[np.bool_] = distance < 70
    return near


def centroid(picture: Picture, colour: str) -> tuple[float, float]:
    """Mean x and y, from 0 to 1, of the pixels of a colour."""
    rows, columns = np.nonzero(close_to(picture, colour))
    assert len(rows) > 20, f"hardly a {colour} pixel"
    height, width = picture.shape[:2]
    return float(columns.mean() / width), float(rows.mean() / height)


def test_folder_is_small_enough_to_come_with_the_program() -> None:
    assert sum(path.stat().st_size for path in STARTER.rglob("*") if path.is_file()) < 25_000_000


def test_stock_pipeline_loads_the_folder(pipeline: Any, about: dict[str, Any]) -> None:
    assert type(pipeline).__name__ == "StableDiffusionPipeline"
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    assert [side, side] == about["native_size"]


def test_prompts_are_as_long_as_clips(pipeline: Any) -> None:
    assert pipeline.tokenizer.model_max_length == 77
    assert pipeline.text_encoder.config.max_position_embeddings == 77


def test_circle_is_where_and_what_the_prompt_says(pictures: dict[str, Picture]) -> None:
    picture = pictures["a large red circle on a white background"]
    assert close_to(picture[28:36, 28:36], "red").all()
    corners = np.stack([picture[row, column] for row in (1, -2) for column in (1, -2)])
    assert close_to(corners, "white").all()


def test_place_moves_the_object(pictures: dict[str, Picture]) -> None:
    left = centroid(pictures["a small red circle on the left on a white background"], "red")
    right = centroid(pictures["a small red circle on the right on a white background"], "red")
    top = centroid(pictures["a small red circle at the top on a white background"], "red")
    assert left[0] < 0.35 < 0.65 < right[0]
    assert top[1] < 0.35
    assert top[0] == pytest.approx(0.5, abs=0.1)


def test_pair_stands_in_its_relation(pictures: dict[str, Picture]) -> None:
    beside = pictures["a red circle left of a blue square on a white background"]
    assert centroid(beside, "red")[0] < 0.4 < 0.6 < centroid(beside, "blue")[0]
    stacked = pictures["a red circle above a blue square on a white background"]
    assert centroid(stacked, "red")[1] < 0.4 < 0.6 < centroid(stacked, "blue")[1]


def test_scene_is_drawn_behind_the_object(pictures: dict[str, Picture]) -> None:
    picture = pictures["a yellow star at night"]
    assert picture[:6].mean() < 60
    assert close_to(picture[26:38, 26:38], "yellow").mean() > 0.5


def test_words_without_meaning_leave_the_rest_in_force(pipeline: Any) -> None:
    (picture,) = generate(pipeline, ["a beautiful detailed red circle on a white background, 4k, masterpiece"])
    assert centroid(picture, "red") == pytest.approx((0.5, 0.5), abs=0.2)
    assert close_to(picture[:3], "white").mean() > 0.9


def test_same_seed_gives_the_same_picture_and_another_seed_another(pipeline: Any) -> None:
    prompt = ["a green tree by day"]
    first, again = (generate(pipeline, prompt, steps=4, seed=5) for _ in range(2))
    other = generate(pipeline, prompt, steps=4, seed=6)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_negative_prompt_keeps_out_what_it_names(pipeline: Any) -> None:
    def picture(negative: str) -> Picture:
        result = pipeline(
            "a large circle on a white background",
            negative_prompt=negative,
            num_inference_steps=10,
            guidance_scale=4.0,
            generator=torch.Generator().manual_seed(3),
        )
        return np.asarray(result.images[0])

    without_red = picture("red")
    assert close_to(without_red, "red").mean() < 0.02
    assert not np.array_equal(without_red, picture(""))


def test_upscaler_beats_bicubic_on_drawn_pictures(about: dict[str, Any]) -> None:
    path = STARTER / about["enlarge"]["file"]
    learned, bicubic = compare_with_bicubic(load_upscaler(path.parent), count=8)
    assert learned > bicubic + 2
    assert path.stat().st_size < 1_000_000


def test_card_lists_every_word_captions_use(about: dict[str, Any]) -> None:
    assert about["words"] == known_words()
    generator = random.Random(1)
    for _ in range(500):
        caption = describe(sample_scene(generator), generator)
        assert set(caption.replace(",", "").split()) <= set(about["words"]), caption


def test_words_without_meaning_are_none_of_the_known_ones() -> None:
    assert not set(FILLERS) & set(known_words())


def test_captions_of_training_hold_unknown_words_now_and_then() -> None:
    generator = random.Random(2)
    known = set(known_words())
    captions = [training_caption(sample_scene(generator), generator) for _ in range(500)]
    strange = sum(not set(caption.replace(",", "").split()) <= known for caption in captions)
    assert 50 < strange < 150


def test_world_draws_the_same_scene_alike_at_every_size() -> None:
    first, again = (sample_scene(random.Random(7)) for _ in range(2))
    assert first == again
    assert np.array_equal(draw(first), draw(again))
    reduced = draw(first, 256).reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(reduced - draw(first)).mean() < 4


def test_held_out_combinations_never_appear_in_training() -> None:
    generator = random.Random(3)
    for _ in range(1000):
        assert not any(is_held_out(thing) for thing in sample_scene(generator).things)
        assert any(is_held_out(thing) for thing in sample_scene(generator, held_out=True).things)


def test_killed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def run(folder: Path, *, killed_at: int | None) -> Any:
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 2)

        def loss_of(step: int, randomness: Randomness) -> Any:
            if step == killed_at:
                raise Killed
            batch = torch.randn(8, 4, generator=randomness.torch)
            return (model(batch) - batch[:, :2] * randomness.python.random()).pow(2).mean()

        train(model, loss_of, Plan("toy", steps=12, learning_rate=0.1, checkpoint_every=5), folder, say=lambda _: None)
        return model.state_dict()

    undisturbed = run(tmp_path / "undisturbed", killed_at=None)
    with pytest.raises(Killed):
        run(tmp_path / "killed", killed_at=8)
    resumed = run(tmp_path / "killed", killed_at=None)
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in undisturbed)
