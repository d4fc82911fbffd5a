"""``mintaka endpoints``, ``call``, ``jobs``, ``assets`` and ``token``, as a person meets them."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from mintaka.server.command import main


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


def mintaka(*args):
    """Run the command in this process: starting one for each would take longer than what it does."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict("os.environ", {"COLUMNS": "200", "NO_COLOR": "1"}),
        mock.patch.object(sys, "argv", ["mintaka", *map(str, args)]),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return Ended(code, out.getvalue(), err.getvalue())


POSTER = """
(params (prompt string "a red circle" "What to draw")
        (steps (int 1 4) 1)
        (style (choice "plain" "loud") "plain" "How")
        (names list ["a"])
        (key boolean false))
(let draw (get-capability "diffusers.generate"))
[(draw.textToImage prompt {:num_inference_steps steps :seed 1 :width 64 :height 64}) style names key]
"""


@pytest.fixture(scope="module")
def poster(server, tmp_path_factory):
    script = tmp_path_factory.mktemp("scripts") / "placard.mtk"
    script.write_text(POSTER)
    here = ("--data", server.data)
    made = mintaka(
        "endpoints", "publish", script, "--name", "placard", "--description", "Draws.", "--compute", 5, *here
    )
    assert made.stdout == "placard version 1\n", made.stderr
    yield here
    assert mintaka("endpoints", "unpublish", "placard", *here).stdout == "Withdrawn: version 1.\n"


def test_an_endpoint_is_a_command_with_its_parameters_as_options(poster, tmp_path):
    help = mintaka("call", "placard", "--help", *poster).stdout
    for part in ("Draws.", "--prompt", "What to draw", "[default: a red circle]", "1<=x<=4", "plain|loud", "--arg-key"):
        assert part in help
    line = ("--steps", 2, "--style", "loud", "--names", '["x"]', "--arg-key", "--out", tmp_path, "--json")
    done = mintaka("call", "placard", *line, *poster)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["result"][1:] == ["loud", ["x"], True]
    [picture] = told["pictures"]
    assert (tmp_path / "placard.png").stat().st_size > 0
    assert (picture["width"], picture["path"]) == (64, str(tmp_path / "placard.png"))

    # The job and the picture are there afterwards.
    assert told["job"] in mintaka("jobs", "list", *poster).stdout
    assert json.loads(mintaka("jobs", "show", told["job"], "--json", *poster).stdout)["state"] == "done"
    assert "over already" in mintaka("jobs", "cancel", told["job"], *poster).stdout
    again = mintaka("jobs", "retry", told["job"], *poster).stdout.strip()
    followed = mintaka("jobs", "follow", again, "--out", tmp_path, "--json", *poster)
    assert json.loads(followed.stdout)["result"][1] == "loud"
    listed = json.loads(mintaka("assets", "list", "--json", *poster).stdout)
    assert picture["asset"] in [each["asset"] for each in listed]
    got = mintaka("assets", "get", picture["asset"][:20], "--out", tmp_path / "got", *poster)
    assert got.stdout.endswith("(64 × 64)\n"), got.stderr
    assert len(list((tmp_path / "got").iterdir())) == 1


def test_what_is_wrong_with_a_call_is_told_with_an_exit_code(poster):
    for line, code, says in (
        (("placard", "--steps", 9), 2, "Invalid value for '--steps'"),
        (("placard", "--stepz", 1), 2, "--stepz"),
        (("nothing",), 1, "no such endpoint"),
        (("--steps", 1, "placard"), 1, "Say the name of the endpoint first"),
        (("placard", "--names", "[oh"), 1, "names is given as JSON"),
    ):
        done = mintaka("call", *line, *poster)
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr


def test_whoever_was_given_an_endpoint_calls_it_with_their_token_alone(server, poster):
    link = mintaka("caps", "share", "endpoint.call", "--endpoint", "placard", "--uses", 1, "--json", *poster).stdout
    guest = ("--url", server.url, "--token", json.loads(link)["token"])
    listed = mintaka("call", *guest)
    assert listed.stdout.startswith("placard"), listed.stderr
    assert "placard" in mintaka("call", *poster).stdout
    assert json.loads(mintaka("endpoints", "show", "placard", "--json", *poster).stdout)["source"] == POSTER


def test_tokens_are_made_listed_and_ended(server):
    here = ("--data", server.data)
    mintaka("users", "add", "tok", *here)
    token = mintaka("token", "create", "tok", "--name", "second", "--expires", "1h", *here).stdout.strip()
    assert mintaka("caps", "list", "--url", server.url, "--token", token).returncode == 0
    listed = json.loads(mintaka("token", "list", "--json", *here).stdout)
    [known] = [each for each in listed if each["principal"] == "tok" and each["name"] == "second"]
    assert known["expires"] is not None
    assert mintaka("token", "revoke", known["id"], *here).stdout == "It signs nobody in any more.\n"
    assert mintaka("caps", "list", "--url", server.url, "--token", token).returncode == 1
