"""What the commands print: progress of a job, pictures that were saved, errors with the line they stand on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from mintaka.client import Event, RemoteError, RemoteImage


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """A picture on disk."""

    path: Path
    image: "RemoteImage"

    def to_json(self) -> dict[str, object]:
        """Where it lies and what is known about it."""
        return {
            "path": str(self.path),
            "width": self.image.width,
            "height": self.image.height,
            "seed": self.image.seed,
            "asset": self.image.asset,
            "notes": list(self.image.notes),
        }

    def line(self) -> str:
        """One line for a person."""
        seed = "" if self.image.seed is None else f", seed {self.image.seed}"
        return f"{self.path} ({self.image.width} × {self.image.height}{seed})"


class ProgressView:
    """A progress bar on stderr that follows a job's events; nothing is drawn where nobody watches."""

    def __init__(self, console: "Console", title: str) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        self._console = console
        self._title = title
        self.used: Mapping[str, object] = {}
        """What the run used, once it is done."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[steps]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None, steps="")

    def __enter__(self) -> "ProgressView":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: "Event") -> None:
        """Show one event."""
        data = event.data
        if event.kind == "progress":
            step, steps = data.get("step"), data.get("steps")
            if isinstance(step, int) and isinstance(steps, int):
                self._progress.update(self._task, completed=step, total=steps, steps=f"step {step}/{steps}")
        elif event.kind == "log":
            self._console.print(str(data.get("text", "")), markup=False, highlight=False)
        elif event.kind == "asset":
            self._progress.reset(self._task, total=None, steps="")
        elif event.kind == "done":
            used = data.get("used")
            self.used = used if isinstance(used, Mapping) else {}


def save_pictures(value: object, folder: Path, stem: str) -> list[SavedPicture]:
    """Write every picture of a result into ``folder`` as ``stem.png``, ``stem-2.png`` …; nothing is overwritten."""
    from mintaka.client import pictures_in

    saved: dict[str, SavedPicture] = {}
    for image in pictures_in(value):
        if image.asset not in saved:
            saved[image.asset] = SavedPicture(image.save(_free_name(folder, stem, image)), image)
    return list(saved.values())


def _free_name(folder: Path, stem: str, image: "RemoteImage") -> Path:
    number = 1
    while True:
        path = folder / (f"{stem}.{image.format}" if number == 1 else f"{stem}-{number}.{image.format}")
        if not path.exists() or path.read_bytes() == image.data:
            return path
        number += 1


def plain(value: object, saved: list[SavedPicture]) -> object:
    """A result as JSON, with the paths of saved pictures in the places of the pictures."""
    from mintaka.client import RemoteCapability, RemoteImage

    if isinstance(value, RemoteImage):
        return next((picture.to_json() for picture in saved if picture.image.asset == value.asset), None)
    if isinstance(value, RemoteCapability):
        return {"capability": value.type}
    if isinstance(value, list):
        return [plain(item, saved) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, saved) for key, item in value.items()}
    return value


def result_text(value: object, saved: list[SavedPicture]) -> str:
    """A result for a person: the pictures' lines, or the value as JSON."""
    from mintaka.client import RemoteImage

    lines: list[str] = []
    for picture in saved:
        lines.append(picture.line())
        lines.extend(f"  {note}" for note in picture.image.notes)
    only_pictures = isinstance(value, RemoteImage) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, RemoteImage) for item in value)
    )
    if not only_pictures:
        lines.append(json.dumps(plain(value, saved), ensure_ascii=False, indent=2))
    return "\n".join(lines)


def error_text(error: "RemoteError", source: str, name: str, *, lines_before: int = 0) -> str:
    """An error for a person: the message, where it stands with the line and a caret, and what to try.

    ``lines_before`` are lines that were sent before ``source`` and are none of the person's.
    """
    places = error.data.get("diagnostics")
    found = [place for place in places if isinstance(place, Mapping)] if isinstance(places, list) else []
    if not found:
        found = [{**error.data, "message": error.message, "hint": error.hint}]
    return "\n".join(place_text(place, source, name, lines_before) for place in found) + f"  [{error.kind}]"


def place_text(place: Mapping[str, object], source: str, name: str, lines_before: int = 0) -> str:
    """A diagnostic for a person: the message, the line with a caret, and what to try."""
    from mintaka.lang.excerpts import excerpt
    from mintaka.lang.spans import Span

    message, hint = place.get("message"), place.get("hint")
    line, column = _lower(place.get("line"), lines_before), place.get("column")
    path = place.get("path")
    parts = [f"{name} at /{'/'.join(map(str, path))}: {message}" if isinstance(path, list) else f"{name}: {message}"]
    if isinstance(line, int) and isinstance(column, int):
        end_line, end_column = _lower(place.get("end_line"), lines_before), place.get("end_column")
        width = end_column - column if end_line == line and isinstance(end_column, int) else 1
        shown = excerpt(source, Span(line, column, line, column + width))
        if shown is not None:
            parts = [f"{name}:{line}:{column}: {message}", f"  {shown[0]}", f"  {shown[1]}"]
    if hint:
        parts.append(f"  hint: {hint}")
    return "\n".join(parts)


def _lower(line: object, by: int) -> object:
    return line - by if isinstance(line, int) else line
