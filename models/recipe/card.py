"""The model card: measured figures, a sheet of samples, and the text around them."""

import json
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from torch import nn

from models.recipe.budgets import Budgets
from models.recipe.evaluation import (
    SERIES,
    evaluate,
    evaluate_guidance,
    evaluate_schedulers,
    generate,
    load_pipeline,
    seconds_a_picture,
)
from models.recipe.folder import EXAMPLES, GUIDANCE_SCALE, STEPS
from models.recipe.judge import Judge, Verdict, judge_drawn
from models.recipe.upscaler import compare_with_bicubic, enlarge_pixels, load_upscaler
from models.recipe.vae import held_out_psnr
from models.recipe.world import PALETTE, SKIES, Pixels

_SAMPLE_PROMPTS = (
    *EXAMPLES,
    "a small orange circle at the top on a black background",
    "a large brown triangle on a pink background",
    "a white square above a purple ring on a green background",
    "a red flower below a yellow sun by day",
    "a pink moon left of a yellow star at night",
    "a beautiful detailed green tree by day, 4k masterpiece",
    "a purple house at sunset",
    "a green tree right of a red house by day",
    "a golden sun above a blue house by day",
    "a white cloud left of an orange sun on a sunny day",
)
_TILE = 160
_COLUMNS = 5
_CAPTION_HEIGHT = 34
_COUNT_SCHEDULERS = 20
_COUNT_GUIDANCE = 100


def write_card(out: Path, judge: Judge, budgets: Budgets) -> None:
    """Measure the finished folder and write its ``README.md`` and ``samples.png``."""
    pipeline = load_pipeline(out)
    upscaler = load_upscaler(out / "upscaler")
    _write_sheet(generate(pipeline, _SAMPLE_PROMPTS), upscaler, out / "samples.png")
    rows = []
    for series in SERIES:
        verdict = evaluate(pipeline, judge, series, budgets.evaluated_prompts)
        rows.append(_row(series.title, verdict))
        print(rows[-1], flush=True)
    for title, pair in (
        ("drawn pictures: one object (the judge itself)", False),
        ("drawn pictures: two objects", True),
    ):
        rows.append(_row(title, judge_drawn(judge, pair)))
    guidance = evaluate_guidance(pipeline, judge, min(_COUNT_GUIDANCE, budgets.evaluated_prompts))
    schedulers = evaluate_schedulers(pipeline, judge, min(_COUNT_SCHEDULERS, budgets.evaluated_prompts))
    learned, bicubic = compare_with_bicubic(upscaler)
    seconds = seconds_a_picture(pipeline, EXAMPLES[0])
    text = _CARD.format(
        table="\n".join(rows),
        prompts=budgets.evaluated_prompts,
        steps=STEPS,
        guidance=GUIDANCE_SCALE,
        scales="\n".join(
            f"| {scale:g} | {100 * single:.1f} | {100 * pair:.1f} |" for scale, (single, pair) in guidance.items()
        ),
        scale_prompts=min(_COUNT_GUIDANCE, budgets.evaluated_prompts),
        schedulers="\n".join(f"| `{name}` | {100 * share:.0f} % |" for name, share in schedulers.items()),
        scheduler_prompts=min(_COUNT_SCHEDULERS, budgets.evaluated_prompts),
        psnr=held_out_psnr(pipeline.vae),
        learned=learned,
        bicubic=bicubic,
        seconds=seconds,
        enlarging=_enlarging_seconds(upscaler, generate(pipeline, EXAMPLES[:1])),
        samples=budgets.unet_steps * budgets.unet_batch,
        pictures=budgets.pictures,
        words=_known(out),
        parameters=_parameters(pipeline, upscaler),
        colours=", ".join(PALETTE),
        skies=", ".join(SKIES),
    )
    (out / "README.md").write_text(text, encoding="utf-8")


def _row(title: str, verdict: Verdict) -> str:
    shares = (verdict.shape, verdict.colour, verdict.place, verdict.background, verdict.everything)
    return f"| {title} | " + " | ".join(f"{100 * float(share.float().mean()):.1f}" for share in shares) + " |"


def _enlarging_seconds(upscaler: nn.Module, pictures: list[Pixels], repeats: int = 5) -> float:
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        enlarge_pixels(upscaler, pictures)
        taken.append(time.perf_counter() - began)
    return sorted(taken)[repeats // 2]


def _known(out: Path) -> str:
    about = json.loads((out / "mintaka.json").read_text(encoding="utf-8"))
    return ", ".join(about["draws"]["objects"])


def _parameters(pipeline: Any, upscaler: nn.Module) -> str:
    parts = {"UNet": pipeline.unet, "VAE": pipeline.vae, "text encoder": pipeline.text_encoder, "upscaler": upscaler}
    counts = {name: sum(weight.numel() for weight in part.parameters()) / 1e6 for name, part in parts.items()}
    return ", ".join(f"{name} {count:.2f} M" for name, count in counts.items())


def _write_sheet(pictures: list[Pixels], upscaler: nn.Module, path: Path) -> None:
    """The samples, enlarged, each above its prompt."""
    rows = -(-len(pictures) // _COLUMNS)
    cell = _TILE + 8
    sheet = Image.new("RGB", (_COLUMNS * cell + 8, rows * (cell + _CAPTION_HEIGHT) + 8), "white")
    brush, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (prompt, picture) in enumerate(zip(_SAMPLE_PROMPTS, enlarge_pixels(upscaler, pictures), strict=True)):
        left, top = number % _COLUMNS * cell + 8, number // _COLUMNS * (cell + _CAPTION_HEIGHT) + 8
        sheet.paste(Image.fromarray(picture).resize((_TILE, _TILE), Image.Resampling.LANCZOS), (left, top))
        brush.multiline_text((left, top + _TILE + 2), _wrap(prompt, brush, font), fill="black", font=font, spacing=2)
    sheet.save(path, optimize=True)


def _wrap(prompt: str, brush: ImageDraw.ImageDraw, font: Any) -> str:
    lines = [""]
    for word in prompt.split():
        longer = f"{lines[-1]} {word}".strip()
        if brush.textlength(longer, font=font) <= _TILE:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


_CARD = """\
---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---

# Mintaka starter

A latent diffusion model of Stable Diffusion's kind, small enough to come with the program and to draw on a laptop's
processor in less than a second. It is here so that the first picture, the tutorial and the tests use a real model. It
knows a narrow world: {words}; in {colours}; on plain backgrounds of these colours or in three scenes ({skies}); small
or large; in the center, left, right, top or bottom; or two of them, one left of, right of, above or below the other.

![Samples, each above its prompt](samples.png)

```python
import torch
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("models/starter", torch_dtype=torch.float32)
pipeline("a yellow star at night", num_inference_steps={steps}, guidance_scale={guidance}).images[0].save("star.png")
```

Pictures are 64×64 pixels; `upscaler/starter_x4.safetensors`, which [spandrel](https://github.com/chaiNNer-org/spandrel)
reads, makes them 256×256. `mintaka.json` holds what a program wants to know: sizes, steps, guidance scale, the words
the model knows, examples, and the linear map from latents to colours for previews.

## How it was made

`python -m models.recipe` makes it from nothing but its own code: pictures drawn by `models/recipe/world.py` with
captions by `models/recipe/captions.py`; nothing was downloaded, and no pretrained weights are in it. The full recipe
takes about two hours on one core of a CPU with bfloat16 units, most of it the UNet, which sees {samples:,} samples of
{pictures:,} pictures. {parameters}; stored in half precision. One colour of every object is never shown in training.

- The VAE reduces four times to 4×16×16 latents of mean 0 and variance 1, whitened: no channel tells of another.
- The text encoder, CLIP's architecture with 77 tokens, is taught to answer questions about the picture a caption
  describes, and then stays as it is.
- The UNet is trained with v-prediction on Stable Diffusion's noise schedule; attention stands at 4×4, and the pooled
  caption steers every residual block. A tenth of the captions is empty, for classifier-free guidance.
- Words without meaning stand in every sixth caption, so that unknown words in a prompt do little harm.

## What it reaches

{prompts} prompts of each kind, {steps} steps of DPM-Solver++ 2M, guidance scale {guidance}, judged by a classifier
trained on drawn pictures; in per cent. For a pair, shape and colour are right when both of its objects are.

| prompts | shape | colour | place or relation | background | everything |
|---|---|---|---|---|---|
{table}

The autoencoder reaches {psnr:.1f} dB PSNR on held-out pictures. Enlarging reaches {learned:.1f} dB on held-out drawn
pictures, bicubic interpolation {bicubic:.1f} dB. On one core of a CPU a picture takes
{seconds:.2f} s, and {enlarging:.2f} s more to enlarge.

The guidance scale was chosen with {scale_prompts} other prompts of each kind, everything right; scales that are near
each other are as near in quality as so many prompts can tell:

| guidance scale | one object | two objects |
|---|---|---|
{scales}

Other schedulers of diffusers, {steps} steps, {scheduler_prompts} prompts with one object in a combination never seen,
everything right:

| scheduler | |
|---|---|
{schedulers}

`python -m models.recipe --only card` measures all of this again and writes this card; it needs the judge, which
`python -m models.recipe --only judge` trains.

## Limits

It draws nothing beyond the list above: other words are passed over. Three or more objects, an object in two colours,
and counting are unknown to it. At sizes other than 64×64 it has not been trained. Text inside pictures is beyond it.

Licence: Apache-2.0, the model and everything it was trained on.
"""
