"""Putting models into the folder of models, checking that they are what they were, and taking them out.

What is put there is complete or not there at all: it is made ready under a name that begins with a dot, which nobody
looks at, in the same file system, read as the engine reads it, and then renamed.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mintaka.engine.models.finding import Place
from mintaka.engine.models.folder import ModelFolder
from mintaka.engine.models.guessing import kind_of
from mintaka.engine.models.identity import Identities
from mintaka.engine.models.info import SIDECAR, read_json
from mintaka.engine.models.kinds import ENDINGS, FOLDERS, PICKLES, Kind
from mintaka.engine.models.snapshot import Info

MAKING = ".adding-"
"""What the name of something half there begins with."""

FOLDER_OF = {kind: folder for folder, kind in FOLDERS.items()}


class StoreFault(Exception):
    """It cannot be done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to draw with, by kind and id, and what it is made of on disk."""

    kind: Kind
    info: Info
    whole: Path
    """Its folder, or its only file."""

    @property
    def files(self) -> list[Path]:
        """Its files, none of those whose names begin with a dot."""
        if self.whole.is_file():
            return [self.whole]
        return sorted(_files(self.whole))

    @property
    def weights(self) -> list[Path]:
        """Those of its files that are weights."""
        return [file for file in self.files if file.suffix in ENDINGS[Kind.MODEL]]

    @property
    def bytes(self) -> int:
        """How large all its files are together."""
        return sum(file.stat().st_size for file in self.files)


class Verdict(StrEnum):
    """What became of a file since it was recorded."""

    SAME = "same"
    DIFFERS = "differs"
    NEW = "new"
    """Nothing was recorded of it; now it is."""


class ModelStore:
    """The folders that things are put into and taken out of; the first is the one to put into."""

    def __init__(self, folders: Sequence[Path], models: ModelFolder, identities: Identities) -> None:
        self._folders = [Path(os.path.abspath(each)) for each in folders]
        self._models = models
        self._identities = identities

    def things(self, kind: Kind | None = None) -> list[Thing]:
        """All there is, or all of one kind."""
        snapshot = self._models.snapshot()
        kinds = [kind] if kind else list(Kind)
        return [Thing(each, info, _whole(info.path)) for each in kinds for info in snapshot.of(each)]

    def find(self, name: str, kind: Kind | None = None) -> Thing:
        """The thing called ``name``. Raises StoreFault where there is none, or one of several kinds."""
        name = self._models.resolve(name)
        found = [each for each in self.things(kind) if each.info.id == name]
        if not found:
            if kind in (None, Kind.MODEL):
                self._models.get(name)  # says which names are near
            raise StoreFault(f"There is no {kind.noun if kind else 'model'} called “{name}”.")
        if len(found) > 1:
            kinds = " and ".join(f"a {each.kind.noun}" for each in found)
            raise StoreFault(f"{name} is {kinds}; say which with --kind.")
        return found[0]

    def add(
        self,
        source: Path,
        name: str | None = None,
        kind: Kind | None = None,
        *,
        link: bool = False,
        like: str | None = None,
    ) -> Thing:
        """Copy the file or folder ``source`` to where its kind lies, or ``link`` to it.

        ``like``: the model in a folder whose configurations a model uses that is a file. Raises StoreFault, BadModel.
        """
        source = Path(os.path.abspath(source))
        if not source.exists():
            raise StoreFault(f"There is no file or folder {source}.")
        with self._making() as place:
            ready = place / source.name
            if link:
                ready.symlink_to(source)
            elif source.is_dir():
                shutil.copytree(source, ready, ignore=_left_out)
            else:
                shutil.copy2(source, ready)
            if source.is_file():
                self._copy_sidecar(source, ready, like)
            return self.put(ready, name or (source.stem if source.is_file() else source.name), kind)

    def put(self, ready: Path, name: str, kind: Kind | None = None) -> Thing:
        """Move what was made ``ready``, alone in its folder but for a sidecar, to where its kind lies."""
        told = kind_of(ready)
        kind = kind or told
        if kind is None:
            raise StoreFault(f"Nothing in {ready.name} tells of which kind it is; say it with --kind.")
        if ready.is_file() and ready.suffix not in ENDINGS[kind]:
            raise StoreFault(f"A {kind.noun} is to be a folder in diffusers' format, and {ready.name} is a file.")
        self._check(ready, name, kind)
        target = self._target(kind, name, ready.suffix if ready.is_file() else "")
        target.parent.mkdir(parents=True, exist_ok=True)
        if (beside := ready.with_suffix(".json")).is_file() and ready.is_file():
            beside.rename(target.with_suffix(".json"))
        ready.rename(target)
        thing = next(each for each in self.things(kind) if each.whole == target)
        for file in thing.files:
            self._identities.compute(file, accept=True)
        return thing

    def making(self, name: str) -> Path:
        """The folder in which something called ``name`` is made ready and which stays when that is interrupted."""
        self._folders[0].mkdir(parents=True, exist_ok=True)
        return self._folders[0] / f"{MAKING}{name.replace('/', '--')}"

    def verify(self, thing: Thing, *, accept: bool = False) -> Iterator[tuple[Path, Verdict]]:
        """Read every file of ``thing`` and compare; with ``accept`` it is recorded as it is now."""
        for file in thing.files:
            before = self._identities.recorded(file)
            now = self._identities.compute(file, accept=accept)
            yield file, Verdict.NEW if before is None else Verdict.SAME if before == now else Verdict.DIFFERS

    def identity(self, thing: Thing) -> str | None:
        """The identity of the weights of ``thing``, where that was computed before."""
        return self._identities.together(thing.weights, self._identities.known)

    def remove(self, thing: Thing) -> None:
        """Delete ``thing``; of a link only the link. Raises StoreFault where it lies elsewhere."""
        folder = next((each for each in self._folders if thing.whole.is_relative_to(each)), None)
        if folder is None or thing.whole == folder:
            raise StoreFault(
                f"{thing.info.id} lies in {thing.whole}, outside the folders of models "
                f"({', '.join(map(str, self._folders))}); delete it there yourself."
            )
        sidecar = thing.whole.with_suffix(".json")
        with self._making(folder) as place:
            single = thing.whole.is_file()
            thing.whole.rename(place / thing.whole.name)
            if single and sidecar.is_file():
                sidecar.rename(place / sidecar.name)
        for empty in thing.whole.parents:
            if empty == folder or empty.name in FOLDERS:
                break
            with suppress(OSError):  # not empty
                empty.rmdir()

    def _target(self, kind: Kind, name: str, ending: str) -> Path:
        parts = name.split("/")
        if not all(parts) or any(part.startswith(".") or "\\" in part for part in parts) or len(parts) > 3:
            raise StoreFault(f"“{name}” cannot be a name; use letters and digits, and at most two slashes.")
        target = self._folders[0] / FOLDER_OF[kind] / f"{name}{ending}"
        if os.path.lexists(target):
            raise StoreFault(f"{target} is there already; remove it first, or choose another name with --name.")
        return target

    def _check(self, ready: Path, name: str, kind: Kind) -> None:
        """Read what was made ready as the engine will. Raises StoreFault, BadModel."""
        seen = ModelFolder([Place(ready.parent, kind)]).snapshot()
        if faults := seen.faults():
            raise faults[0]
        found = seen.of(kind)
        if len(found) != 1:
            raise StoreFault(f"{ready.name} is not one {kind.noun}: neither a single file nor a folder that says so.")
        told = found[0].id
        id = name if told == (ready.stem if ready.is_file() else ready.name) else told
        if any(each.info.id == id for each in self.things(kind)):
            raise StoreFault(f"There is a {kind.noun} called {id} already; remove it first, or choose another name.")

    def _copy_sidecar(self, source: Path, ready: Path, like: str | None) -> None:
        """What is said of the file ``source``, with paths that hold from anywhere."""
        sidecar = source.with_suffix(".json")
        told = read_json(sidecar.parent, sidecar.name, source.stem) if sidecar.is_file() else {}
        if like is not None:
            told["config"] = str(self.find(like, Kind.MODEL).whole)
        elif isinstance(told.get("config"), str):
            told["config"] = os.path.abspath(source.parent / told["config"])
        if told:
            ready.with_suffix(".json").write_text(json.dumps(told, ensure_ascii=False, indent=1), "utf-8")

    @contextmanager
    def _making(self, folder: Path | None = None) -> Iterator[Path]:
        folder = folder or self._folders[0]
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=MAKING, dir=folder))
        try:
            yield place
        finally:
            shutil.rmtree(place)


def _whole(path: Path) -> Path:
    """What ``path`` is the weights of: a folder that says so, or itself."""
    return path.parent if path.is_file() and (path.parent / SIDECAR).is_file() else path


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _left_out(place: str, names: Sequence[str]) -> list[str]:
    """What is not copied: pickles, which are never read, and what nobody is to see."""
    return [name for name in names if name.startswith(".") or name.endswith(PICKLES)]
