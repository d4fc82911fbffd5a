"""Folders of other programs: ``extra_model_paths.yaml``, as ComfyUI reads it.

Each section has a ``base_path`` and, by kind, one path or several, one a line::

    a1111:
        base_path: /srv/stable-diffusion-webui
        checkpoints: models/Stable-diffusion
        loras: |
            models/Lora
            models/LyCORIS

Paths are relative to ``base_path``, and that to the file; ``~`` and ``$NAME`` are put in. A section with ``is_default``
comes before the others. Kinds of which the engine has none are passed over.
"""

import os
from pathlib import Path

from mintaka.engine.models.finding import Place
from mintaka.engine.models.kinds import Kind

KINDS = {
    "checkpoints": Kind.MODEL,
    "diffusers": Kind.MODEL,
    "controlnet": Kind.CONTROLNET,
    "loras": Kind.LORA,
    "upscale_models": Kind.UPSCALER,
    "embeddings": Kind.EMBEDDING,
    "vae": Kind.VAE,
    "clip": Kind.TEXT_ENCODER,
    "text_encoders": Kind.TEXT_ENCODER,
    "facerestore_models": Kind.FACE,
}
"""ComfyUI's names of kinds, old and new."""


def extra_places(file: Path) -> list[Place]:
    """The folders that ``file`` names. Raises ValueError, which says what is wrong with it."""
    import yaml  # type: ignore[import-untyped]

    try:
        sections = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {(error.strerror or 'error').lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(sections, dict | None):
        raise ValueError(f"{file} is to hold sections, each with paths by kind")
    places: list[Place] = []
    for name, section in (sections or {}).items():
        found = _section(file, str(name), section or {})
        places = found + places if isinstance(section, dict) and section.get("is_default") is True else places + found
    return places


def _section(file: Path, name: str, section: object) -> list[Place]:
    if not isinstance(section, dict):
        raise ValueError(f"{file}: the section {name} is to hold paths by kind")
    base = file.parent.absolute() / _put_in(str(section.get("base_path") or ""))
    places = []
    for key, paths in section.items():
        if key in KINDS:
            if not isinstance(paths, str):
                raise ValueError(f"{file}: `{key}` of the section {name} is to be a path, or several, one a line")
            lines = [line.partition(" #")[0].strip() for line in paths.splitlines()]
            places += [Place(Path(os.path.normpath(base / _put_in(line))), KINDS[key]) for line in lines if line]
    return places


def _put_in(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))
