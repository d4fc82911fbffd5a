"""What a pipeline is told of a request's words: encoded here where its text encoders are CLIP, else as they are.

diffusers' own way of leaving out layers fails with the transformers of today, and it knows neither weights nor more
words than an encoder reads at once; what plain words come to here is the same to the last bit.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from diffusers.loaders.textual_inversion import TextualInversionLoaderMixin

from mintaka.engine import prompts
from mintaka.engine.errors import Unsupported
from mintaka.engine.messages import Files, embedding_role
from mintaka.engine.requests import Drawing
from mintaka.engine.worker import calling
from mintaka.engine.worker.encoding import MOST_CHUNKS, Chunk, Encoded, Encoder
from mintaka.engine.worker.inversions import read_inversion
from mintaka.engine.worker.loading import Loaded
from mintaka.engine.worker.stepping import Lane, aside

TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")
CLIP = ("CLIPTextModel", "CLIPTextModelWithProjection")
NO_FILES: Files = MappingProxyType({})
WORDS = ("prompt", "prompt_2", "negative_prompt", "negative_prompt_2")


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a request, as its pipeline takes them."""

    arguments: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    regions: tuple[Encoded, ...] = ()
    """What the prompts of its regions came to."""


def said(pipeline: Any, request: Drawing, loaded: Loaded, files: Files = NO_FILES) -> Said:
    """What ``pipeline``, the request's own, is called with for its words, in place of them. Raises Unsupported."""
    if reads_clip(pipeline):
        return _encoded(pipeline, request, loaded, files)
    if request.regions:
        raise Unsupported(
            f"a model of the family of {loaded.info.id} draws no regions", hint="use one of Stable Diffusion or SDXL"
        )
    return _as_written(pipeline, request)


def reads_clip(pipeline: Any) -> bool:
    """Whether what ``pipeline`` reads its prompts with is CLIP and nothing else, and it hands that on as it is."""
    encoders = [module for _, module, _ in _encoders(pipeline)]
    return (
        isinstance(pipeline, TextualInversionLoaderMixin)
        and getattr(pipeline, "unet", None) is not None
        and bool(encoders)
        and all(type(each).__name__ in CLIP for each in encoders)
        and not any(getattr(each.config, "use_attention_mask", False) for each in encoders)
    )


def _encoders(pipeline: Any) -> Iterator[tuple[str, Any, Any]]:
    """The pipeline's text encoders by attribute, each with its tokenizer."""
    for number in ("", "_2", "_3"):
        module = getattr(pipeline, f"text_encoder{number}", None)
        if module is not None:
            yield f"text_encoder{number}", module, getattr(pipeline, f"tokenizer{number}", None)


def _encoded(pipeline: Any, request: Drawing, loaded: Loaded, files: Files) -> Said:
    pools = "pooled_prompt_embeds" in calling.taken(pipeline)
    encoders = [
        Encoder(name, module, tokenizer, request.clip_skip, pools, loaded.encodings)
        for name, module, tokenizer in _encoders(pipeline)
    ]
    for encoder in encoders:
        encoder.check(loaded.info.id)
    encoders, notes = _taught(encoders, request, files)
    given = [
        [request.prompt, request.prompt_2 or request.prompt],
        [request.negative_prompt, request.negative_prompt_2 or request.negative_prompt],
    ]
    guided = request.guidance_scale > 1 and pipeline.unet.config.time_cond_proj_dim is None
    silent = bool(pools and pipeline.config.get("force_zeros_for_empty_prompt", False) and not any(given[1]))
    spoken = guided and not silent
    given = [given[0], *[given[1]] * spoken, *([region.prompt] * 2 for region in request.regions)]
    read = [[prompts.parse(text) for text in texts[: len(encoders)]] for texts in given]
    told = [[encoder.chunks(prompt) for encoder, prompt in zip(encoders, each, strict=True)] for each in read]
    notes += [note for each in read for prompt in each for note in prompt.notes]
    longest = max(len(chunks) for each in told for chunks in each)
    if longest > MOST_CHUNKS:
        longest = MOST_CHUNKS
        room = MOST_CHUNKS * encoders[0].room
        notes.append(f"{room} tokens of a prompt are read; the end of this one was left out")
    results = [
        _together([encoder.encode(_filled(chunks, longest)) for encoder, chunks in zip(encoders, each, strict=True)])
        for each in told
    ]
    positive = results[0]
    arguments: dict[str, Any] = dict.fromkeys(WORDS)
    arguments |= {"prompt_embeds": positive.states, "pooled_prompt_embeds": positive.pooled}
    if guided:
        negative = results[1] if spoken else _zeros(positive)
        arguments |= {"negative_prompt_embeds": negative.states, "negative_pooled_prompt_embeds": negative.pooled}
    return Said(arguments, tuple(dict.fromkeys(notes)), tuple(results[1 + spoken :]))


def _taught(encoders: list[Encoder], request: Drawing, files: Files) -> tuple[list[Encoder], list[str]]:
    """``encoders`` with the embeddings that the request names and they can read; notes on the others."""
    roles = [(name, files[embedding_role(number)]) for number, name in enumerate(request.embeddings)]
    inversions = aside(lambda: [read_inversion(name, file) for name, file in roles], Lane.QUICK) if roles else []
    widths, room = [encoder.width for encoder in encoders], min(encoder.room for encoder in encoders)
    notes, fitting = [], []
    for each in inversions:
        why = each.misfit(widths, room)
        if why is None:
            fitting.append(each)
        else:
            notes.append(f"the embedding {each.name} does not fit the model, and was read as words: {why}")
    return [
        replace(encoder, taught={each.name: (each.digest, each.vectors[number]) for each in fitting})
        for number, encoder in enumerate(encoders)
    ], notes


def _filled(chunks: list[Chunk], length: int) -> list[Chunk]:
    """``chunks``, as many as all prompts of the request have."""
    return chunks[:length] + [()] * (length - len(chunks))


def _together(each: list[Encoded]) -> Encoded:
    """What several encoders read, side by side; the last that tells of the whole does."""
    pooled = next((encoded.pooled for encoded in reversed(each) if encoded.pooled is not None), None)
    device = each[-1].states.device
    return Encoded(torch.cat([encoded.states.to(device) for encoded in each], dim=-1), pooled)


def _zeros(like: Encoded) -> Encoded:
    return Encoded(torch.zeros_like(like.states), None if like.pooled is None else torch.zeros_like(like.pooled))


def _as_written(pipeline: Any, request: Drawing) -> Said:
    """Nothing but notes: the prompts are given to the pipeline as they are."""
    notes = [*length_notes(pipeline, request.prompt)]
    if not prompts.parse(request.prompt).is_plain:
        notes.append("the model's text encoder takes no weights; brackets and signs were read as text")
    if request.embeddings:
        notes.append("the model does not read prompts with CLIP; the names of embeddings were read as words")
    if request.clip_skip:
        notes.append("the model does not read prompts with CLIP; clip_skip was left out")
    return Said({}, tuple(notes))


def length_notes(pipeline: Any, prompt: str) -> tuple[str, ...]:
    """A note when the prompt is longer than the model reads; its end then has no effect.

    Of several text encoders it is the one that reads most which counts.
    """
    most = inspect.signature(type(pipeline).__call__).parameters.get("max_sequence_length")
    limit = 0
    for name in TOKENIZERS:
        tokenizer = getattr(pipeline, name, None)
        if tokenizer is None:
            continue
        own: int = tokenizer.model_max_length
        reads = own if most is None or "CLIP" in type(tokenizer).__name__ else min(own, most.default)
        if len(tokenizer(prompt, verbose=False).input_ids) <= reads:
            return ()
        limit = max(limit, reads)
    return (f"the model reads {limit} tokens of a prompt; the end of this one was left out",) if limit else ()
