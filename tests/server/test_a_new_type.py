"""A capability type is one class in one file: whoever writes one finds it everywhere without another line."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mintaka.client import RemoteError, connect

ROOT = Path(__file__).resolve().parents[2]

TYPE = '''
from typing import Annotated

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.order import AtMost
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase


class GreetRestrictions(Restrictions):
    """How loud."""

    max_volume: AtMost = restriction("Loudest greeting", unit="dB", least=1)


class GreetOptions(Options):
    """How to greet."""

    volume: int = option(3, label="Volume", help="How loud.", unit="dB", ge=1, le=9, narrowed_by="max_volume",
                         phase=Phase.OUTPUT)


@capability("toy.greet", label="Greetings", restrictions=GreetRestrictions)
class Greet:
    """Greet people."""

    @method(effects=Effect.PURE, deterministic=True)
    async def say_hello(self, use: Use, name: Annotated[str, "Whom"], options: GreetOptions) -> str:
        """Say hello to somebody."""
        use.permit(max_volume=options.volume)
        return f"hello {name}" + "!" * options.volume
'''

PROGRAM = """
import sys
import toy_greet
from mintaka.capabilities import types
types.MODULES += (toy_greet,)
from mintaka.server.command import main
sys.argv[0] = "mintaka"
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the file of the type, and a program that is `mintaka` with that type named in it."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy_greet.py").write_text(TYPE)
    (folder / "program.py").write_text(PROGRAM)
    return folder


@pytest.fixture(scope="module")
def mintaka(folder):
    """The server of that program, as where it is."""
    command = [sys.executable, str(folder / "program.py"), "serve", "--port", "0", "--data", str(folder / "data")]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as server:
        yield json.loads(server.stdout.readline())
        server.terminate()


def command(folder, *args):
    return subprocess.run(
        [sys.executable, str(folder / "program.py"), *args], capture_output=True, text=True, check=False
    )


async def test_it_is_in_the_metadata_and_can_be_called_over_the_wire(mintaka):
    async with connect(mintaka["url"], mintaka["token"]) as server:
        told = next(each for each in await server.call("get_capability_metadata") if each["type"] == "toy.greet")
        [method] = told["methods"]
        assert (told["label"], method["name"], method["returnType"]) == ("Greetings", "sayHello", "string")
        [volume] = method["parameters"][1]["fields"]
        assert (volume["minimum"], volume["maximum"], volume["unit"], volume["default"]) == (1, 9, "dB", 3)
        script = (
            '(let greet (delegate (get-capability "toy.greet") {:max_volume 2})) (greet.sayHello "Ann" {:volume 2})'
        )
        assert await server.run(script) == "hello Ann!!"
        assert await server.call("toy.greet.sayHello", ["Ann"]) == "hello Ann!!!"
        with pytest.raises(RemoteError, match="`max_volume`"):
            await server.run(script.replace(":volume 2", ":volume 3"))
        document = await server.call("get_capability_metadata", {"if_rev": ""})
        key = next(each["as"] for each in document["capabilities"] if each["type"] == "toy.greet")
        assert document["types"][key]["options"]["GreetOptions"]["properties"]["volume"]["maximum"] == 9


async def test_an_editor_of_blocks_makes_a_block_of_its_method(mintaka):
    """By the rule by which ViwoScript's makes them: a slot a parameter, those of objects take blocks."""
    async with connect(mintaka["url"], mintaka["token"]) as server:
        types = await server.call("get_capability_metadata")
        blocks = {
            f"{each['type']}.{method['name']}": {
                parameter["name"]: "block" if parameter["type"] == "object" else parameter["type"]
                for parameter in method["parameters"]
            }
            for each in types
            for method in each["methods"]
        }
        assert blocks["toy.greet.sayHello"] == {"name": "string", "options": "block"}


async def test_it_is_in_the_reference(mintaka):
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    page = (await generate.pages(mintaka["url"], mintaka["token"]))["capabilities.md"]
    assert "## `toy.greet`\n\nGreet people." in page
    assert "### `(cap.sayHello name [options])` → string" in page
    assert "| `volume` | number | `3` | 1 – 9 dB | How loud. |" in page
    assert "| `max_volume` | Loudest greeting | dB |" in page


def test_it_is_in_the_terminal(folder):
    page = command(folder, "ops", "toy.greet").stdout
    assert page.startswith("toy.greet: Greet people.\n\n  (sayHello name [options])  Say hello")
    assert "max_volume   Loudest greeting (dB)" in page
    assert ":volume  number 1–9 (dB)  How loud." in command(folder, "ops", "toy.greet.sayHello").stdout
    assert "Did you mean toy.greet.sayHello" in command(folder, "ops", "toy.greet.sayHallo").stderr


def test_the_checker_knows_it(folder):
    script = folder / "greet.mtk"
    script.write_text('(let greet (get-capability "toy.greet"))\n(greet.sayHello "Ann" {:volum 2})\n')
    said = command(folder, "check", str(script))
    assert said.returncode == 1
    assert "Did you mean `volume`?" in said.stdout
