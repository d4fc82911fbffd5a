"""Models of every family with random weights, a few thousand numbers each, as folders that diffusers would save."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import tokenizers
import torch
import transformers

from tests.engine.conftest import STARTER

SIDE = 64
"""Pixels of a picture; a VAE of these makes one number of eight."""

WIDTH = 16
"""Numbers a token of a text encoder."""

WIDER = 24
"""The same of the second one of Stable Diffusion XL."""


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
"""How noise was added in Stable Diffusion's training."""


def tokenizer() -> Any:
    """The starter's, which knows some hundred words."""
    return transformers.CLIPTokenizer.from_pretrained(STARTER / "tokenizer")


def clip(width: int = WIDTH, *, projects: bool = False) -> Any:
    """A text encoder of two layers, with a projection of what it read if ``projects``."""
    words = tokenizer()
    config = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=width,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return transformers.CLIPTextModelWithProjection(config) if projects else transformers.CLIPTextModel(config)


def vae(channels: int = 4, **more: Any) -> Any:
    """An autoencoder of four blocks, so latents are an eighth of the picture's side."""
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        norm_num_groups=2,
        sample_size=SIDE,
        **more,
    )


def unet(read: int, **more: Any) -> Any:
    """A denoiser that reads ``read`` numbers a token."""
    options = {"in_channels": 4, "out_channels": 4, "sample_size": SIDE // 8, "attention_head_dim": 2} | more
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=read,
        **options,
    )


def euler(**options: Any) -> Any:
    """The scheduler of Stable Diffusion."""
    return diffusers.EulerDiscreteScheduler(**BETAS, **options)


def _sd(unet: Any, scheduler: Any, kind: Any = diffusers.StableDiffusionPipeline, **more: Any) -> Any:
    return kind(
        vae=vae(),
        text_encoder=clip(),
        tokenizer=tokenizer(),
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **more,
    )


def sd2() -> Any:
    """Stable Diffusion 2: velocity is predicted."""
    return _sd(unet(WIDTH), euler(prediction_type="v_prediction"))


def masked() -> Any:
    """Stable Diffusion for inpainting: nine channels."""
    return _sd(unet(WIDTH, in_channels=9), euler(), diffusers.StableDiffusionInpaintPipeline)


def lcm() -> Any:
    """A consistency model, to which guidance is told."""
    return _sd(
        unet(WIDTH, time_cond_proj_dim=8), diffusers.LCMScheduler(**BETAS), diffusers.LatentConsistencyModelPipeline
    )


TEXT_TIME = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "use_linear_projection": True}


def sdxl(scheduler: Any = None) -> Any:
    """Stable Diffusion XL with its two text encoders."""
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(force_upcast=True),
        text_encoder=clip(),
        text_encoder_2=clip(WIDER, projects=True),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet(WIDTH + WIDER, projection_class_embeddings_input_dim=6 * 8 + WIDER, **TEXT_TIME),
        scheduler=scheduler or euler(),
    )


def sdxl_turbo() -> Any:
    """One distilled to draw in few steps, as its scheduler tells."""
    return sdxl(euler(timestep_spacing="trailing"))


def refiner() -> Any:
    """What goes over pictures of Stable Diffusion XL: one text encoder, and an aesthetic score."""
    return diffusers.StableDiffusionXLImg2ImgPipeline(
        vae=vae(force_upcast=True),
        text_encoder=None,
        text_encoder_2=clip(projects=True),
        tokenizer=None,
        tokenizer_2=tokenizer(),
        unet=unet(WIDTH, projection_class_embeddings_input_dim=5 * 8 + WIDTH, **TEXT_TIME),
        scheduler=euler(),
        requires_aesthetics_score=True,
    )


def t5(width: int) -> tuple[Any, Any]:
    """A T5 encoder of one layer and its tokenizer, which knows the starter's words."""
    words = sorted(word.removesuffix("</w>") for word in tokenizer().get_vocab() if word.endswith("</w>"))
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    reads = transformers.T5Tokenizer(vocab=[*special, *((f"▁{word}", -1.0) for word in words)], extra_ids=0)
    config = transformers.T5Config(
        vocab_size=len(reads), d_model=width, d_kv=8, d_ff=2 * width, num_layers=1, num_heads=2
    )
    return transformers.T5EncoderModel(config), reads


def sd3() -> Any:
    """Stable Diffusion 3 with its three text encoders."""
    encoder, reads = t5(2 * WIDTH)
    return diffusers.StableDiffusion3Pipeline(
        vae=vae(16, shift_factor=0.1, scaling_factor=0.8),
        text_encoder=clip(projects=True),
        text_encoder_2=clip(projects=True),
        text_encoder_3=encoder,
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        tokenizer_3=reads,
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=SIDE // 8,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=2 * WIDTH,
            caption_projection_dim=32,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=16,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def _flux(kind: Any, *, guidance_embeds: bool = True, dynamic: bool = True, more_channels: int = 0) -> Any:
    encoder, reads = t5(WIDTH)
    return kind(
        vae=vae(shift_factor=0.1, scaling_factor=0.8),
        text_encoder=clip(),
        text_encoder_2=encoder,
        tokenizer=tokenizer(),
        tokenizer_2=reads,
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=16 + more_channels,
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=guidance_embeds,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=dynamic),
    )


def flux_dev() -> Any:
    """FLUX.1 [dev], to which guidance is told."""
    return _flux(diffusers.FluxPipeline)


def flux_schnell() -> Any:
    """FLUX.1 [schnell], which knows no guidance; what there is, is made of two runs."""
    return _flux(diffusers.FluxPipeline, guidance_embeds=False, dynamic=False)


def flux_fill() -> Any:
    """FLUX.1 Fill: the latents, what the mask leaves, and for each of their 2 × 2 cells 64 pixels of the mask."""
    return _flux(diffusers.FluxFillPipeline, more_channels=16 + 4 * 64)


def flux_kontext() -> Any:
    """FLUX.1 Kontext, which looks at a picture."""
    return _flux(diffusers.FluxKontextPipeline)


def z_image(shift: float = 6.0) -> Any:
    """Z-Image, whose words are read by a language model."""
    reads = _letters()
    reads.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    encoder = transformers.Qwen3Model(
        transformers.Qwen3Config(
            vocab_size=len(reads),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    return diffusers.ZImagePipeline(
        vae=vae(shift_factor=0.1, scaling_factor=0.8),
        text_encoder=encoder,
        tokenizer=reads,
        transformer=diffusers.ZImageTransformer2DModel(
            in_channels=4,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[4, 6, 6],
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=shift),
    )


def _letters() -> Any:
    """A tokenizer of single bytes."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    return transformers.Qwen2Tokenizer(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[])


def qwen_image() -> Any:
    """Qwen-Image: a model of pictures and words reads, and a VAE of videos draws."""
    reads = _letters()
    text = {
        "vocab_size": len(reads),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }
    sight = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_heads": 2, "out_hidden_size": WIDTH}
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=sight)
    return diffusers.QwenImagePipeline(
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 2, 2, 2],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=reads,
        transformer=diffusers.QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 6, 6),
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def chroma() -> Any:
    """Chroma: FLUX.1 with T5 alone."""
    encoder, reads = t5(WIDTH)
    return diffusers.ChromaPipeline(
        vae=vae(shift_factor=0.1, scaling_factor=0.8),
        text_encoder=encoder,
        tokenizer=reads,
        transformer=diffusers.ChromaTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=16,
            approximator_layers=1,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
    )


def aura_flow() -> Any:
    """AuraFlow."""
    _, reads = t5(WIDTH)
    config = transformers.UMT5Config(
        vocab_size=len(reads), d_model=WIDTH, d_kv=8, d_ff=2 * WIDTH, num_layers=1, num_heads=2
    )
    return diffusers.AuraFlowPipeline(
        vae=vae(),
        text_encoder=transformers.UMT5EncoderModel(config),
        tokenizer=reads,
        transformer=diffusers.AuraFlowTransformer2DModel(
            sample_size=SIDE // 8,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=WIDTH,
            pos_embed_max_size=64,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.73),
    )


def lumina2() -> Any:
    """Lumina Image 2, which a language model reads for."""
    reads = _letters()
    encoder = transformers.Gemma2Model(
        transformers.Gemma2Config(
            vocab_size=len(reads),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    return diffusers.Lumina2Pipeline(
        vae=vae(shift_factor=0.1, scaling_factor=0.8),
        text_encoder=encoder,
        tokenizer=reads,
        transformer=diffusers.Lumina2Transformer2DModel(
            sample_size=SIDE // 8,
            in_channels=4,
            hidden_size=32,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 6, 6),
            cap_feat_dim=WIDTH,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


MODELS: Mapping[str, Callable[[], Any]] = {
    "sd2": sd2,
    "masked": masked,
    "lcm": lcm,
    "sdxl": sdxl,
    "sdxl_turbo": sdxl_turbo,
    "refiner": refiner,
    "sd3": sd3,
    "flux_dev": flux_dev,
    "flux_schnell": flux_schnell,
    "flux_fill": flux_fill,
    "flux_kontext": flux_kontext,
    "z_image": z_image,
    "qwen_image": qwen_image,
    "chroma": chroma,
    "aura_flow": aura_flow,
    "lumina2": lumina2,
}


def build(name: str, folder: Path) -> Path:
    """Save the model called ``name`` into ``folder``, the same numbers every time."""
    with torch.random.fork_rng():
        torch.manual_seed(len(name))
        pipeline = MODELS[name]()
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                enliven(part)
    pipeline.save_pretrained(folder)
    kept = pipeline.vae.config
    channels = kept.get("latent_channels") or kept.get("z_dim")
    rgb = [[[0.2, 0.2, 0.2]] * channels, [0.5, 0.5, 0.5]]
    (folder / "mintaka.json").write_text(json.dumps({"size": [SIDE, SIDE], "latent_rgb": rgb}))
    return folder


def enliven(module: Any) -> None:
    """Spread the weights so that what a model is told can be seen in what it draws."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.2 / weight[0].numel() ** 0.5 if "embedding" not in name else 1.0)
