"""Models as one file, as the programs write them that the models come from."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

UNET = (
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^time_embedding\.linear_1\.", "time_embed.0."),
    (r"^time_embedding\.linear_2\.", "time_embed.2."),
    (r"^add_embedding\.linear_1\.", "label_emb.0.0."),
    (r"^add_embedding\.linear_2\.", "label_emb.0.2."),
    (r"^down_blocks\.0\.resnets\.0\.", "input_blocks.1.0."),
    (r"^down_blocks\.0\.downsamplers\.0\.conv\.", "input_blocks.2.0.op."),
    (r"^down_blocks\.1\.resnets\.0\.", "input_blocks.3.0."),
    (r"^down_blocks\.1\.attentions\.0\.", "input_blocks.3.1."),
    (r"^mid_block\.resnets\.0\.", "middle_block.0."),
    (r"^mid_block\.attentions\.0\.", "middle_block.1."),
    (r"^mid_block\.resnets\.1\.", "middle_block.2."),
    (r"^up_blocks\.0\.resnets\.(\d)\.", r"output_blocks.\1.0."),
    (r"^up_blocks\.0\.attentions\.(\d)\.", r"output_blocks.\1.1."),
    (r"^up_blocks\.0\.upsamplers\.0\.", "output_blocks.1.2."),
    (r"^up_blocks\.1\.resnets\.0\.", "output_blocks.2.0."),
    (r"^up_blocks\.1\.resnets\.1\.", "output_blocks.3.0."),
    (r"^conv_norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
)
"""For the UNet of two blocks with one layer in `tests.engine.tiny_models`."""

RESNET = (
    (r"\.norm1\.", ".in_layers.0."),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.norm2\.", ".out_layers.0."),
    (r"\.conv2\.", ".out_layers.3."),
    (r"\.conv_shortcut\.", ".skip_connection."),
)
VAE = (
    (r"down_blocks\.(\d)\.resnets\.(\d)\.", r"down.\1.block.\2."),
    (r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample."),
    (r"mid_block\.resnets\.0\.", "mid.block_1."),
    (r"mid_block\.resnets\.1\.", "mid.block_2."),
    (r"mid_block\.attentions\.0\.group_norm\.", "mid.attn_1.norm."),
    (r"mid_block\.attentions\.0\.to_([qkv])\.", r"mid.attn_1.\1."),
    (r"mid_block\.attentions\.0\.to_out\.0\.", "mid.attn_1.proj_out."),
    (r"conv_norm_out\.", "norm_out."),
    (r"conv_shortcut\.", "nin_shortcut."),
)


def write_stable_diffusion(pipeline: Any, file: Path, **more: torch.Tensor) -> None:
    """The first Stable Diffusion, and XL, whose second text encoder is told as OpenCLIP's; and ``more`` tensors."""
    tensors = {f"model.diffusion_model.{key}": value for key, value in unet_of(pipeline.unet).items()}
    tensors |= {f"first_stage_model.{key}": value for key, value in vae_of(pipeline.vae).items()}
    second = getattr(pipeline, "text_encoder_2", None)
    start = "conditioner.embedders.0" if second is not None else "cond_stage_model"
    for key, value in pipeline.text_encoder.state_dict().items():
        tensors[f"{start}.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    if second is not None:
        tensors |= {f"conditioner.embedders.1.model.{key}": value for key, value in open_clip_of(second).items()}
    save_file({key: value.contiguous() for key, value in {**tensors, **more}.items()}, file)


def open_clip_of(encoder: Any) -> dict[str, torch.Tensor]:
    """The tensors of a CLIP text encoder by the names of OpenCLIP, which lays query, key and value together."""
    tensors: dict[str, torch.Tensor] = {}
    state = {key.removeprefix("text_model."): value for key, value in encoder.state_dict().items()}
    for key, value in state.items():
        if ".q_proj." in key:
            parts = [state[key.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            tensors[_renamed(key.replace(".q_proj.", ".in_proj_"), OPEN_CLIP)] = torch.cat(parts)
        elif key == "text_projection.weight":
            tensors["text_projection"] = value.T
        elif ".k_proj." not in key and ".v_proj." not in key and "position_ids" not in key:
            tensors[_renamed(key, OPEN_CLIP)] = value
    return tensors


OPEN_CLIP = (
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm1\.", ".ln_1."),
    (r"\.layer_norm2\.", ".ln_2."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^embeddings\.", ""),
    (r"^final_layer_norm\.", "ln_final."),
)


def unet_of(unet: Any) -> dict[str, torch.Tensor]:
    """The tensors of a UNet by the names of their origin."""
    tensors = {}
    for key, value in unet.state_dict().items():
        name = _renamed(key, UNET)
        if "resnets" in key:
            name = _renamed(name, RESNET)
        tensors[name] = value
    return tensors


def vae_of(vae: Any) -> dict[str, torch.Tensor]:
    """The tensors of a VAE by the names of their origin."""
    last = len(vae.config.block_out_channels) - 1
    tensors = {}
    for key, value in vae.state_dict().items():
        up = re.match(r"decoder\.up_blocks\.(\d)\.(resnets\.(\d)|upsamplers\.0)\.(.*)", key)
        if up:
            inner = f"block.{up[3]}" if up[3] else "upsample"
            name = _renamed(f"decoder.up.{last - int(up[1])}.{inner}.{up[4]}", VAE)
        else:
            name = _renamed(key, VAE)
        if ".attn_1." in name and name.endswith(".weight") and ".norm." not in name:
            value = value[:, :, None, None]
        tensors[name] = value
    return tensors


def _renamed(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, name in rules:
        key = re.sub(pattern, name, key, count=1)
    return key
