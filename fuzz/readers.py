"""Fuzz the readers of text and JSON, guided by coverage: ``python -m fuzz.readers [SECONDS] [libFuzzer options]``.

Whatever comes in, only `SyntaxFault` may come out, in bounded time, and what is read survives being formatted, and
printed or written and read again. The checker, too, must bear every tree. An input that breaks this is kept in
fuzz/found/; give its path to run it again.
"""

import json
import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit(
        "This target needs atheris: pip install --group fuzz. It has wheels for CPython on x86-64 Linux and macOS."
    )

with atheris.instrument_imports(include=["mintaka.lang", "lark"]):
    from mintaka.lang import Node, SyntaxFault, check, from_json, parse, print_tree, to_json
    from mintaka.lang.formatter import format_source

from mintaka import stdlib
from mintaka.lang.forms import FORMS
from mintaka.runtime import OpTable

ROOT = Path(__file__).parents[1]
SIGNATURES = OpTable.of(*stdlib.modules).signatures
NAMES = [*FORMS, "+", "list.map", "std.call_method", "x", "f", "a.b", "", "é", "1a", "true"]
SCALARS = [None, True, False, 0, -0.0, 1, -7.5, 2**53, 2**70, 1e300, float("nan"), float("inf"), "\ud800", "k"]
DEEPEST = 600
CORPUS = ROOT / "fuzz" / "corpus"
"""Inputs that reached something new, kept from one run to the next."""
FOUND = ROOT / "fuzz" / "found"
LIMITS = [f"-artifact_prefix={FOUND}/", "-timeout=10", "-max_len=8192", "-rss_limit_mb=2048"]
"""An input may take ten seconds."""


def exactly(tree: Node) -> str:
    """A tree as text that tells 1 from true and 0 from -0."""
    return json.dumps(to_json(tree))


def hold(tree: Node) -> None:
    """The laws of a tree that was read."""
    check(tree, SIGNATURES)
    again = parse(print_tree(tree))
    assert again == tree
    assert exactly(again) == exactly(tree)
    again = from_json(json.loads(json.dumps(to_json(tree))))
    assert again == tree
    assert exactly(again) == exactly(tree)


def data(given: "atheris.FuzzedDataProvider", depth: int = 0) -> object:
    """JSON data, like a script more often than not."""
    kind = given.ConsumeIntInRange(0, 7)
    if depth > DEEPEST or not given.remaining_bytes():
        return None
    if kind <= 3:
        count = given.ConsumeIntInRange(0, 3)
        return [NAMES[given.ConsumeIntInRange(0, len(NAMES) - 1)], *[data(given, depth + 1) for _ in range(count)]]
    if kind == 4:
        return [data(given, depth + 1) for _ in range(given.ConsumeIntInRange(0, 3))]
    if kind == 5:
        return {given.ConsumeUnicode(3): data(given, depth + 1) for _ in range(given.ConsumeIntInRange(0, 2))}
    if kind == 6:
        return given.ConsumeUnicode(8)
    return SCALARS[given.ConsumeIntInRange(0, len(SCALARS) - 1)]


def one_input(raw: bytes) -> None:
    """A first byte of 0 or 1 says JSON; everything else is text."""
    text = None if raw[:1] in (b"\0", b"\1") else raw.decode("utf-8", "replace")
    try:
        tree = parse(text) if text is not None else from_json(data(atheris.FuzzedDataProvider(raw[1:])))
    except SyntaxFault:
        return
    hold(tree)
    if text is not None:
        laid_out = format_source(text)
        assert parse(laid_out) == tree
        assert format_source(laid_out) == laid_out


def main() -> None:
    """Hand over to libFuzzer, which ends the process."""
    seconds, options = "60", sys.argv[1:]
    if options and options[0].isdigit():
        seconds, *options = options
    CORPUS.mkdir(exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    for path in (ROOT / "examples").glob("*.mtk"):
        (CORPUS / path.name).write_bytes(path.read_bytes())
    for line in (ROOT / "tests" / "conformance" / "mintaka.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        (CORPUS / case["id"]).write_text(case["text"], encoding="utf-8")
    inputs = [] if any(not option.startswith("-") for option in options) else [str(CORPUS)]
    sys.setrecursionlimit(10_000)
    atheris.Setup([sys.argv[0], *LIMITS, f"-max_total_time={seconds}", *options, *inputs], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
