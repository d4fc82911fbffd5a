"""``mintaka doctor``: what works on this machine, and what to do about what does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mintaka.server.settings import Settings

IMPORT_TIMEOUT_S = 120.0
SERVER_LIBRARIES = ("starlette", "uvicorn", "structlog", "sqlalchemy", "alembic", "blake3", "PIL")
PROBE = """
import json, torch, diffusers, transformers
devices = ["cpu"]
devices += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
devices += ["mps"] if torch.backends.mps.is_available() else []
versions = {m.__name__: m.__version__ for m in (torch, diffusers, transformers)}
print(json.dumps({"versions": versions, "devices": devices}))
"""
"""Run in a process of its own: no deep learning library is imported in this one."""


class Health(StrEnum):
    """How an item is."""

    OK = "ok"
    WARNING = "warning"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at; ``advice`` says what to do unless it is well."""

    name: str
    health: Health
    found: str
    advice: str | None = None

    def to_json(self) -> dict[str, object]:
        """The item as ``--json`` prints it."""
        return {"name": self.name, "health": self.health.value, "found": self.found, "advice": self.advice}


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    port: Annotated[int | None, typer.Option(help="Port the server would use.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at everything Mintaka needs and say what to do about what is missing. Exit code 1: something is.

    Example: mintaka doctor --json
    """
    import json

    from mintaka.server.command.folder import load_settings

    settings = load_settings(data=data, port=port)
    marks = {Health.OK: "ok     ", Health.WARNING: "warning", Health.FAILS: "FAILS  "}
    items: list[Item] = []
    for item in look(settings):
        items.append(item)
        if not as_json:
            typer.echo(f"{marks[item.health]}  {item.name}: {item.found}")
            if item.advice:
                typer.echo(f"         → {item.advice}")
    well = all(item.health is not Health.FAILS for item in items)
    if as_json:
        typer.echo(json.dumps({"ok": well, "items": [item.to_json() for item in items]}, ensure_ascii=False))
    else:
        typer.echo("Everything needed is here." if well else "Something that is needed is missing; see above.")
    raise typer.Exit(0 if well else 1)


def look(settings: "Settings") -> Iterator[Item]:
    """Every item, in the order in which they depend on each other."""
    yield _python()
    yield _machine()
    yield _server_libraries()
    yield _engine_libraries()
    yield _models(settings)
    yield _data_folder(settings.data)
    running = _running(settings.data)
    yield running
    yield _port(settings, running)
    yield _web()


def _python() -> Item:
    import platform
    import sys

    return Item("python", Health.OK, f"{platform.python_version()} at {sys.executable}")


def _machine() -> Item:
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    found = f"{cores} cores, {memory:.1f} GiB of memory"
    if memory < 2:
        return Item("machine", Health.WARNING, found, "The worker needs about 1 GiB for itself; close other programs.")
    return Item("machine", Health.OK, found)


def _server_libraries() -> Item:
    from importlib.util import find_spec

    missing = [name for name in SERVER_LIBRARIES if find_spec(name) is None]
    if missing:
        advice = "Install them with: pip install 'mintaka[server]'"
        return Item("server libraries", Health.FAILS, f"{', '.join(missing)} missing", advice)
    return Item("server libraries", Health.OK, "all there")


def _engine_libraries() -> Item:
    import json
    import subprocess
    import sys

    name = "engine libraries"
    advice = "Install them with: pip install 'mintaka[engine]'"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=IMPORT_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Item(name, Health.FAILS, f"importing them took more than {IMPORT_TIMEOUT_S:.0f} s", "Try again.")
    lines = probe.stdout.strip().splitlines()
    if probe.returncode != 0 or not lines:
        errors = probe.stderr.strip().splitlines() or ["they cannot be imported"]
        return Item(name, Health.FAILS, errors[-1], advice)
    said = json.loads(lines[-1])
    versions = ", ".join(f"{library} {version}" for library, version in said["versions"].items())
    return Item(name, Health.OK, f"{versions}; devices: {', '.join(said['devices'])}")


def _models(settings: "Settings") -> Item:
    from mintaka.server.places import model_folder

    folder = model_folder(settings)
    faults = [fault.message for fault in folder.faults()]
    names = [model.id for model in folder.list()]
    if not names:
        found = "; ".join(faults) or "none found"
        return Item("models", Health.FAILS, found, "Install Mintaka again, or name a folder of models in mintaka.toml.")
    if faults:
        return Item("models", Health.WARNING, f"{', '.join(names)}; {'; '.join(faults)}", "Mend or remove the latter.")
    kept = "" if settings.model_memory is None else f"; {settings.model_memory / 2**30:.1f} GiB of weights stay loaded"
    return Item("models", Health.OK, ", ".join(names) + kept)


def _data_folder(path: Path) -> Item:
    import tempfile

    path = path.expanduser().absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = (error.strerror or "error").lower()
        advice = "Choose another with --data DIR, or make it writable."
        return Item("data folder", Health.FAILS, f"{path} is not writable ({reason})", advice)
    return Item("data folder", Health.OK, str(path) if existing == path else f"{path} (will be made)")


def _running(path: Path) -> Item:
    from mintaka.server.datafolder import running_server

    running = running_server(path)
    if running is None:
        return Item("running server", Health.OK, "none on this data folder")
    if _answers(running.http):
        return Item("running server", Health.OK, f"{running.http} (process {running.pid})")
    advice = "Start it again with `mintaka serve`; that tidies up."
    return Item("running server", Health.WARNING, f"{running.http} does not answer", advice)


def _answers(http: str) -> bool:
    import urllib.request

    # No proxy between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{http}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _port(settings: "Settings", running: Item) -> Item:
    from mintaka.server.binding import PortFault, bind

    name = f"port {settings.port}"
    try:
        bind(settings.host, settings.port).close()
    except PortFault as fault:
        if running.health is Health.OK and running.found.startswith(f"http://{settings.host}:{settings.port}"):
            return Item(name, Health.OK, "used by the running server")
        return Item(name, Health.WARNING, str(fault).split(". ")[0], "Choose another port with --port N.")
    return Item(name, Health.OK, "free")


def _web() -> Item:
    from mintaka.server.places import web_bundle

    if (web_bundle() / "index.html").is_file():
        return Item("web page", Health.OK, "built")
    advice = "Run `make web` in the source folder. Everything else works without it."
    return Item("web page", Health.WARNING, "not built", advice)
