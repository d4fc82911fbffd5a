"""What the architecture promises and a linter of imports cannot see."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = ("lang", "runtime", "stdlib", "embedding", "capabilities", "engine", "library", "storage", "server", "client")
ROOTS = ("server", "embedding")
POWERS = {
    "os": {"environ", "environb", "getenv", "getcwd", "urandom", "putenv"},
    "sys": {"argv"},
    "time": {"time", "time_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "random": {"random", "randint", "randrange", "choice", "getrandbits", "seed", "shuffle"},
    "secrets": {"token_bytes", "token_hex", "token_urlsafe", "randbits", "choice"},
}
"""What makes authority out of nothing: to be found in the composition roots only, which pass it down."""


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_folder_with_code_is_packaged() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {"mintaka." + ".".join(path.parent.relative_to(ROOT).parts) for path in sources(*ROOMS)}
    assert found - listed == set(), "add the folder to tool.setuptools.packages in pyproject.toml"
    assert {name for name in listed if name.count(".") and name.split(".")[1] in ROOMS} - found == set()


def test_every_room_is_importable_through_one_relative_link() -> None:
    for room in (*ROOMS, "web", "models"):
        link = ROOT / "mintaka" / room
        assert link.is_symlink(), f"mintaka/{room} should be a symlink"
        assert link.readlink() == Path("..") / room


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools", "stuff"}
    assert [relative(path) for path in sources(*ROOMS) if path.stem in empty or path.parent.name in empty] == []


@pytest.mark.parametrize("path", sources(*(room for room in ROOMS if room not in ROOTS)), ids=relative)
def test_powers_are_passed_in_below_the_server(path: Path) -> None:
    reached = [
        f"{node.value.id}.{node.attr} (line {node.lineno})"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in POWERS.get(node.value.id, ())
    ]
    assert reached == [], "take the power as an argument instead; server/app.py makes it"


@pytest.mark.parametrize("module", ["mintaka.server.app", "mintaka.server.command", "mintaka.client", "mintaka.engine"])
def test_deep_learning_libraries_stay_out_of_the_server_process(module: str) -> None:
    code = f"import sys, {module}; print(*{{'torch', 'diffusers', 'transformers', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_import_contract_holds() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
