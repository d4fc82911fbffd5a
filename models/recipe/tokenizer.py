"""The tokenizer: CLIP's byte-pair encoding with a vocabulary of a few hundred, learned from the captions.

Words without meaning to the model are left out of the corpus: they come to it in pieces, as every unknown word does.
"""

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from models.recipe.captions import describe
from models.recipe.world import sample_scene

MAX_LENGTH = 77
"""Tokens of a prompt with its start and end: CLIP's length, which tools take for granted."""

_SUFFIX = "</w>"
_WORD = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_CORPUS = 20_000
_COMMON = "the a an of and with in on at by to from two no not text bad light bright blurry"
"""Words that get a token of their own though captions seldom hold them."""


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn the merges and write ``vocab.json``, ``merges.txt`` and the tokenizer's own files into ``folder``."""
    generator = random.Random(5)
    corpus = [describe(sample_scene(generator), generator) for _ in range(_CORPUS)]
    corpus += [_COMMON] * 200
    learner = Tokenizer(models.BPE(end_of_word_suffix=_SUFFIX, continuing_subword_prefix=""))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        min_frequency=60,
        initial_alphabet=alphabet,
        end_of_word_suffix=_SUFFIX,
        continuing_subword_prefix="",
        show_progress=False,
    )
    learner.train_from_iterator(corpus, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in learned]
    tokens = [*alphabet, *(letter + _SUFFIX for letter in alphabet), *(left + right for left, right in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=MAX_LENGTH)
    tokenizer.save_pretrained(folder)
    # transformers 4 reads these two, transformers 5 tokenizer.json.
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder)
