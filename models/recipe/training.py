"""The training loop every stage shares: cosine schedule, weight averaging, and checkpoints a killed run goes on from.

Measured on CPUs with AVX-512: without bfloat16 units (AMX), bfloat16 autocast took 2.7 times as long as float32; with
them it takes 0.7 times as long for the UNet, so it is used there alone. ``torch.compile`` gained nothing. Where other
programs keep the cores busy, one thread (``OMP_NUM_THREADS=1``) is faster than two that wait for each other.
"""

import copy
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Randomness:
    """The generators of one training step, made from the run's seed and the step: a resumed run draws the same."""

    python: random.Random
    torch: torch.Generator

    @classmethod
    def of_step(cls, seed: int, step: int) -> "Randomness":
        """The generators of one step."""
        mixed = (seed * 1_000_003 + step) & 0x7FFF_FFFF_FFFF_FFFF
        return cls(random.Random(mixed), torch.Generator().manual_seed(mixed))


@dataclass(frozen=True, slots=True)
class Plan:
    """How one training goes."""

    name: str
    steps: int
    learning_rate: float
    checkpoint_every: int
    seed: int = 0
    warmup: int = 100
    """Steps over which the learning rate rises to its peak; from there it falls along a cosine to 1 % of it."""
    averaging: float = 0.998
    """Decay of the exponential moving average of the weights, which is what a training returns."""
    weight_decay: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.99)

    def rate_at(self, step: int) -> float:
        """Learning rate of one step."""
        rise = min(1.0, (step + 1) / min(self.warmup, max(1, self.steps // 4)))
        return self.learning_rate * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


_HAS_BFLOAT16_UNITS = bool(torch.cpu.get_capabilities().get("amx_bf16"))

Model = TypeVar("Model", bound=nn.Module)

StepLoss = Callable[[int, Randomness], Tensor]
"""Computes the loss of one step, a scalar tensor; takes the step's number and its generators."""


def train(model: nn.Module, loss_of: StepLoss, plan: Plan, folder: Path, say: Callable[[str], None] = print) -> None:
    """Train a model in place and leave it with its averaged weights.

    The state is written to ``folder/<name>.checkpoint`` every ``plan.checkpoint_every`` steps; a run that finds one
    goes on from there and ends where an undisturbed run would have.
    """
    checkpoint = folder / f"{plan.name}.checkpoint"
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, betas=plan.betas, weight_decay=plan.weight_decay, fused=True
    )
    average = copy.deepcopy(model).requires_grad_(False)
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    averaged: list[Tensor] = [kept for kept, parameter in pairs if parameter.requires_grad]
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
        say(f"{plan.name}: goes on from step {start}")
    model.train()
    began, total, counted = time.monotonic(), 0.0, 0
    for step in range(start, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=_HAS_BFLOAT16_UNITS):
            loss = loss_of(step, Randomness.of_step(plan.seed, step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        # The average of the first steps would remember the random beginning for too long.
        decay = min(plan.averaging, (step + 1) / (step + 20))
        torch._foreach_lerp_(averaged, [parameter.detach() for parameter in parameters], 1 - decay)
        total, counted = total + loss.item(), counted + 1
        done = step + 1
        if done % 100 == 0 or done == plan.steps:
            pace = (time.monotonic() - began) / (done - start)
            say(f"{plan.name}: step {done}/{plan.steps}, loss {total / counted:.4f}, {pace:.3f} s a step")
            total, counted = 0.0, 0
        if done % plan.checkpoint_every == 0 or done == plan.steps:
            # Buffers such as a batch norm's statistics are not parameters and are taken over as they are.
            for kept, current in zip(average.buffers(), model.buffers(), strict=True):
                kept.copy_(current)
            state = {
                "step": done,
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
            }
            save_atomically(state, checkpoint)
    model.load_state_dict(average.state_dict())
    model.eval()


def save_atomically(state: object, path: Path) -> None:
    """Write with ``torch.save`` so that a reader, or a run after a crash, finds the old file or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    torch.save(state, unfinished)
    os.replace(unfinished, path)


def channels_last(batch: Tensor) -> Tensor:
    """``[batch, channels, height, width]`` in the memory order convolutions on CPUs are fastest with."""
    return batch.contiguous(memory_format=torch.channels_last)


def weights_channels_last(model: Model) -> Model:
    """The same model with its convolutions' weights in that order."""
    # torch declares no such overload of nn.Module.to, though it documents it.
    converted: Model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return converted
