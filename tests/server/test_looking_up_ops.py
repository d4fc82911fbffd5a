import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mintaka.server.command import app, catalogue

ENTRIES, _ = catalogue.installed()
TYPES = catalogue.installed_types()


def shown(*args):
    return CliRunner().invoke(app, ["ops", *args])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("list.map", "list.map"),
        ("let", "std.let"),
        ("with-timeout", "std.with_timeout"),
        ("get-capability", "get_capability"),
        ("gen.best-of", "gen.best_of"),
        ("-", "-"),
        ("std.if", "std.if"),
        ("log", "std.log"),
    ],
)
def test_an_op_is_found_however_a_script_may_write_it(written, name):
    entry = catalogue.find(written, ENTRIES)
    assert entry is not None
    assert entry["opcode"] == name


def test_everything_a_script_can_call_is_in_the_table():
    table = shown().stdout
    assert [entry["opcode"] for entry in ENTRIES if f"({entry['opcode']}" not in table] == []
    lines = table.splitlines()
    assert lines[0] == "Arithmetic"
    assert "Generation" in lines


def test_a_page_says_how_it_is_called_what_it_does_and_shows_an_example():
    page = shown("list.sort").stdout
    assert page.startswith("(list.sort items [compare]) → list\n\nA new list in order")
    assert '> (list.sort ["pear" "fig"])\n["fig" "pear"]' in page
    assert "\n  items  list\n" in page


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    said = subprocess.run([sys.executable, "-m", "mintaka", "ops", "mapp"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "mintaka: There is no op mapp. Did you mean par.map, list.map, obj.map, std.apply?\n"
    assert catalogue.near("lst.map", ENTRIES)[0] == "list.map"


def test_the_first_part_of_names_shows_all_that_begin_so():
    lines = shown("par").stdout.splitlines()
    assert lines[0] == "In parallel"
    assert all(line.startswith("  (par.") for line in lines[1:])
    assert "sys.mint.mint" in {each["opcode"] for each in json.loads(shown("sys", "--json").stdout)}


def test_a_search_looks_at_names_and_help():
    names = [entry["opcode"] for entry in json.loads(shown("--search", "SEED", "--json").stdout)]
    assert "gen.variations" in names
    assert "list.map" not in names
    assert shown("--search", "nothing has this word").exit_code == 1


def test_json_is_what_editors_get():
    assert json.loads(shown("list.map", "--json").stdout) == catalogue.find("list.map", ENTRIES)
    methods = catalogue.methods([*TYPES, *catalogue.picture_type()])
    assert json.loads(shown("--json").stdout) == [*ENTRIES, *methods]
    assert json.loads(shown("fs.read", "--json").stdout) == next(each for each in TYPES if each["type"] == "fs.read")


def test_a_type_says_what_its_capabilities_can_do_and_be_restricted_by():
    page = shown("fs.read").stdout
    assert page.startswith("fs.read: Read texts in folders")
    assert "  (read path)  Read\n" in page
    assert "\n  max_bytes    Largest file (bytes)\n" in page


def test_a_method_says_what_it_takes_and_costs():
    page = shown("diffusers.generate.textToImage").stdout
    assert page.startswith("(cap.textToImage prompt [options]) → image\n")
    assert "gpu · costs width * height * num_inference_steps * batch pixel-steps · deterministic · cancellable" in page
    assert "\n  :width              number 8–4096 (px)  Of the finished picture; left out" in page


@pytest.mark.parametrize(
    ("line", "offered"), [("ops list.ma", "list.map"), ("ops fs.re", "fs.read.list"), ("caps share net", "net.http")]
)
def test_the_shell_completes_names(line, offered):
    words = ["mintaka", *line.split()]
    env = {"_MINTAKA_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    assert offered in CliRunner().invoke(app, [], prog_name="mintaka", env=env).stdout.splitlines()


def test_without_the_server_the_language_is_told_and_what_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mintaka.capabilities")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    entries, complete = catalogue.installed()
    assert not complete
    assert {"list.map", "std.let", "gen.grid"} <= {entry["opcode"] for entry in entries}
    assert "mintaka[server]" in shown("list.map").output


def test_the_methods_of_pictures_are_looked_up_as_those_of_types_are():
    assert "(picture.resize width [height] [options]) → image" in shown("image.resize").stdout
    page = shown("image").stdout
    assert "(crop left top width height)" in page
    assert "restricted" not in page
