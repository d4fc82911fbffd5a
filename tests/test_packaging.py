"""The wheel carries everything a user needs, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CARRIED = (
    "lang",
    "runtime",
    "stdlib",
    "embedding",
    "capabilities",
    "engine",
    "library",
    "storage",
    "server",
    "client",
    "mintaka",
    "models",
    "web",
)


ADDED = [f"models/{path.name}" for path in sorted((ROOT / "models").glob("starter-*"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from links to this tree in another folder, so that no earlier build's leftovers can help it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        os.link(ROOT / name, folder / name)
    for name in CARRIED:
        (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "out", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [built] = (folder / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_it_carries_every_module(wheel: zipfile.ZipFile) -> None:
    rooms = CARRIED[:10]
    modules = {f"mintaka/{path.relative_to(ROOT)}" for room in rooms for path in (ROOT / room).rglob("*.py")}
    assert modules - set(wheel.namelist()) == set()


@pytest.mark.parametrize("folder", ["models/starter", *ADDED, "web/dist"])
def test_it_carries_the_model_and_the_page(wheel: zipfile.ZipFile, folder: str) -> None:
    files = {f"mintaka/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert files, f"{folder} is missing: run `make web`"
    assert files - set(wheel.namelist()) == set()


def test_it_carries_the_grammar_and_the_prelude(wheel: zipfile.ZipFile) -> None:
    assert {"mintaka/lang/grammar.lark", "mintaka/stdlib/prelude.mtk"} <= set(wheel.namelist())


def test_it_carries_nothing_that_only_developers_need(wheel: zipfile.ZipFile) -> None:
    unwanted = ("tests/", "recipe/", "node_modules", "__pycache__", "web/src", ".ts")
    assert [name for name in wheel.namelist() if any(part in name for part in unwanted)] == []
