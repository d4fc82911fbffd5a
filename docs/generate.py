"""Write docs/reference from what a server tells of its ops and capabilities: ``make docs``.

The pages are made from the same answers that editors get, so they cannot say anything else. A test holds them to it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from mintaka.capabilities.pictures import IMAGE, listing
from mintaka.client import connect
from mintaka.lang.documentation import usage

REFERENCE = Path(__file__).parent / "reference"
MOST_CHOICES = 8
"""Longer lists are not written out; a client is told them."""

NOTICE = "<!-- Written by `make docs`; edit the docstrings it is made from. -->\n"


def ops_page(ops: Iterable[Mapping[str, Any]]) -> str:
    """The page of all ops: by category, each with its call, what it does and an example."""
    parts = [f"{NOTICE}\n# Ops\n\nEverything a script can call, besides the methods of capabilities.\n"]
    by_category = itemgetter("category")
    for category, members in groupby(sorted(ops, key=by_category), by_category):
        parts.append(f"\n## {category}\n")
        parts += map(_op, sorted(members, key=itemgetter("opcode")))
    return "".join(parts)


def _op(op: Mapping[str, Any]) -> str:
    text = f"\n### `{usage(op)}` → {op['returnType']}\n\n{op['description']}\n"
    examples = [f"{each['source']}\n; is {each['result']}" for each in op["examples"]]
    return text + (f"\n```mtk\n{chr(10).join(examples)}\n```\n" if examples else "")


def capabilities_page(types: Iterable[Mapping[str, Any]]) -> str:
    """The page of all capability types and of pictures: their methods with every option, and their restrictions."""
    parts = [f"{NOTICE}\n# Capability types\n\nWhat an unrestricted capability of each type offers.\n"]
    for each in [*types, listing()]:
        parts.append(f"\n## `{each['type']}`\n\n{each['description']}\n")
        parts += (_method(method, "picture" if each["type"] == IMAGE.name else "cap") for method in each["methods"])
        rows = [f"| `{rule['name']}` | {rule['description']} | {rule['unit']} |\n" for rule in each["restrictable"]]
        if rows:
            parts.append("\n### Restrictions\n\n| name | means | unit |\n|---|---|---|\n" + "".join(rows))
    return "".join(parts)


def _method(method: Mapping[str, Any], held: str) -> str:
    called = usage({**method, "opcode": f"{held}.{method['name']}"})
    text = f"\n### `{called}` → {method['returnType']}\n\n{method['description']}\n\n{_facts(method)}\n"
    rows = [_row(each) for each in method["parameters"] if "fields" not in each]
    rows += [_row(each) for option in method["parameters"] for each in option.get("fields", ())]
    if rows:
        text += "\n| name | type | default | range | means |\n|---|---|---|---|---|\n" + "".join(rows)
    return text


def _facts(method: Mapping[str, Any]) -> str:
    """What a call does, takes and may fail with, in a line."""
    facts = [f"Effect: {method['effects']}"]
    facts += [f"cost: `{method['cost']}` {method['cost_unit']}"] if method["cost"] else []
    facts += [f"progress by {method['progress']}"] if method["progress"] else []
    facts += [word for word in ("deterministic", "cancellable") if method[word]]
    errors = ", ".join(f"`{kind}`" for kind in method["errors"])
    return f"{'; '.join(facts)}. Errors: {errors}."


def _row(parameter: Mapping[str, Any]) -> str:
    default = parameter.get("default")
    shown = "" if default in (None, "") else f"`{json.dumps(default, ensure_ascii=False)}`"
    low, high, unit = parameter.get("minimum"), parameter.get("maximum"), parameter.get("unit", "")
    reach = (
        "" if low is None and high is None else f"{'' if low is None else low} – {'' if high is None else high} {unit}"
    )
    means = parameter["description"]
    if parameter["type"] == "string" and 0 < len(parameter.get("choices", ())) <= MOST_CHOICES:
        means += " One of " + ", ".join(f"`{each}`" for each in parameter["choices"]) + "."
    for other, values in parameter.get("visible_if", {}).items():
        means += f" Only where `{other}` is {' or '.join(f'`{each}`' for each in values)}."
    return f"| `{parameter['name']}` | {parameter['type']} | {shown} | {reach.strip()} | {means} |\n"


async def pages(url: str, token: str) -> dict[str, str]:
    """Every page of the reference by file name, as the server at ``url`` has it."""
    async with connect(url, token) as server:
        ops: Any = await server.call("get_opcodes", {})
        types: Any = await server.call("get_capability_metadata", {})
    return {"ops.md": ops_page(ops), "capabilities.md": capabilities_page(types)}


def main() -> None:
    """Ask a fresh server, write the pages."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "mintaka", "serve", "--port", "0", "--data", data, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            written = asyncio.run(pages(ready["url"], ready["token"]))
            server.terminate()
    REFERENCE.mkdir(exist_ok=True)
    for name, text in written.items():
        (REFERENCE / name).write_text(text)


if __name__ == "__main__":
    main()
