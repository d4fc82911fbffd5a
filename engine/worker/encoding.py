"""From words to what a UNet is told, for the families whose text encoders are CLIP: Stable Diffusion and its XL.

An encoder reads so many tokens and no more (77 with the two that begin and end them). A longer prompt is read in
chunks, each as if it were alone, and what they come to is laid side by side. The chunks break at ``BREAK`` and where
one is full, at the last comma near its end if there is one.

A weight moves what a token came to along the line from what stands there when nothing is said, as Compel and ComfyUI
do; 1 leaves every bit as it is. (A1111 multiplies and then scales the mean back, which may divide by next to nothing.)

Each chunk is read alone, never in one run with those of others, so what it comes to depends on nothing else, to the
last bit, and is kept for whoever says the same again.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mintaka.engine.errors import Unsupported
from mintaka.engine.prompts import Prompt, cut

MOST_CHUNKS = 16
"""What is said beyond is left out, with a note."""

MOST_CARRIED = 20
"""Tokens behind a comma that go on to the next chunk with what follows, rather than being parted from it."""

Taught = tuple[tuple[int, Tensor], ...]

KEEP_BYTES = 64 * 1024 * 1024
"""Encodings kept of each model; a chunk of the largest is 0.6 MB."""


@dataclass(frozen=True, slots=True)
class Token:
    """One of those an encoder reads."""

    id: int
    weight: float = 1.0
    closes: bool = False
    """Whether a chunk may well end behind it."""
    taught: tuple[str, int] | None = None
    """Which vector of which file stands here, instead of the one of `id`."""

    @property
    def goes_on(self) -> bool:
        """Whether no chunk may begin with it."""
        return self.taught is not None and self.taught[1] > 0


Chunk = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a chunk, or several, came to."""

    states: Tensor
    """``[1, tokens, width]``."""
    pooled: Tensor | None
    """``[1, width]`` of the whole, from an encoder that tells it."""


def read(module: Any, ids: Tensor, skip: int, raw: bool, taught: Taught = ()) -> Encoded:
    """What the text encoder ``module`` makes of ``ids`` (``[1, tokens]``), its last ``skip`` layers left out.

    ``raw``: as SDXL wants it, from the last layer but one and not normalised. ``taught``: places in the row, and the
    vectors that stand there instead of what the encoder's table has.
    """

    def lay_over(_table: Any, _ids: Any, vectors: Tensor) -> Tensor:
        vectors = vectors.clone()
        for place, vector in taught:
            vectors[0, place] = vector
        return vectors

    table = getattr(module, "text_model", module).embeddings.token_embedding
    with table.register_forward_hook(lay_over) if taught else nullcontext():
        result = module(ids, output_hidden_states=True)
    pooled = getattr(result, "text_embeds", None)
    if raw:
        return Encoded(result.hidden_states[-(skip + 2)], pooled)
    if skip == 0:
        return Encoded(result.last_hidden_state, pooled)
    whole = getattr(module, "text_model", module)
    return Encoded(whole.final_layer_norm(result.hidden_states[-(skip + 1)]), pooled)


class Encodings:
    """What chunks came to in the encoders of one model; those said last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Encoded] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Encoded | None:
        """What is kept under ``key``."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, encoded: Encoded) -> None:
        """Keep ``encoded``, and let go of what was not asked for the longest."""
        if key not in self._kept:
            self._kept[key] = encoded
            self._bytes += _size(encoded)
            while self._bytes > KEEP_BYTES and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(encoded: Encoded) -> int:
    return sum(each.nbytes for each in (encoded.states, encoded.pooled) if each is not None)


@dataclass(frozen=True, slots=True)
class Encoder:
    """A text encoder with its tokenizer, for one request."""

    name: str
    """Its attribute of the pipeline."""
    module: Any
    """Its proxy (see `mintaka.engine.worker.proxy`)."""
    tokenizer: Any
    skip: int
    raw: bool
    encodings: Encodings
    taught: Mapping[str, tuple[str, Tensor]] = field(default_factory=dict)
    """By words that it was taught: the digest of the file, and the vectors ``[count, width]``."""

    @property
    def room(self) -> int:
        """Tokens of a chunk, without the two that begin and end it."""
        return self._length - 2

    @property
    def width(self) -> int:
        """How many numbers stand for one of its words."""
        return int(self.module.config.hidden_size)

    @property
    def _length(self) -> int:
        return min(int(self.tokenizer.model_max_length), int(self.module.config.max_position_embeddings))

    def check(self, model: str) -> None:
        """Refuse to skip more layers than there are."""
        most = int(self.module.config.num_hidden_layers) - (2 if self.raw else 1)
        if self.skip > most:
            raise Unsupported(
                f"clip_skip {self.skip} is out of range; of the text encoder of {model} {most} layers can be skipped"
            )

    def tokens(self, text: str, weight: float) -> list[Token]:
        """``text`` as tokens."""
        comma = self.tokenizer.convert_tokens_to_ids(",</w>")
        tokens: list[Token] = []
        for bit, name in cut(text, self.taught):
            if name is None:
                ids = self.tokenizer(bit, add_special_tokens=False, verbose=False).input_ids
                tokens += [Token(id, weight, closes=id == comma) for id in ids]
            else:
                digest, vectors = self.taught[name]
                tokens += [Token(0, weight, taught=(digest, row)) for row in range(len(vectors))]
        return tokens

    def chunks(self, prompt: Prompt) -> list[Chunk]:
        """``prompt`` in as many chunks as it takes; one at least."""
        chunks: list[Chunk] = []
        for part in prompt.parts:
            tokens = [token for piece in part for token in self.tokens(piece.text, piece.weight)]
            while len(tokens) > self.room:
                end = _end(tokens, self.room)
                chunks.append(tuple(tokens[:end]))
                tokens = tokens[end:]
            chunks.append(tuple(tokens))
        return chunks

    def encode(self, chunks: Sequence[Chunk]) -> Encoded:
        """What ``chunks`` come to, side by side; the whole is that of the first, which says the most of it."""
        parts = [self._weighted(chunk) for chunk in chunks]
        return Encoded(torch.cat([each.states for each in parts], dim=1), parts[0].pooled)

    def _weighted(self, chunk: Chunk) -> Encoded:
        plain = self._plain(chunk)
        if all(token.weight == 1.0 for token in chunk):
            return plain
        silence = self._plain(()).states
        weights = torch.ones(self._length)
        weights[1 : len(chunk) + 1] = torch.tensor([token.weight for token in chunk])
        weights = weights.to(silence.device, silence.dtype)[None, :, None]
        return Encoded(
            torch.where(weights == 1, plain.states, silence + (plain.states - silence) * weights), plain.pooled
        )

    def _plain(self, chunk: Chunk) -> Encoded:
        ids = tuple(token.id for token in chunk)
        key = (self.name, self.module.variant, self.skip, tuple(token.taught or token.id for token in chunk))
        kept = self.encodings.get(key)
        if kept is None:
            ends = self.tokenizer
            padding = [ends.pad_token_id] * (self.room - len(ids))
            row = torch.tensor([[ends.bos_token_id, *ids, ends.eos_token_id, *padding]], device=self.module.device)
            table = dict(self.taught.values())
            taught = tuple(
                (place, table[token.taught[0]][token.taught[1]]) for place, token in enumerate(chunk, 1) if token.taught
            )
            kept = self.module.read(row, self.skip, self.raw, taught)
            self.encodings.keep(key, kept)
        return kept


def _end(tokens: Sequence[Token], room: int) -> int:
    """Where to end a chunk of the first of ``tokens``, of which not all have room."""
    for end in range(room, room - MOST_CARRIED, -1):
        if end > 0 and tokens[end - 1].closes:
            return end
    return next((end for end in range(room, 0, -1) if not tokens[end].goes_on), room)
