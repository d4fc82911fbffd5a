"""Models from a hub, by ``owner/name``: only files that cannot run code, and none of them twice."""

import json
import os
from collections.abc import Collection
from pathlib import Path

from mintaka.engine.models.info import INDEX, SIDECAR
from mintaka.engine.models.kinds import CONVERT, PICKLES, SAFETENSORS
from mintaka.server.model_store import StoreFault

READ = (".json", ".txt", ".model")
"""Endings of what is taken beside weights: configurations, and the vocabularies of tokenizers."""

OTHERWISE = "add it from a folder or a file instead"


def download(
    repository: str, place: Path, *, revision: str | None = None, file: str | None = None, show: bool = False
) -> Path:
    """Download ``repository``, or one ``file`` of it, into the folder ``place``; the folder or file to put in.

    What is there already is not downloaded again. The token is that of ``HF_TOKEN`` and the hub that of
    ``HF_ENDPOINT``, as huggingface_hub reads them. ``show``: progress goes to standard error. Raises StoreFault.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub import utils as hub_utils
    from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is the HTTP library's, by version
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage]
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if not show:
        hub_utils.disable_progress_bars()  # type: ignore[attr-defined] # the documented place, exported lazily
    try:
        about = HfApi().model_info(repository, revision=revision)
        names = chosen([each.rfilename for each in about.siblings or ()], repository, file)
        folder = place / repository.rpartition("/")[2]
        snapshot_download(repository, revision=about.sha, local_dir=folder, allow_patterns=[*map(_exactly, names)])
    except GatedRepoError:
        raise StoreFault(
            f"The hub gives {repository} only to who accepted its terms: accept them on its page, and set HF_TOKEN."
        ) from None
    except RepositoryNotFoundError:
        raise StoreFault(f"The hub has no model {repository}, or a private one: then set HF_TOKEN.") from None
    except RevisionNotFoundError:
        raise StoreFault(f"{repository} has no revision {revision}.") from None
    except HFValidationError as error:
        raise StoreFault(f"{repository} cannot be the name of a model at a hub: {error}") from None
    except OfflineModeIsEnabled:
        raise StoreFault(f"HF_HUB_OFFLINE is set, so the hub is not asked; unset it, or {OTHERWISE}.") from None
    except (HTTPError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        why = f"it answers {status}" if status else "it gives no answer"
        raise StoreFault(
            f"The hub cannot be asked for {repository} ({why}); try again, and only what is missing is asked for, "
            f"or {OTHERWISE}."
        ) from None
    _tell(folder, names, str(getattr(about.card_data, "license", None) or ""), f"{repository}@{about.sha}")
    single = [name for name in names if name.endswith(SAFETENSORS)]
    return folder if INDEX in names or "config.json" in names else folder / single[0]


def chosen(names: Collection[str], repository: str, file: str | None) -> list[str]:
    """The files to download of those in ``repository``: what is read, and of weights each part once. Raises StoreFault.

    With a ``model_index.json`` weights lie in folders, and what lies beside it are others' forms of the same. Of two
    precisions the plain one is taken, else the half one.
    """
    if file is not None:
        if file not in names or not file.endswith(SAFETENSORS):
            raise StoreFault(f"{repository} has no {SAFETENSORS} file {file}.")
        return [file]
    safe = [name for name in names if name.endswith(SAFETENSORS)]
    if INDEX in names:
        safe = [name for name in safe if "/" in name]
    safe = [name for name in safe if name == _plain(name) or _plain(name) not in names]
    if not safe:
        pickles = [name for name in names if name.endswith(PICKLES)]
        why = f"{pickles[0]} is a pickle, which can run any code; {CONVERT}" if pickles else f"it has no {SAFETENSORS}"
        raise StoreFault(f"{repository} cannot be used: {why}.")
    if INDEX in names or "config.json" in names:
        return sorted(safe + [name for name in names if name.endswith(READ) and not name.endswith(".fp16.json")])
    if len(safe) > 1:
        raise StoreFault(f"{repository} has {len(safe)} files; say which with --file: {', '.join(sorted(safe))}.")
    return safe


def _tell(folder: Path, names: Collection[str], license: str, source: str) -> None:
    """Call half precision by the plain name, and keep where it is from, and the license, in the sidecar."""
    for name in names:
        if name != _plain(name):
            os.replace(folder / name, folder / _plain(name))
    sidecar = folder / SIDECAR
    if not sidecar.exists() and (INDEX in names or "config.json" in names):
        told = {"source": source, **({"license": license} if license else {})}
        sidecar.write_text(json.dumps(told, indent=1), "utf-8")


def _plain(name: str) -> str:
    return name.replace(f".fp16{SAFETENSORS}", SAFETENSORS)


def _exactly(name: str) -> str:
    """The pattern that only ``name`` fits."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)
