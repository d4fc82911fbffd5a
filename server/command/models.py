"""``mintaka models``: which models there are, and what each can draw."""

from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import CommandFault

if TYPE_CHECKING:
    from mintaka.engine.models.info import ModelInfo

models_app = typer.Typer(name="models", help="The models that can draw.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models. Example: mintaka models list --json"""
    import json

    from mintaka.server.command.folder import load_settings
    from mintaka.server.places import model_folder

    models = model_folder(load_settings()).list()
    if as_json:
        typer.echo(json.dumps([_to_json(model) for model in models], ensure_ascii=False))
        return
    for model in models:
        typer.echo(f"{model.id:<16}{model.size[0]} × {model.size[1]}, {model.steps} steps  {model.description}")


@models_app.command("info")
def info(name: Annotated[str, typer.Argument(help="The model's name.")], as_json: AsJson = False) -> None:
    """Say what a model can draw, with prompts to try. Example: mintaka models info starter"""
    import json

    from mintaka.engine.errors import EngineError
    from mintaka.server.command.folder import load_settings
    from mintaka.server.places import model_folder

    try:
        model = model_folder(load_settings()).get(name)
    except EngineError as error:
        raise CommandFault(error.message) from None
    typer.echo(json.dumps(_to_json(model), ensure_ascii=False) if as_json else _text(model))


def _to_json(model: "ModelInfo") -> dict[str, object]:
    return model.model_dump(mode="json", exclude={"latent_rgb", "words"})


def _text(model: "ModelInfo") -> str:
    lines = [
        f"{model.title} ({model.id})",
        model.description,
        "",
        f"Pictures: {model.size[0]} × {model.size[1]}"
        + (f", drawn at {model.native_size[0]} × {model.native_size[1]}" if model.native_size else ""),
        f"Defaults: {model.steps} steps, guidance {model.guidance_scale:g}"
        + (f", scheduler {model.scheduler}" if model.scheduler else ""),
        f"License: {model.license or 'not stated'}",
    ]
    if model.draws is not None:
        lines += ["", "What it can draw:"]
        for what, words in model.draws.model_dump().items():
            if words:
                lines.append(f"  {what + ':':<13}{', '.join(words)}")
    if model.examples:
        lines += ["", "Prompts to try:"]
        lines += [f"  {example}" for example in model.examples]
        lines += ["", "A script:", '  (let draw (get-capability "diffusers.generate"))']
        lines += [f'  (draw.textToImage "{model.examples[0]}")']
    return "\n".join(lines)
