"""The judge: a classifier of drawn pictures that says what is on a generated one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.labels import HEADS, label_tensors
from models.recipe.pictures import to_tensor
from models.recipe.training import Plan, Randomness, channels_last, train, weights_channels_last
from models.recipe.world import Pixels, Scene, draw, sample_scene

_FEATURES = 192
_NOISE = 0.06


class Judge(nn.Module):
    """A convolutional network with one linear answer for each question of :mod:`models.recipe.labels`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolution(3, 24, 2),
            _convolution(24, 48, 2),
            _convolution(48, 64, 1),
            _convolution(64, 96, 2),
            _convolution(96, 96, 1),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(96 * 8 * 8, _FEATURES),
            nn.ReLU(),
        )
        self.answers = nn.ModuleDict({head: nn.Linear(_FEATURES, classes) for head, classes in HEADS.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits ``[batch, classes]`` for each question from ``[batch, 3, 64, 64]`` in -1 to 1."""
        features = self.features(pictures)
        return {head: answer(features) for head, answer in self.answers.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of some pictures; each is a bool tensor ``[batch]``."""

    shape: Tensor
    """Every object is the one asked for."""
    colour: Tensor
    """Every object has the colour asked for."""
    place: Tensor
    """The object stands where asked, or the pair stands in the relation asked for."""
    background: Tensor

    @property
    def everything(self) -> Tensor:
        """All four at once."""
        return self.shape & self.colour & self.place & self.background


@torch.no_grad()
def judge_pictures(judge: Judge, pictures: Sequence[Pixels], scenes: Sequence[Scene]) -> Verdict:
    """Compare 64×64 pictures with the scenes they should show."""
    labels = label_tensors(scenes)
    seen = {head: logits.argmax(1) for head, logits in judge(to_tensor(pictures)).items()}
    right = {head: seen[head] == labels[head] for head in HEADS}
    return Verdict(
        shape=right["shape"] & right["other shape"],
        colour=right["colour"] & right["other colour"],
        place=right["layout"],
        background=right["background"],
    )


def train_judge(folder: Path, budgets: Budgets) -> Judge:
    """Train the judge and return it; prints how it does on drawn pictures training never showed it."""
    torch.manual_seed(3)
    judge = weights_channels_last(Judge())

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        scenes = [sample_scene(randomness.python, held_out=number % 8 == 0) for number in range(budgets.judge_batch)]
        pictures = to_tensor([draw(scene) for scene in scenes])
        # Generated pictures are softer and noisier than drawn ones.
        if step % 2:
            pictures = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
        strength = _NOISE * torch.rand(len(pictures), 1, 1, 1, generator=randomness.torch)
        pictures = pictures + strength * torch.randn(pictures.shape, generator=randomness.torch)
        answers, labels = judge(channels_last(pictures)), label_tensors(scenes)
        return torch.stack([F.cross_entropy(answers[head], labels[head]) for head in HEADS]).sum()

    plan = Plan(
        "judge",
        steps=budgets.judge_steps,
        learning_rate=2e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.99,
    )
    train(judge, loss_of, plan, folder)
    for kind, pair in (("single objects", False), ("pairs", True)):
        print(f"judge: {kind}, {describe_verdict(judge_drawn(judge, pair))}")
    return judge


def judge_drawn(judge: Judge, pair: bool, count: int = 500) -> Verdict:
    """Judge real, drawn pictures of held-out combinations: the judge's own accuracy."""
    generator = random.Random(1234 + pair)
    scenes = [sample_scene(generator, held_out=True, pair=pair) for _ in range(count)]
    return judge_pictures(judge, [draw(scene) for scene in scenes], scenes)


def describe_verdict(verdict: Verdict) -> str:
    """The shares of right answers as one line."""
    names = ("shape", "colour", "place", "background", "everything")
    return ", ".join(f"{name} {getattr(verdict, name).float().mean():.3f}" for name in names)


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.ReLU())
