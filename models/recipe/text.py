"""The text encoder: a small CLIP text model, taught to know what a caption says.

It learns to answer, from its hidden states, every question of :mod:`models.recipe.labels` about the picture a caption
describes; which word belongs to which thing, and which thing is left of which, is then plain in what the UNet reads.
After this it stays as it is, so that the hidden states of all captions are computed once.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from models.recipe.budgets import Budgets
from models.recipe.captions import describe, training_caption
from models.recipe.labels import HEADS, label_tensors
from models.recipe.tokenizer import MAX_LENGTH
from models.recipe.training import Plan, Randomness, train
from models.recipe.world import Scene, sample_scene

WIDTH = 128
"""Numbers in a token's hidden state."""

_SHORT_LENGTH = 36
_FULL_FROM = 0.85
"""Share of the training after which captions are padded to the full length; until then shorter ones save time."""


class Reader(nn.Module):
    """A text encoder with one linear answer for each question."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.answers = nn.ModuleDict({head: nn.Linear(WIDTH, classes) for head, classes in HEADS.items()})

    def forward(self, summary: Tensor) -> dict[str, Tensor]:
        """Answer from ``[batch, WIDTH]``: logits ``[batch, classes]`` for each question."""
        return {head: answer(summary) for head, answer in self.answers.items()}


def new_text_encoder(tokenizer: CLIPTokenizer) -> nn.Module:
    """An untrained text encoder for this tokenizer."""
    encoder: nn.Module = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=MAX_LENGTH,
            projection_dim=WIDTH,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return encoder


def tokenize(tokenizer: CLIPTokenizer, captions: Sequence[str], length: int = MAX_LENGTH) -> Tensor:
    """Token numbers, int64 ``[batch, length]``, padded and cut to ``length``."""
    encoded = tokenizer(list(captions), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    numbers: Tensor = encoded.input_ids
    return numbers


@torch.no_grad()
def encode_captions(encoder: nn.Module, tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """Hidden states of captions as the pipeline computes them: float32 ``[batch, 77, WIDTH]``."""
    states: Tensor = encoder(tokenize(tokenizer, captions))[0]
    return states


def train_text_encoder(tokenizer: CLIPTokenizer, folder: Path, budgets: Budgets) -> nn.Module:
    """Train the text encoder and return it; prints how many captions it reads wholly right."""
    torch.manual_seed(1)
    reader = Reader(new_text_encoder(tokenizer))

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        generator = randomness.python
        scenes = [sample_scene(generator) for _ in range(budgets.text_batch)]
        captions = [training_caption(scene, generator) for scene in scenes]
        length = MAX_LENGTH if step >= budgets.text_steps * _FULL_FROM else _SHORT_LENGTH
        states = reader.encoder(tokenize(tokenizer, captions, length))[0]
        labels = label_tensors(scenes)
        # The mean, and one late token, which is padding behind most captions: both see all of the caption.
        summaries = (states.mean(1), states[:, generator.randrange(length // 2, length)])
        losses = [
            F.cross_entropy(logits, labels[head]) for summary in summaries for head, logits in reader(summary).items()
        ]
        return torch.stack(losses).sum()

    plan = Plan(
        "text",
        steps=budgets.text_steps,
        learning_rate=2e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.995,
    )
    train(reader, loss_of, plan, folder)
    print(f"text: {100 * reading_accuracy(reader, tokenizer):.1f} % of complete captions read without a mistake")
    return reader.encoder


@torch.no_grad()
def reading_accuracy(reader: Reader, tokenizer: CLIPTokenizer, count: int = 512) -> float:
    """Share of complete captions, of combinations training never showed, with every question answered rightly."""
    generator = random.Random(4321)
    scenes: list[Scene] = [sample_scene(generator, held_out=True) for _ in range(count)]
    captions = [describe(scene, generator, complete=True) for scene in scenes]
    answers = reader(encode_captions(reader.encoder, tokenizer, captions).mean(1))
    labels = label_tensors(scenes)
    right = torch.stack([answers[head].argmax(1) == labels[head] for head in HEADS])
    return float(right.all(0).float().mean())
