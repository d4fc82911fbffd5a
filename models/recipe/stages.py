"""The stages of the recipe in order, and what each leaves in the work folder for the next."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from models.recipe.budgets import Budgets
from models.recipe.card import write_card
from models.recipe.folder import write_folder
from models.recipe.judge import Judge, train_judge
from models.recipe.latents import TrainingSet, write_training_set
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
}
