"""The folders of what is added to the starter, each beside it, with ``mintaka.json`` and a card of its own figures."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, DDIMScheduler, UNet2DConditionModel

from models.recipe.controls import Lines
from models.recipe.evaluation import generate, load_pipeline
from models.recipe.few_steps import STEPS as FEW
from models.recipe.folder import EXAMPLES, GUIDANCE_SCALE, STEPS
from models.recipe.judge import Judge
from models.recipe.measures import (
    TOLERANCE,
    control_examples,
    follow,
    measure_control,
    measure_few_steps,
    measure_inpainting,
    measure_style,
    repaint,
    repainting_examples,
    styled,
)
from models.recipe.pictures import save_sheet
from models.recipe.style import FILE_NAME as STYLE_FILE
from models.recipe.unet import NOISE
from models.recipe.upscaler import compare_with_bicubic, file_name, load_upscaler
from models.recipe.world import Pixels, draw

_SHOWN = 8
_ENLARGE = 2


def folder_of(starter: Path, name: str) -> Path:
    """Where one of them lies: ``models/starter-canny`` beside ``models/starter``."""
    return starter.with_name(f"{starter.name}-{name}")


def write_controlnet(kind: str, trained: Path, starter: Path, judge: Judge, count: int) -> None:
    """Write ``starter-canny`` or ``starter-scribble``."""
    out = _empty(folder_of(starter, kind))
    ControlNetModel.from_pretrained(trained, dtype=torch.float16).save_pretrained(out)
    _forget_where(out)
    _about(
        out,
        kind="controlnet",
        title=f"Starter {kind}",
        description=_CONTROLS[kind],
        control_type=kind,
        base=starter.name,
    )
    figures = measure_control(kind, starter, out, judge, count)
    examples = control_examples(kind, _SHOWN)
    rows = [[_grey(lines) for _, _, lines in examples], follow(starter, out, examples)]
    save_sheet(rows, out / "samples.png", enlarge=_ENLARGE)
    _card(
        out,
        f"Mintaka starter, {kind}",
        _CONTROLS[kind],
        f"On {count} scenes with combinations training never showed, {STEPS} steps, guidance scale {GUIDANCE_SCALE}: "
        f"the edges of the pictures and the lines of the control images agree to F1 {figures.agreement:.2f} (within "
        f"{TOLERANCE[kind]} of 64 pixels), and the judge sees all that the prompt says in "
        f"{100 * figures.everything:.1f} %. "
        f"With lines that were moved away from where the prompt puts things the F1 is {figures.moved:.2f}, and "
        f"{figures.without:.2f} for pictures of these prompts without a control image.",
        "Above the control images, below the pictures made after them.",
    )


def write_inpainting(trained: Path, starter: Path, judge: Judge, count: int) -> None:
    """Write ``starter-inpaint``."""
    out = folder_of(starter, "inpaint")
    unet = UNet2DConditionModel.from_pretrained(trained, dtype=torch.float16)
    _like_starter(starter, out, unet, "StableDiffusionInpaintPipeline")
    said = "Paints what a mask covers anew, and sees the rest while it does so: an inpainting UNet of nine channels."
    _about(out, like=starter, title="Starter inpainting", description=said, base=starter.name)
    figures = measure_inpainting(out, judge, count)
    examples = repainting_examples(_SHOWN)
    rows = [
        [draw(before) for before, _, _, _ in examples],
        [_grey(mask) for _, _, _, mask in examples],
        repaint(out, examples),
    ]
    save_sheet(rows, out / "samples.png", enlarge=_ENLARGE)
    _card(
        out,
        "Mintaka starter, inpainting",
        said,
        f"{count} objects masked and replaced by others at the same place, {STEPS} steps, guidance scale "
        f"{GUIDANCE_SCALE}: the judge sees the new object and all else as it was in {100 * figures.everything:.1f} %. "
        f"Outside the mask the result is {figures.outside_db:.1f} dB from the original before anything is pasted back.",
        "Above the pictures, then the masks, below what came of them.",
    )


def write_few_steps(trained: Path, starter: Path, judge: Judge, count: int) -> None:
    """Write ``starter-turbo``."""
    out = folder_of(starter, "turbo")
    unet = UNet2DConditionModel.from_pretrained(trained, dtype=torch.float16)
    _like_starter(starter, out, unet, "StableDiffusionPipeline")
    DDIMScheduler(**NOISE, timestep_spacing="trailing", steps_offset=1).save_pretrained(out / "scheduler")
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    _write_json(out / "model_index.json", index | {"scheduler": ["diffusers", "DDIMScheduler"]})
    said = f"The starter distilled: {FEW} steps, without guidance."
    _about(
        out,
        like=starter,
        title="Starter in few steps",
        description=said,
        base=starter.name,
        steps=FEW,
        guidance_scale=1.0,
        scheduler=None,
    )
    figures = measure_few_steps(out, judge, count)
    pipeline = load_pipeline(out)
    prompts = EXAMPLES[:_SHOWN]
    rows = [generate(pipeline, prompts, guidance=1.0, steps=steps) for steps in figures]
    save_sheet(rows, out / "samples.png", enlarge=_ENLARGE)
    table = "\n".join(
        f"| {steps} | {100 * shape:.1f} | {100 * everything:.1f} |" for steps, (shape, everything) in figures.items()
    )
    _card(
        out,
        "Mintaka starter, in few steps",
        said,
        f"{count} prompts of one object in a combination training never showed, no guidance, in per cent:\n\n"
        f"| steps | shape | everything |\n|---|---|---|\n{table}",
        f"The same prompts in {', '.join(map(str, figures))} steps.",
    )


def write_style(trained: Path, starter: Path, count: int) -> None:
    """Write ``starter-blueprint``."""
    out = _empty(folder_of(starter, "blueprint"))
    shutil.copy(trained / STYLE_FILE, out / STYLE_FILE)
    said = (
        "A style for the starter: whatever it draws as white lines on blue, as on a blueprint. A LoRA; its weight sets "
        "how much."
    )
    _about(out, kind="lora", title="Starter blueprint", description=said, file=STYLE_FILE, base=starter.name)
    without, with_style, drawn = measure_style(starter, out, count)
    prompts = list(EXAMPLES[:_SHOWN])
    rows = [styled(starter, out, prompts, weight) for weight in (0.0, 0.5, 1.0)]
    save_sheet(rows, out / "samples.png", enlarge=_ENLARGE)
    _card(
        out,
        "Mintaka starter, blueprint",
        said,
        f"Of the pixels, {100 * with_style:.0f} % are white or the style's blue with it ({count} prompts, weight 1), "
        f"{100 * without:.0f} % without it; in pictures drawn in the style {100 * drawn:.0f} %.",
        "Weights 0, 0.5 and 1.",
    )


def write_upscaler(trained: Path, starter: Path, factor: int) -> None:
    """Write ``starter-x2``."""
    out = _empty(folder_of(starter, f"x{factor}"))
    shutil.copy(trained / file_name(factor), out / file_name(factor))
    said = f"Makes drawings {factor} times as wide and high; Real-ESRGAN's SRVGGNetCompact, which spandrel reads."
    _about(out, kind="upscaler", title=f"Starter ×{factor}", description=said, file=file_name(factor), factor=factor)
    learned, bicubic = compare_with_bicubic(load_upscaler(out, factor), factor)
    _card(
        out,
        f"Mintaka starter, ×{factor}",
        said,
        f"{learned:.1f} dB PSNR on drawn pictures it has not seen; bicubic interpolation {bicubic:.1f} dB.",
        None,
    )


def _like_starter(starter: Path, out: Path, unet: UNet2DConditionModel, pipeline: str) -> None:
    """The starter's folder with another UNet and pipeline; its own enlarger stays in it."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(starter, out, ignore=shutil.ignore_patterns("README.md", "samples.png", "unet"))
    unet.save_pretrained(out / "unet")
    _forget_where(out / "unet")
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    _write_json(out / "model_index.json", index | {"_class_name": pipeline})


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _about(out: Path, *, like: Path | None = None, **entries: Any) -> None:
    known = json.loads((like / "mintaka.json").read_text(encoding="utf-8")) | {"draws": None} if like else {}
    _write_json(out / "mintaka.json", known | {"id": out.name, "license": "Apache-2.0"} | entries)


def _forget_where(folder: Path) -> None:
    """Take the path of the work folder out of the configuration."""
    path = folder / "config.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries.pop("_name_or_path", None)
    _write_json(path, entries)


def _write_json(path: Path, entries: object) -> None:
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _grey(lines: Lines) -> Pixels:
    return np.repeat(lines[..., None], 3, axis=-1)


def _card(out: Path, title: str, said: str, figures: str, shown: str | None) -> None:
    sheet = f"\n![{shown}](samples.png)\n\n{shown}\n" if shown else ""
    text = (
        f"---\nlicense: apache-2.0\nlibrary_name: diffusers\n---\n\n# {title}\n\n{said} Made by "
        "`python -m models.recipe` from nothing but its own drawings; it goes with the [starter](../starter/README.md) "
        f"and knows its world.\n{sheet}\n## What it reaches\n\n{figures}\n\nLicence: Apache-2.0, like the starter.\n"
    )
    (out / "README.md").write_text(text, encoding="utf-8")


_CONTROLS = {
    "canny": "Makes the starter follow the edges of a picture: a ControlNet for Canny's edges, white on black.",
    "scribble": "Makes the starter follow a drawing by hand: a ControlNet for thick, unsteady lines, white on black.",
}
