"""A file whose name ends in .json holds the JSON form of a script."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mintaka.server.command import app
from mintaka.server.command.faults import CommandFault
from mintaka.server.command.run import script_in


def check(path):
    return CliRunner().invoke(app, ["check", str(path)])


def test_it_is_checked_as_that_and_places_are_paths_into_it(tmp_path):
    path = tmp_path / "draft.json"
    path.write_text('["std.seq", ["std.lgo", 1]]')
    said = check(path)
    assert said.exit_code == 1
    assert f"{path}: /1/0\nerror: There is no op `std.lgo`.\nDid you mean `std.log`?" in said.stdout
    path.write_text('["+", 1, 2]')
    assert "gives number" in check(path).stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1", "draft.json is no JSON: line 1, column 3"),
        ('"(+ 1 2)"', 'draft.json holds no script: the JSON form of one is a list, like ["+", 1, 2].'),
        ("[" * 100_000, "draft.json is nested too deeply."),
    ],
)
def test_what_holds_no_script_is_told_in_a_line(text, words):
    with pytest.raises(CommandFault) as caught:
        script_in(text, "draft.json")
    assert words in str(caught.value)


def test_only_texts_are_formatted(tmp_path):
    path = tmp_path / "draft.json"
    path.write_text('["+",1,2]')
    said = CliRunner().invoke(app, ["fmt", str(path)])
    assert isinstance(said.exception, CommandFault)
    assert path.read_text() == '["+",1,2]'


def test_it_runs_and_its_faults_are_told_by_path(server, tmp_path):
    def run(script):
        path = tmp_path / "draft.json"
        path.write_text(json.dumps(script))
        command = ["run", str(path), "--url", server.url, "--token", server.token]
        return subprocess.run([sys.executable, "-m", "mintaka", *command], capture_output=True, text=True, check=False)

    assert run(["+", 1, ["*", 2, 3]]).stdout == "7\n"
    assert "draft.json at /1/0: There is no op `std.lgo`." in run(["std.seq", ["std.lgo", 1]]).stderr
