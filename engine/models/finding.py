"""The one walk through the folders of models: what lies where, of which kind, and by what one sees that it changed.

A folder that is given holds folders of one kind each (`mintaka.engine.models.kinds.FOLDERS`), and models and whatever
says its kind in a ``mintaka.json``, at most two folders deep. Folders of other programs hold one kind each too, and
are told by `Place`. Nothing but names and times is looked at here.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mintaka.engine.models.info import CONFIG, INDEX, SIDECAR
from mintaka.engine.models.kinds import ENDINGS, FOLDERS, PICKLES, SAFETENSORS, Kind

DEPTH = 2
"""How far below a given folder models are looked for: ``starter`` and ``owner/name``."""
DEEPEST = 4
"""How far below a folder of one kind."""


class Place(NamedTuple):
    """A folder to look in; with a ``kind``, all in it is of that."""

    path: Path
    kind: Kind | None = None


class Found(NamedTuple):
    """A folder or file that looks like something to draw with."""

    path: str
    kind: Kind | None
    """``None`` where only what is in its files says so."""
    marker: str
    """The file that says what a folder is: `INDEX`, `CONFIG` or `SIDECAR`; empty for a single file."""
    name: str
    """Its path below the folder of its kind, else below the given one, without its ending: its id by default."""
    sidecar: str | None
    """The name of its sidecar, which lies in the folder or beside the file."""
    changed: tuple[int, ...]
    """Nanoseconds at which what says what it is was changed last, and bytes, for each file of that."""


def find(places: Iterable[Place]) -> Iterator[Found]:
    """What there is in ``places``, in their order and then by names."""
    for place in places:
        top = str(place.path)
        if place.kind is None:
            yield from _mixed(top, "", place.path.name, DEPTH)
        else:
            yield from _of_kind(top, "", place.kind, DEEPEST)


def _mixed(path: str, name: str, own: str, depth: int) -> Iterator[Found]:
    """What is in a folder of whatever; ``own`` is its own name, and ``name`` its path below the given one."""
    model = _model(path, name or own)
    if model is not None:
        yield model
        return
    entries = _entries(path)
    kind = FOLDERS.get(own)
    if kind is not None:
        yield from _in_folder(path, "", kind, entries, DEEPEST)
    elif (leaf := _leaf(path, name or own, None, entries)) is not None:
        yield leaf
    elif depth:
        for each in entries.values():
            if each.is_dir():
                yield from _mixed(each.path, _below(name, each.name), each.name, depth - 1)


def _of_kind(path: str, name: str, kind: Kind, depth: int) -> Iterator[Found]:
    model = _model(path, name)
    if model is not None:
        yield model
    else:
        yield from _in_folder(path, name, kind, _entries(path), depth)


def _in_folder(path: str, name: str, kind: Kind, entries: dict[str, os.DirEntry[str]], depth: int) -> Iterator[Found]:
    """What is in a folder of one kind, ``name`` below the first of its kind, where it is not one thing itself."""
    leaf = _leaf(path, name, kind, entries) if name else None
    if leaf is not None:
        yield leaf
        return
    for each in entries.values():
        if each.is_dir():
            if depth:
                yield from _of_kind(each.path, _below(name, each.name), kind, depth - 1)
            continue
        stem, ending = os.path.splitext(each.name)
        pickled = ending in PICKLES and stem + SAFETENSORS not in entries
        if pickled or ending in ENDINGS[kind]:
            sidecar = entries.get(f"{stem}.json")
            changed = _changed(each.path, sidecar and sidecar.path)
            if changed is not None:
                yield Found(each.path, kind, "", _below(name, stem), sidecar and sidecar.name, changed)


def _model(path: str, name: str) -> Found | None:
    """The model in diffusers' format that the folder is, found without listing it: there may be thousands."""
    sidecar = f"{path}{os.sep}{SIDECAR}"
    changed = _changed(f"{path}{os.sep}{INDEX}", sidecar)
    if changed is None:
        return None
    return Found(path, Kind.MODEL, INDEX, name, SIDECAR if len(changed) > 2 else None, changed)


def _leaf(path: str, name: str, kind: Kind | None, entries: dict[str, os.DirEntry[str]]) -> Found | None:
    """What the folder is where it is one thing: a network, or what its sidecar says."""
    sidecar = SIDECAR if SIDECAR in entries else None
    for marker in (CONFIG, SIDECAR):
        if marker in entries:
            changed = _changed(entries[marker].path, sidecar and entries[sidecar].path)
            return None if changed is None else Found(path, kind, marker, name, sidecar, changed)
    return None


def _entries(path: str) -> dict[str, os.DirEntry[str]]:
    try:
        with os.scandir(path) as listed:
            return {each.name: each for each in sorted(listed, key=_name) if not each.name.startswith(".")}
    except OSError:
        return {}


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _below(name: str, own: str) -> str:
    return f"{name}/{own}" if name else own


def _changed(file: str, sidecar: str | None) -> tuple[int, ...] | None:
    """By what one sees that they changed; ``None`` where the first is no file. A sidecar that is none is left out."""
    try:
        own = os.stat(file)
    except OSError:
        return None
    if not stat.S_ISREG(own.st_mode):
        return None
    if sidecar is None:
        return own.st_mtime_ns, own.st_size
    try:
        beside = os.stat(sidecar)
    except OSError:
        return own.st_mtime_ns, own.st_size
    return own.st_mtime_ns, own.st_size, beside.st_mtime_ns, beside.st_size
