"""What words come to in CLIP: as in stock pipelines where those can do it, else as composed by hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import safetensors.torch
import torch
import transformers
from torch import Tensor

from mintaka.engine.messages import Files, embedding_role
from mintaka.engine.models import BadModel, read_model
from mintaka.engine.prompts import parse
from mintaka.engine.requests import TextToImage
from mintaka.engine.worker import conditioning, encoding, inversions, proxy
from mintaka.engine.worker.loading import Loaded, load
from tests.engine.conftest import STARTER

PROMPT, NEGATIVE = "a red circle on a white background", "blue"

Ask = Callable[..., TextToImage]


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(read_model(STARTER), "cpu")


@pytest.fixture(scope="module")
def larger(loaded: Loaded) -> Any:
    """A pipeline of the XL kind with two small random text encoders."""
    torch.manual_seed(1)
    config = {"vocab_size": 765, "hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4}
    config |= {"num_hidden_layers": 5, "projection_dim": 24}
    config |= {"bos_token_id": 763, "eos_token_id": 764, "pad_token_id": 764}
    first = transformers.CLIPTextModel(transformers.CLIPTextConfig(**config))
    second = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(**{**config, "hidden_size": 40}))
    base = loaded.base
    return diffusers.StableDiffusionXLPipeline(
        base.vae, first.eval(), second.eval(), base.tokenizer, base.tokenizer, base.unet, base.scheduler
    )


def said(pipeline: Any, loaded: Loaded, request: TextToImage) -> dict[str, Tensor]:
    own = proxy.twin(pipeline, proxy.proxies(pipeline), pipeline.scheduler)
    told = conditioning.said(own, request, replace(loaded, encodings=encoding.Encodings())).arguments
    return {name: value for name, value in told.items() if value is not None}


def states(loaded: Loaded, *rows: list[int]) -> Tensor:
    """What the starter's encoder makes of chunks of tokens, each by itself, laid side by side."""
    encoder = loaded.base.text_encoder
    chunks = [torch.tensor([[763, *row, 764, *[764] * (75 - len(row))]]) for row in rows]
    return torch.cat([encoder(chunk).last_hidden_state for chunk in chunks], dim=1)


def tokens(loaded: Loaded, text: str) -> list[int]:
    ids: list[int] = loaded.base.tokenizer(text, add_special_tokens=False).input_ids
    return ids


def test_plain_words_come_to_what_stock_makes_of_them_to_the_last_bit(loaded: Loaded, ask: Ask) -> None:
    mine = said(loaded.base, loaded, ask(prompt=PROMPT, negative_prompt=NEGATIVE))
    theirs = loaded.base.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)
    assert torch.equal(mine["prompt_embeds"], theirs[0])
    assert torch.equal(mine["negative_prompt_embeds"], theirs[1])
    assert set(said(loaded.base, loaded, ask(guidance_scale=1.0))) == {"prompt_embeds"}


@pytest.mark.parametrize("second", [None, "a blue star"])
@pytest.mark.parametrize("negative", ["", NEGATIVE])
def test_two_encoders_are_read_as_stock_reads_them(
    larger: Any, loaded: Loaded, ask: Ask, second: str | None, negative: str
) -> None:
    request = ask(prompt=PROMPT, prompt_2=second, negative_prompt=negative)
    mine = said(larger, loaded, request)
    names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    theirs = larger.encode_prompt(PROMPT, second, "cpu", 1, True, negative_prompt=negative or None)
    assert len(mine) == 4
    for name, stock in zip(names, theirs, strict=True):
        assert torch.equal(mine[name], stock), name


def test_skipped_layers_are_left_out_of_all_prompts(larger: Any, loaded: Loaded, ask: Ask) -> None:
    mine = said(loaded.base, loaded, ask(prompt=PROMPT, negative_prompt=PROMPT, clip_skip=1))
    encoder = loaded.base.text_encoder
    ids = torch.tensor([[763, *tokens(loaded, PROMPT), *[764] * 76]])[:, :77]
    expected = encoder.final_layer_norm(encoder(ids, output_hidden_states=True).hidden_states[-2])
    assert torch.equal(mine["prompt_embeds"], expected)
    assert torch.equal(mine["negative_prompt_embeds"], expected)
    theirs = larger.encode_prompt(PROMPT, None, "cpu", 1, False, clip_skip=2)
    assert torch.equal(said(larger, loaded, ask(prompt=PROMPT, clip_skip=2))["prompt_embeds"], theirs[0])


def test_weights_lead_from_nothing_said_through_what_is_said(loaded: Loaded, ask: Ask) -> None:
    mine = said(loaded.base, loaded, ask(prompt="a (red:1.5) circle (star:0)"))["prompt_embeds"]
    plain, silence = states(loaded, tokens(loaded, "a red circle star")), states(loaded, [])
    expected = plain.clone()
    for place, weight in ((2, 1.5), (4, 0.0)):
        expected[:, place] = silence[:, place] + (plain[:, place] - silence[:, place]) * weight
    assert torch.allclose(mine, expected, atol=1e-6)
    assert torch.equal(mine[:, [0, 1, 3]], plain[:, [0, 1, 3]])


def test_long_prompts_are_read_in_chunks_and_the_shorter_is_filled_up(loaded: Loaded, ask: Ask) -> None:
    mine = said(loaded.base, loaded, ask(prompt="red " * 100, negative_prompt=NEGATIVE))
    [red] = tokens(loaded, "red")
    assert torch.equal(mine["prompt_embeds"], states(loaded, [red] * 75, [red] * 25))
    assert torch.equal(mine["negative_prompt_embeds"], states(loaded, tokens(loaded, NEGATIVE), []))
    mine = said(loaded.base, loaded, ask(prompt="red BREAK blue", negative_prompt="red " * 151))
    assert torch.equal(mine["prompt_embeds"], states(loaded, [red], tokens(loaded, "blue"), []))


def test_chunks_end_at_commas_where_there_is_one_near(loaded: Loaded, ask: Ask) -> None:
    mine = said(loaded.base, loaded, ask(prompt="red " * 60 + ", " + "blue " * 20))["prompt_embeds"]
    [red], [blue], [comma] = (tokens(loaded, word) for word in ("red", "blue", ","))
    assert torch.equal(mine, states(loaded, [red] * 60 + [comma], [blue] * 20))


def test_a_prompt_without_end_is_read_so_far_and_that_is_noted(loaded: Loaded, ask: Ask) -> None:
    own = proxy.twin(loaded.base, proxy.proxies(loaded.base), loaded.base.scheduler)
    told = conditioning.said(own, ask(prompt="red " * 1500), loaded)
    assert told.arguments["prompt_embeds"].shape[1] == 16 * 77
    assert told.notes == ("1200 tokens of a prompt are read; the end of this one was left out",)


def test_what_was_said_before_is_not_read_again_unless_it_was_long_ago(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(read_model(STARTER), "cpu")
    own = proxy.twin(loaded.base, proxy.proxies(loaded.base), loaded.base.scheduler)
    runs: list[int] = []
    loaded.base.text_encoder.register_forward_hook(lambda *_: runs.append(1))
    for prompt in ("a red circle", "a blue circle", "(a red) square"):  # and the empty one
        conditioning.said(own, ask(prompt=prompt), loaded)
    assert len(runs) == 4
    conditioning.said(own, ask(prompt="a (red:1.5) circle"), loaded)
    assert len(runs) == 4
    conditioning.said(own, ask(prompt="a red circle", clip_skip=1), loaded)
    assert len(runs) == 6
    monkeypatch.setattr(encoding, "KEEP_BYTES", 1)
    conditioning.said(own, ask(prompt="a red star"), loaded)
    conditioning.said(own, ask(prompt="a red circle"), loaded)
    assert len(runs) > 7


@pytest.fixture
def taught(loaded: Loaded, tmp_path: Path) -> Files:
    """Files of words: one vector, three, a pair, one for a wider encoder, and one that is broken."""
    torch.manual_seed(2)
    tensors = {
        "mine": {"emb_params": torch.randn(1, 128)},
        "three": {"*": torch.randn(3, 128)},
        "pair": {"clip_l": torch.randn(2, 32), "clip_g": torch.randn(2, 40)},
        "wide": {"emb_params": torch.randn(1, 768)},
        "two": {"one": torch.randn(1, 128), "other": torch.randn(1, 128)},
    }
    for name, each in tensors.items():
        safetensors.torch.save_file(each, tmp_path / f"{name}.safetensors")
    return {name: tmp_path / f"{name}.safetensors" for name in tensors}


def naming(ask: Ask, taught: Files, prompt: str, *names: str) -> tuple[TextToImage, Files]:
    files = {embedding_role(number): taught[name] for number, name in enumerate(names)}
    return ask(prompt=prompt, embeddings=names), files


def test_a_word_that_was_taught_comes_to_what_stock_makes_of_it_and_is_forgotten_at_once(
    loaded: Loaded, ask: Ask, taught: Files
) -> None:
    own = proxy.twin(loaded.base, proxy.proxies(loaded.base), loaded.base.scheduler)
    before = conditioning.said(own, ask(prompt="a mine circle three"), loaded)
    request, files = naming(ask, taught, "a MINE circle, three", "mine", "three")
    told = conditioning.said(own, request, loaded, files)
    stock = diffusers.StableDiffusionPipeline.from_pretrained(STARTER, dtype=torch.float32)
    with torch.inference_mode(False):
        stock.load_textual_inversion(str(taught["mine"]), token="mine")
        stock.load_textual_inversion(str(taught["three"]), token="three")
    theirs = stock.encode_prompt("a mine circle, three", "cpu", 1, True, "")[0]
    assert told.notes == ()
    assert torch.equal(told.arguments["prompt_embeds"], theirs)
    assert not torch.equal(before.arguments["prompt_embeds"], theirs)
    after = conditioning.said(own, ask(prompt="a mine circle three"), replace(loaded, encodings=encoding.Encodings()))
    assert torch.equal(after.arguments["prompt_embeds"], before.arguments["prompt_embeds"])


def test_both_encoders_are_taught_their_own_part(larger: Any, loaded: Loaded, ask: Ask, taught: Files) -> None:
    own = proxy.twin(larger, proxy.proxies(larger), larger.scheduler)
    fresh = replace(loaded, encodings=encoding.Encodings())
    request, files = naming(ask, taught, "a (pair:1.0) circle", "pair")
    told = conditioning.said(own, request, fresh, files).arguments["prompt_embeds"]
    plain = conditioning.said(own, ask(prompt="a pair circle"), fresh).arguments["prompt_embeds"]
    for part in (slice(0, 32), slice(32, 72)):
        assert not torch.equal(told[..., part], plain[..., part])
        assert torch.equal(told[:, :2, part], plain[:, :2, part])  # what stands before it


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wide", "its vectors are 768 wide, and those of the model's words 128"),
        ("pair", "its vectors are 32 and 40 wide, and those of the model's words 128"),
    ],
)
def test_a_word_for_another_model_is_a_word_and_that_is_noted(
    loaded: Loaded, ask: Ask, taught: Files, name: str, why: str
) -> None:
    request, files = naming(ask, taught, f"a {name} circle", name)
    own = proxy.twin(loaded.base, proxy.proxies(loaded.base), loaded.base.scheduler)
    told = conditioning.said(own, request, loaded, files)
    assert told.notes == (f"the embedding {name} does not fit the model, and was read as words: {why}",)
    plain = conditioning.said(own, ask(prompt=f"a {name} circle"), loaded)
    assert torch.equal(told.arguments["prompt_embeds"], plain.arguments["prompt_embeds"])


def test_a_file_that_holds_no_word_is_refused(taught: Files, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"{}")
    for name in ("two", "broken"):
        with pytest.raises(BadModel, match=f"the embedding {name} cannot be used"):
            inversions.read_inversion(name, tmp_path / f"{name}.safetensors")


def test_the_vectors_of_a_word_are_never_parted(loaded: Loaded, ask: Ask, taught: Files) -> None:
    own = proxy.twin(loaded.base, proxy.proxies(loaded.base), loaded.base.scheduler)
    request, files = naming(ask, taught, "red " * 73 + "three", "three")
    told = conditioning.said(own, request, loaded, files).arguments["prompt_embeds"]
    [red] = tokens(loaded, "red")
    assert told.shape[1] == 2 * 77
    assert torch.equal(told[:, :77], states(loaded, [red] * 73))


def test_a_piece_of_a_prompt_comes_to_the_tokens_it_has_in_the_whole(loaded: Loaded) -> None:
    encoder = encoding.Encoder(
        "text_encoder", loaded.base.text_encoder, loaded.base.tokenizer, 0, False, loaded.encodings
    )
    [chunk] = encoder.chunks(parse("a (red) [circle], on (a white+ background)1.2"))
    assert [token.id for token in chunk] == tokens(loaded, "a red circle, on a white background")
