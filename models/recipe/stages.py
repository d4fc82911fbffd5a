"""The stages of the recipe in order, and what each leaves in the work folder for the next."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from models.recipe.added import (
    write_controlnet,
    write_few_steps,
    write_inpainting,
    write_style,
    write_upscaler,
)
from models.recipe.budgets import Budgets
from models.recipe.card import write_card
from models.recipe.controls import KINDS, train_controlnet, write_controls
from models.recipe.drawings import Drawings, Starter, write_drawings
from models.recipe.few_steps import train_few_steps
from models.recipe.folder import write_folder
from models.recipe.inpainting import train_inpainting_unet
from models.recipe.judge import Judge, train_judge
from models.recipe.latents import TrainingSet, write_training_set
from models.recipe.style import train_style
from models.recipe.text import train_text_encoder
from models.recipe.tokenizer import build_tokenizer
from models.recipe.training import save_atomically, weights_channels_last
from models.recipe.unet import train_unet
from models.recipe.upscaler import save_upscaler, train_upscaler
from models.recipe.vae import refine_decoder, train_vae


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where a run works and what it may spend."""

    work: Path
    """Folder for checkpoints and intermediate results; may be deleted after a run."""
    out: Path
    """The folder of the finished model."""
    budgets: Budgets

    def trained_unet(self) -> UNet2DConditionModel:
        """The result of the stage ``unet``."""
        return UNet2DConditionModel.from_pretrained(self.work / "unet")

    def vae(self, stage: str) -> AutoencoderKL:
        """The VAE as the stage ``vae``, ``latents`` or ``decoder`` left it."""
        return weights_channels_last(AutoencoderKL.from_pretrained(self.work / f"vae-{stage}"))

    def text_encoder(self) -> CLIPTextModel:
        """The result of the stage ``text``."""
        return CLIPTextModel.from_pretrained(self.work / "text_encoder", dtype=torch.float32).eval()

    def tokenizer(self) -> CLIPTokenizer:
        """The result of the stage ``tokenizer``."""
        return CLIPTokenizer.from_pretrained(self.work / "tokenizer")

    @property
    def added(self) -> Path:
        """Where the stages after the card work, which start from the finished folder alone."""
        return self.work / "added"

    def starter(self) -> Starter:
        """The finished starter."""
        return Starter.load(self.out)

    def drawings(self) -> Drawings:
        """The result of the stage ``drawings``."""
        return Drawings.load(self.added)

    def judge(self) -> Judge:
        """The result of the stage ``judge``."""
        judge = Judge()
        judge.load_state_dict(torch.load(self.work / "judge.pt", weights_only=True))
        return judge.eval()


def _tokenizer(shop: Workshop) -> None:
    build_tokenizer(shop.work / "tokenizer")


def _vae(shop: Workshop) -> None:
    train_vae(shop.work, shop.budgets).save_pretrained(shop.work / "vae-vae")  # type: ignore[operator]


def _text(shop: Workshop) -> None:
    encoder = train_text_encoder(shop.tokenizer(), shop.work, shop.budgets)
    encoder.save_pretrained(shop.work / "text_encoder")  # type: ignore[operator]


def _latents(shop: Workshop) -> None:
    vae = shop.vae("vae")
    write_training_set(vae, shop.text_encoder(), shop.tokenizer(), shop.work, shop.budgets)
    vae.save_pretrained(shop.work / "vae-latents")


def _judge(shop: Workshop) -> None:
    save_atomically(train_judge(shop.work, shop.budgets).state_dict(), shop.work / "judge.pt")


def _unet(shop: Workshop) -> None:
    unet = train_unet(TrainingSet.load(shop.work), shop.work, shop.budgets)
    unet.save_pretrained(shop.work / "unet")  # type: ignore[operator]


def _decoder(shop: Workshop) -> None:
    vae = shop.vae("latents")
    refine_decoder(vae, shop.work, shop.budgets)
    vae.save_pretrained(shop.work / "vae-decoder")


def _upscaler(shop: Workshop) -> None:
    save_upscaler(train_upscaler(shop.vae("decoder"), shop.work, shop.budgets), shop.work / "upscaler")


def _folder(shop: Workshop) -> None:
    write_folder(
        shop.out,
        unet=shop.trained_unet(),
        vae=shop.vae("decoder"),
        text_encoder=shop.text_encoder(),
        tokenizer=shop.tokenizer(),
        upscaler=shop.work / "upscaler",
        training_set=TrainingSet.load(shop.work),
    )


def _card(shop: Workshop) -> None:
    write_card(shop.out, shop.judge(), shop.budgets)


def _drawings(shop: Workshop) -> None:
    write_drawings(shop.starter(), shop.added, shop.budgets)


def _canny(shop: Workshop) -> None:
    _controlnet("canny", shop)


def _scribble(shop: Workshop) -> None:
    # What edges are is learned already; how a hand strays from them is not.
    _controlnet("scribble", shop, after=ControlNetModel.from_pretrained(shop.added / "canny"))


def _controlnet(kind: str, shop: Workshop, after: ControlNetModel | None = None) -> None:
    write_controls(kind, shop.added, shop.budgets.drawings)
    controlnet = train_controlnet(kind, shop.starter(), shop.drawings(), shop.added, shop.budgets, after=after)
    controlnet.save_pretrained(shop.added / kind)  # type: ignore[operator]


def _inpainting(shop: Workshop) -> None:
    unet = train_inpainting_unet(shop.starter(), shop.drawings(), shop.added, shop.budgets)
    unet.save_pretrained(shop.added / "inpainting")  # type: ignore[operator]


def _few_steps(shop: Workshop) -> None:
    unet = train_few_steps(shop.starter(), shop.drawings(), shop.added, shop.budgets)
    unet.save_pretrained(shop.added / "few_steps")  # type: ignore[operator]


def _style(shop: Workshop) -> None:
    train_style(shop.starter(), shop.drawings(), shop.added, shop.added / "style", shop.budgets)


def _upscaler_x2(shop: Workshop) -> None:
    upscaler = train_upscaler(shop.starter().vae, shop.added, shop.budgets, factor=2)
    save_upscaler(upscaler, shop.added / "upscaler", factor=2)


def _added(shop: Workshop) -> None:
    judge, count = shop.judge(), shop.budgets.evaluated_prompts
    for kind in KINDS:
        write_controlnet(kind, shop.added / kind, shop.out, judge, count)
    write_inpainting(shop.added / "inpainting", shop.out, judge, count)
    write_few_steps(shop.added / "few_steps", shop.out, judge, count)
    write_style(shop.added / "style", shop.out, count)
    write_upscaler(shop.added / "upscaler", shop.out, 2)


STAGES: dict[str, Callable[[Workshop], None]] = {
    "tokenizer": _tokenizer,
    "vae": _vae,
    "text": _text,
    "latents": _latents,
    "judge": _judge,
    "unet": _unet,
    "decoder": _decoder,
    "upscaler": _upscaler,
    "folder": _folder,
    "card": _card,
    "drawings": _drawings,
    "canny": _canny,
    "inpainting": _inpainting,
    "few_steps": _few_steps,
    "scribble": _scribble,
    "style": _style,
    "upscaler_x2": _upscaler_x2,
    "added": _added,
}
