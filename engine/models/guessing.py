"""Of which kind a file or folder is that somebody brings, by what is in it: tensors, configurations, sidecars."""

from pathlib import Path

from mintaka.engine.models.finding import Place, find
from mintaka.engine.models.info import BadModel
from mintaka.engine.models.kinds import CONVERT, GGUF, PICKLES, SAFETENSORS, Kind
from mintaka.engine.models.reading import read_found
from mintaka.engine.models.single_file import NotReadable, Shapes, contents, read_shapes

EMBEDDINGS = {"emb_params", "clip_l", "clip_g", "t5xxl"}
"""Names of the tensors of a textual inversion."""

SIGNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.LORA, (".lora_", "lora_unet_", "lora_te", ".lora.", "lora_A", ".hada_", ".lokr_")),
    (Kind.CONTROLNET, ("control_model.", "controlnet_down_blocks.", "controlnet_cond_embedding.")),
    (Kind.FACE, ("stylegan_decoder.", "fuse_convs_dict.", "quantize.embedding.weight")),
    (Kind.VAE, ("decoder.conv_in.", "first_stage_model.decoder.")),
    (Kind.TEXT_ENCODER, ("text_model.encoder.layers.", "encoder.layers.0.self_attn.", ".SelfAttention.q.")),
    (Kind.UPSCALER, ("conv_first.weight", "model.0.weight", "body.0.weight", "layers.0.residual_group.")),
)
"""Parts of the names of tensors, of which one is enough, in the order in which they are looked for."""


def kind_of(source: Path) -> Kind | None:
    """The kind of the file or folder ``source``; ``None`` where nothing tells. Raises BadModel for a pickle."""
    if source.is_dir():
        for found in find([Place(source)]):
            if Path(found.path) == source:
                told = read_found(found)
                return None if told is None else told[0]
        return None
    if source.suffix in PICKLES:
        raise BadModel(f"{source.name} is a pickle, which can run any code, so it is not taken", hint=CONVERT)
    if source.suffix != SAFETENSORS:
        return Kind.MODEL if source.suffix == GGUF else None
    try:
        return kind_of_tensors(read_shapes(source))
    except NotReadable as error:
        raise BadModel(f"{source.name} {error}", hint="get the file anew") from None


def kind_of_tensors(shapes: Shapes) -> Kind | None:
    """The kind of a file of tensors of these ``shapes``."""
    if shapes and set(shapes) <= EMBEDDINGS:
        return Kind.EMBEDDING
    for kind, signs in SIGNS:
        if any(sign in name for name in shapes for sign in signs):
            return kind
        if kind is Kind.CONTROLNET and contents(shapes) is not None:
            return Kind.MODEL
    return Kind.EMBEDDING if len(shapes) == 1 else None  # diffusers' own form: one tensor, called by its word
