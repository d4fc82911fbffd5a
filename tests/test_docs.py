"""Everything the README and docs/ show is run here, as a reader would run it.

Fenced blocks, by their language:

- ``mtk``: a script, run on a server. A last comment ``; => VALUE`` gives its value as JSON, or ``picture 256 × 256``.
  ``mtk error=KIND``: the script is refused with that kind.
- ``console``: lines after ``$`` are commands, run in an empty folder against the running server, whose address and
  token are in ``SERVER`` and ``TOKEN``; the other lines are what they print, in order, where ``…`` stands for anything.
  Commands that set a machine up are checked by name only.
- ``python``: run with ``url`` and ``token`` of the server defined.
- ``rpc``: a conversation with the server: ``→`` is sent, ``←`` is the answer, where ``"…"`` stands for any value.
"""

import asyncio
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as websocket

from mintaka.client import RemoteError, RemoteImage, connect
from mintaka.server.errors import CODES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += [ROOT / "models" / "starter" / "README.md"]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SETS_UP = (
    "git clone",
    "cd ",
    "make ",
    "pip install",
    "python -m build",
    "mintaka serve",
    "mintaka repl",
    "python -m models",
)
PATIENCE_S = 180


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    options: dict[str, str]
    body: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            language, _, rest = match["info"].partition(" ")
            options = dict(word.split("=", 1) for word in rest.split() if "=" in word)
            found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, options, match["body"]))
    return [block for block in found if block.language in languages]


def test_every_block_names_a_language_that_is_checked_here() -> None:
    checked = {"mtk", "console", "python", "rpc", "text", "json", "toml"}
    known = {*checked, ""}
    assert [str(block) for block in blocks(*known)] != []
    every = {match["info"].split(" ")[0] for page in PAGES for match in FENCE.finditer(page.read_text())}
    assert every - known == set()


@pytest.mark.parametrize("block", blocks("mtk"), ids=str)
async def test_script_runs(block: Block, server: Any) -> None:
    async with connect(server.url, server.token) as mintaka:
        if kind := block.options.get("error"):
            with pytest.raises(RemoteError) as caught:
                await mintaka.run(block.body)
            assert caught.value.kind == kind
            return
        value = await mintaka.run(block.body)
    expected = re.search(r"; => (.+)\s*$", block.body)
    if expected is None:
        return
    if size := re.fullmatch(r"picture (\d+) × (\d+)", expected[1]):
        assert isinstance(value, RemoteImage)
        assert (value.width, value.height) == (int(size[1]), int(size[2]))
    else:
        assert value == json.loads(expected[1])


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.mtk")))
def test_example_runs(name: str, server: Any) -> None:
    async def run(source: str) -> None:
        async with connect(server.url, server.token) as mintaka:
            await mintaka.run(source)

    asyncio.run(run((ROOT / "examples" / name).read_text()))


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*?".join(re.escape(part) for part in pattern.split("…")), text, re.DOTALL) is not None


def commands(block: Block) -> list[tuple[str, str]]:
    """The block's commands, each with what it should print."""
    parts = re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0].strip(), part.partition("\n")[2].strip()) for part in parts]


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_command_prints_what_the_page_says(block: Block, server: Any, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MINTAKA_DATA": str(server.data),
        "SERVER": server.http,
        "TOKEN": server.token,
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command, expected in commands(block):
        if command.startswith(SETS_UP):
            if command.startswith("make "):
                assert {word for word in shlex.split(command)[1:] if word.isalpha() and word.islower()} <= targets
            continue
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        printed = (done.stdout + done.stderr).strip()
        assert done.returncode == 0 or "error" in expected, printed
        assert not expected or matches(expected, printed), printed


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, server: Any, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    # Where torchvision's wheel does not fit torch's build, diffusers imports only after this.
    imports = "from mintaka.engine.worker.torchvision_operators import make_importable; make_importable()\n"
    program = f"url, token = {server.url!r}, {server.token!r}\n{imports * ('diffusers' in block.body)}{block.body}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr


def alike(expected: Any, actual: Any) -> bool:
    if expected == "…":
        return True
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() <= actual.keys() and all(alike(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(alike, expected, actual))
    if isinstance(expected, str) and isinstance(actual, str):
        return matches(expected, actual)
    return bool(expected == actual)


@pytest.mark.parametrize("block", blocks("rpc"), ids=str)
async def test_conversation_goes_as_the_page_says(block: Block, server: Any) -> None:
    async with websocket(server.url, max_size=None) as socket:
        for line in block.body.splitlines():
            arrow, _, frame = line.partition(" ")
            if arrow == "→":
                await socket.send(frame.replace("TOKEN", server.token))
            elif arrow == "←":
                answer = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
                assert alike(json.loads(frame), answer), answer


async def test_the_reference_says_what_the_server_says(server: Any) -> None:
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    generate = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generate)
    for name, text in (await generate.pages(server.url, server.token)).items():
        assert (ROOT / "docs" / "reference" / name).read_text() == text, "run `make docs`"


def test_every_error_kind_has_its_line() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    for kind, code in CODES.items():
        assert re.search(rf"^\| `{kind}` \| {code} \|", page, re.MULTILINE), f"docs/errors.md lacks {kind} ({code})"


def test_every_link_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_the_security_page_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    files = set(re.findall(r"`((?:tests|fuzz)/[\w/]+\.py)`", page))
    assert {name for name in files if not (ROOT / name).is_file()} == set()
    written = "".join((ROOT / name).read_text() for name in files)
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in written] == []
