"""``mintaka models``: what there is to draw with, and how to add to it, check it and take from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mintaka.server.command.faults import CommandFault, extras_explained

if TYPE_CHECKING:
    from mintaka.engine.models.kinds import Kind
    from mintaka.server.model_store import ModelStore, Thing

models_app = typer.Typer(name="models", help="What there is to draw with.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Its name, as `mintaka models list` tells it.")]
OfKind = Annotated[
    str | None,
    typer.Option("--kind", help="One of model, controlnet, lora, upscaler, embedding, vae, text-encoder."),
]


@models_app.command("list")
def list_models(kind: OfKind = None, as_json: AsJson = False) -> None:
    """List the models, and what goes with them. Example: mintaka models list --json"""
    with _store() as store:
        things = store.things(_kind(kind))
    if as_json:
        _print_json([_to_json(thing) for thing in things])
        return
    for thing in things:
        typer.echo(f"{thing.info.id:<24} {_about(thing)}")


@models_app.command("info")
def info(name: Name, kind: OfKind = None, as_json: AsJson = False) -> None:
    """Say what one is, where it lies, and what a model can draw. Example: mintaka models info starter"""
    with _store() as store:
        thing = store.find(name, _kind(kind))
        identity = store.identity(thing)
    if as_json:
        _print_json({**_to_json(thing), "bytes": thing.bytes, "blake3": identity, "files": len(thing.files)})
        return
    lines = _text(thing)
    told = identity or "not computed yet; `mintaka models verify` does"
    typer.echo("\n".join([*lines, "", f"Folder: {thing.whole}", f"Bytes: {thing.bytes:,}", f"BLAKE3: {told}"]))


@models_app.command("add")
def add(
    source: Annotated[str, typer.Argument(help="A folder, a safetensors file, or a model at a hub, as owner/name.")],
    name: Annotated[str | None, typer.Option(help="What it shall be called; without, as it is called there.")] = None,
    kind: OfKind = None,
    link: Annotated[bool, typer.Option("--link", help="Link to the folder or file instead of copying it.")] = False,
    like: Annotated[
        str | None,
        typer.Option(help="For a model that is a file: the model in a folder whose configurations it uses."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit at the hub.")] = None,
    file: Annotated[str | None, typer.Option(help="The one file of the model at the hub.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put something into the folder of models, where its kind lies; what is there is complete.

    From a hub only safetensors files and texts are taken; after an interruption the files that are missing. HF_TOKEN is
    the token for what is not for everybody.
    Example: mintaka models add ~/Downloads/storybook.safetensors
    """
    with _store() as store:
        thing = (
            store.add(Path(source).expanduser(), name, _kind(kind), link=link, like=like)
            if Path(source).expanduser().exists() or source.count("/") != 1
            else _from_hub(store, source, name, _kind(kind), revision, file, as_json)
        )
    if as_json:
        _print_json({**_to_json(thing), "bytes": thing.bytes})
    else:
        typer.echo(f"Added the {thing.kind.noun} {thing.info.id}: {thing.whole}")


@models_app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Their names; without, all.")] = None,
    kind: OfKind = None,
    accept: Annotated[bool, typer.Option("--accept", help="Record the files as they are now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file and compare it with what was recorded when it was added, or seen first.

    Example: mintaka models verify starter
    """
    results: list[dict[str, Any]] = []
    with _store() as store:
        things = [store.find(name, _kind(kind)) for name in names] if names else store.things(_kind(kind))
        for thing in things:
            verdicts = {_below(file, thing): str(verdict) for file, verdict in store.verify(thing, accept=accept)}
            results.append({"id": thing.info.id, "kind": str(thing.kind), "files": verdicts})
            if not as_json:
                differ = [file for file, verdict in verdicts.items() if verdict == "differs"]
                for file in differ:
                    typer.echo(f"{thing.info.id}: {file} is not what it was")
                if not differ:
                    typer.echo(f"{thing.info.id}: {len(verdicts)} files as recorded")
    if as_json:
        _print_json(results)
    if not accept and any("differs" in each["files"].values() for each in results):
        raise CommandFault("Some files differ. Add them anew, or accept them with --accept.")


@models_app.command("remove")
def remove(
    name: Name,
    kind: OfKind = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete it from the folder of models; of a link only the link. Example: mintaka models remove storybook --yes"""
    with _store() as store:
        thing = store.find(name, _kind(kind))
        if not yes:
            typer.confirm(f"Delete the {thing.kind.noun} {thing.info.id}: {thing.whole}?", abort=True, err=True)
        store.remove(thing)
    if as_json:
        _print_json({"removed": thing.info.id, "kind": str(thing.kind)})
    else:
        typer.echo(f"Removed the {thing.kind.noun} {thing.info.id}.")


@contextmanager
def _store() -> "Iterator[ModelStore]":
    """The models of the settings; what goes wrong with them is told as a person is told it."""
    from mintaka.engine.errors import EngineError
    from mintaka.server.command.folder import load_settings

    with extras_explained():
        from mintaka.engine.models.identity import Identities
        from mintaka.server.datafolder import IDENTITIES
        from mintaka.server.model_store import ModelStore, StoreFault
        from mintaka.server.places import model_folder, own_model_folders

        settings = load_settings()
        identities = Identities(settings.data.expanduser() / IDENTITIES)
        try:
            yield ModelStore(own_model_folders(settings), model_folder(settings), identities)
        except StoreFault as fault:
            raise CommandFault(str(fault)) from None
        except EngineError as error:
            hint = f"; {error.hint}" if error.hint and error.hint not in error.message else ""
            raise CommandFault(f"{error.message}{hint}") from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise CommandFault(f"{where}{(error.strerror or 'error').lower()}.") from None


def _from_hub(
    store: "ModelStore",
    repository: str,
    name: str | None,
    kind: "Kind | None",
    revision: str | None,
    file: str | None,
    quiet: bool,
) -> "Thing":
    import shutil
    import sys

    from mintaka.server.model_hub import download

    place = store.making(repository)
    show = sys.stderr.isatty() and not quiet
    ready = download(repository, place, revision=revision, file=file, show=show)
    usual = repository if ready.is_dir() else f"{repository.partition('/')[0]}/{ready.stem}"
    thing = store.put(ready, name or usual, kind)
    shutil.rmtree(place)
    shutil.rmtree(thing.whole / ".cache", ignore_errors=True)  # what huggingface_hub needs to go on
    return thing


def _kind(given: str | None) -> "Kind | None":
    from mintaka.engine.models.kinds import Kind

    if given is None:
        return None
    if given not in set(Kind):
        raise CommandFault(f"There is no kind “{given}”; there are {', '.join(Kind)}.")
    return Kind(given)


def _below(file: Path, thing: "Thing") -> str:
    return file.name if file == thing.whole else file.relative_to(thing.whole).as_posix()


def _is_model(info: object) -> bool:
    from mintaka.engine.models.info import ModelInfo

    return isinstance(info, ModelInfo)


def _about(thing: "Thing") -> str:
    """What one line tells of it."""
    info: Any = thing.info
    if _is_model(info):
        return f"{info.size[0]} × {info.size[1]}, {info.steps} steps  {info.description}".rstrip()
    base = f" for {info.base}" if info.base else ""
    return f"{thing.kind.noun}{base}  {info.description}".rstrip()


def _to_json(thing: "Thing") -> dict[str, object]:
    told = thing.info.model_dump(mode="json", exclude={"latent_rgb", "words"})
    return {**told, "kind": str(thing.kind), "path": str(thing.whole)}


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False))


def _text(thing: "Thing") -> list[str]:
    if not _is_model(thing.info):
        license = thing.info.license or "not stated"
        return [f"{thing.info.title} ({thing.info.id}), {_about(thing)}", f"License: {license}"]
    model: Any = thing.info
    lines = [
        f"{model.title} ({model.id})",
        model.description,
        "",
        f"Pictures: {model.size[0]} × {model.size[1]}"
        + (f", drawn at {model.native_size[0]} × {model.native_size[1]}" if model.native_size else ""),
        f"Defaults: {model.steps} steps, guidance {model.guidance_scale:g}"
        + (f", scheduler {model.scheduler}" if model.scheduler else ""),
        f"Family: {model.family}, with {', '.join(model.components)}",
        *(f"Its {part} is {id}" for part, id in model.borrowed),
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
    return lines
