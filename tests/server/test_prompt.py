"""``mintaka repl`` as somebody at the terminal meets it: directives, completion, several lines, help."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from mintaka.client import RemoteCapability, connect
from mintaka.lang.blocks import from_blocks
from mintaka.lang.parser import parse
from mintaka.server.command.completion import ScriptCompleter
from mintaka.server.command.directives import DIRECTIVES, directive
from mintaka.server.command.memory import FUNCTION, Memory, forms
from mintaka.server.command.plan import constant
from mintaka.server.command.repl import converse, prompt
from mintaka.server.command.session import Session

METHOD = {
    "name": "textToImage",
    "label": "Text to image",
    "description": "Draw.",
    "parameters": [
        {"name": "prompt", "type": "string", "description": "What to draw"},
        {"name": "options", "type": "object", "optional": True, "fields": [
            {"name": "num_steps", "alias": "numSteps", "type": "number", "description": "How many."},
            {"name": "seed", "alias": "seed", "type": "number", "description": "Which noise."},
        ]},
    ],
    "returnType": "image",
    "effects": "gpu", "cost": None, "cost_unit": None, "deterministic": True, "cancellable": False,
}  # fmt: skip
TYPE = {"type": "diffusers.generate", "label": "Generate", "description": "Make pictures.", "methods": [METHOD]}


def vocabulary():
    from mintaka.server.command.catalogue import installed
    from mintaka.server.command.vocabulary import Vocabulary

    memory = Memory()
    memory.learn("(let draw 1)", RemoteCapability("h", "diffusers.generate"))
    memory.learn("(let drawings [1])", [1])
    memory.learn('(define double [n] (seq "Twice." (* n 2)))', FUNCTION)
    return Vocabulary(installed()[0], [TYPE], memory)


WORDS = vocabulary()


def completions(text):
    found = ScriptCompleter(WORDS).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + each.start_position] + each.text for each in found]


class TestCompletion:
    @pytest.mark.parametrize(
        ("text", "among"),
        [
            ("(list.m", "(list.map"),
            ("(whi", "(while"),
            ("(std.whi", "(std.while"),
            ("(get_cap", "(get-capability"),
            ("(gen.be", "(gen.best-of"),
            ("(list.map dra", "(list.map drawings"),
            ("(dou", "(double"),
            ("(draw.t", "(draw.textToImage"),
            ("(draw.", "(draw.textToImage"),
            ('(draw.textToImage "a (b" {:num', '(draw.textToImage "a (b" {:numSteps'),
            ('(let x (get-capability "diff', '(let x (get-capability "diffusers.generate'),
            (":ti", ":time"),
            ("?list.ma", "?list.map"),
            ("?draw.te", "?draw.textToImage"),
        ],
    )
    def test_what_fits_is_offered(self, text, among):
        assert among in completions(text)

    @pytest.mark.parametrize("text", ["", "(", "(list.map [1] ", '"let', "(drawings.x", "{:se", "(log :se"])
    def test_where_nothing_is_known_nothing_is_offered(self, text):
        assert completions(text) == []

    def test_the_shortest_name_comes_first(self):
        assert completions("(draw")[0] == "(draw"

    def test_every_op_can_be_completed_to(self):
        for entry in WORDS.entries:
            name = str(entry["opcode"])
            if name[0].isalpha():
                spelled = {name, name.replace("_", "-")}
                assert spelled & {each.removeprefix("(") for each in completions(f"({name}")}


class TestMemory:
    def test_an_input_is_taken_form_by_form(self):
        assert forms('(let x 1) ; one\n(+ x\n  "é") x') == ["(let x 1)", '(+ x\n  "é")', "x"]
        assert forms("(seq 1 2)") == ["(seq 1 2)"]
        assert forms("(+ 1") == ["(+ 1"]
        assert forms("[1 2] {:a 1} 'x") == ["[1 2]", "{:a 1}", "'x"]

    def test_names_of_the_session_are_variables_of_an_input(self):
        assert WORDS.memory.tree("(double drawings)") == parse("(apply (var double) (var drawings))")
        assert WORDS.memory.tree("1 2") == parse("(seq 1 2)")
        assert Memory().tree("1") == parse("1")

    def test_help_is_found_for_everything_that_has_a_name(self):
        assert WORDS.help("double") == "(double n)\n\nTwice."
        assert WORDS.help("draw").startswith("draw is a variable of this session: diffusers.generate\n\n  (textToImage")
        assert WORDS.help("drawings") == "drawings is a variable of this session: list"
        assert ":numSteps  number  How many." in WORDS.help("draw.textToImage")
        assert WORDS.help("diffusers.generate.textToImage").startswith(
            "(diffusers.generate.textToImage prompt [options])"
        )
        assert WORDS.help("diffusers.generate").startswith("diffusers.generate: Make pictures.")
        assert WORDS.help("let").startswith("(std.let name value)")
        assert WORDS.help("lst.map").startswith("There is no lst.map. Did you mean list.map")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (":time (+ 1 2)", (":time", "(+ 1 2)")),
        ("?list.map", ("?", "list.map")),
        ("list.map?", ("?", "list.map")),
        ("? let", ("?", "let")),
        ("(f x?)", None),
        ("(+ 1 2)", None),
        ("? a b", None),
    ],
)
def test_directives_are_told_from_scripts(line, read):
    assert directive(line) == read


@pytest.mark.parametrize(
    ("source", "value"),
    [("5", (5,)), ("[1 [2]]", ([1, [2]],)), ('{:a [1] "b" null}', ({"a": [1], "b": None},)), ("'[a b]", (["a", "b"],)),
     ("[1 (+ 1 2)]", None), ("{:a (now)}", None), ("(+ 1 2)", None)],
)  # fmt: skip
def test_constants_are_told_from_what_must_be_run(source, value):
    assert constant(parse(source)) == value


@asynccontextmanager
async def session(server, tmp_path):
    """A session with a real server, and what it said and complained of."""
    said, complaints = [], []
    async with connect(server.url, server.token) as connection:
        made = Session(connection, tmp_path, Console(quiet=True), said.append, complaints.append)
        await made.learn_words()
        yield made, said, complaints


async def after(server, tmp_path, *lines):
    async with session(server, tmp_path) as (made, said, complaints):
        for line in lines:
            said.clear()
            complaints.clear()
            await made.take(line)
        return "\n".join(said), "\n".join(complaints)


class TestDirectives:
    async def test_time_tells_what_a_form_took(self, server, tmp_path):
        said, _ = await after(server, tmp_path, ":time (for n (list.range 1 100) n)")
        assert re.fullmatch(r"null\n[\d.,]+ ms, 1\d\d units of fuel, 0 calls", said)

    async def test_plan_tells_what_would_be_called_and_runs_nothing(self, server, tmp_path):
        held = '(let draw (get-capability "diffusers.generate"))'
        said, _ = await after(
            server, tmp_path, held, ':plan (list.map [1 2] (lambda [s] (draw.textToImage "a" {:seed s})))'
        )
        assert said == (
            "calls  list.map, list.new, std.lambda, std.call_method, obj.new\n"
            "needs  diffusers.generate\n"
            "  diffusers.generate.textToImage: gpu, costs width * height * num_inference_steps * batch"
        )
        said, _ = await after(server, tmp_path, held, ':plan (draw.textToImage "a" {:width 128 :height 128 :batch 2})')
        assert re.search(r"textToImage: gpu, costs [\d.]+ megapixel-steps$", said)
        said, _ = await after(server, tmp_path, f':plan (seq {held} (draw.textToImage "a" {{:width 99999}}))')
        assert "must be from 8 to" in said
        assert not list(tmp_path.iterdir())

    async def test_a_plan_of_what_would_not_run_says_why(self, server, tmp_path):
        said, complained = await after(server, tmp_path, "(let x 1)", ":plan (+ x y)")
        assert said == ""
        assert complained.startswith("input:1:6: Nothing binds `y`.\n  (+ x y)\n       ^")

    async def test_json_shows_the_tree(self, server, tmp_path):
        said, _ = await after(server, tmp_path, "(define double [n] (* 2 n))", ":json (double 3)")
        assert json.loads(said) == ["std.apply", ["std.var", "double"], 3]
        _, complained = await after(server, tmp_path, "(let x 1)", ":json (+ x]")
        assert complained.startswith("input:1:5:")

    async def test_blocks_are_those_of_the_tree(self, server, tmp_path):
        said, _ = await after(server, tmp_path, "(let x 1)", ":blocks (list.len [x 2])")
        assert from_blocks(json.loads(said)) == parse("(list.len [(var x) 2])")

    async def test_variables_and_capabilities_are_listed(self, server, tmp_path):
        lines = ('(let cap (get-capability "diffusers.generate"))', "(let xs [1 2])", "(define f [] 1)")
        said, _ = await after(server, tmp_path, *lines, ":vars")
        assert said == "cap  diffusers.generate\nf    function\nxs   list  [1, 2]"
        said, _ = await after(server, tmp_path, ":caps")
        assert "diffusers.generate: textToImage, " in said
        assert (await after(server, tmp_path, ":vars"))[0].startswith("Nothing is bound yet")

    async def test_a_session_can_be_saved_and_loaded_again(self, server, tmp_path):
        path = tmp_path / "session.mtk"
        said, _ = await after(
            server, tmp_path, "(let x 2) (define f [n]\n  (* n x))", "(oops)", "(f 21)", f":save {path}"
        )
        assert said == f"3 forms saved in {path}"
        assert path.read_text() == "(let x 2)\n(define f [n]\n  (* n x))\n(f 21)\n"
        said, _ = await after(server, tmp_path, f":load {path}", "(f x)")
        assert said == "4"
        assert "cannot be read" in (await after(server, tmp_path, f":load {tmp_path}"))[1]
        assert "cannot be written" in (await after(server, tmp_path, f":save {tmp_path}"))[1]

    async def test_what_is_no_directive_is_answered(self, server, tmp_path):
        assert (await after(server, tmp_path, ":tiem 1"))[1] == "There is no :tiem; see :help."
        assert (await after(server, tmp_path, ":time"))[1] == ":time wants a form behind it; see :help."
        said, _ = await after(server, tmp_path, ":help")
        assert all(name in said for name in DIRECTIVES)
        assert (await after(server, tmp_path, "?list.len"))[0].startswith("(list.len items) → number")

    async def test_an_error_stands_below_its_line_and_the_forms_behind_it_are_not_run(self, server, tmp_path):
        said, complained = await after(server, tmp_path, "(let x 1)", "1 (list.len\n  x) 2")
        assert said == "1"
        assert complained.startswith("input:1:")
        assert re.search(r"\n  \(list.len\n +\^", complained)


async def test_at_the_terminal_an_input_goes_on_until_its_brackets_close(server, tmp_path):
    async with session(server, tmp_path) as (made, said, complaints):
        with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
            history = InMemoryHistory()
            keys.send_text("(let x\r20)\r")
            keys.send_text("(+ x 1)\r")
            keys.send_text("\x10\x10\x03")  # back in the history, then drop the line
            keys.send_text(":quit\r")
            async with asyncio.timeout(60):
                await converse(made, prompt(made.vocabulary, history))
        assert said == ["20", "21"]
        assert complaints == []
        assert list(history.load_history_strings()) == [":quit", "(+ x 1)", "(let x\n  20)"]


async def test_the_end_of_the_input_ends_the_session(server, tmp_path):
    async with session(server, tmp_path) as (made, said, _):
        with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
            keys.send_text("(+ 1 2)\r\x04")
            async with asyncio.timeout(60):
                await converse(made, prompt(made.vocabulary, InMemoryHistory()))
        assert said == ["3"]
