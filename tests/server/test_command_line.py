"""The ``mintaka`` command as a person or a script meets it."""

import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image

DRAW = """(let draw (get-capability "diffusers.generate")) \
(draw.textToImage "a red circle" {:num_inference_steps 2 :seed 7})
"""


def mintaka(*args, stdin=None, env=None, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "mintaka", *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **(env or {})},
        check=False,
    )


def test_run_prints_a_value_of_the_running_server(server):
    ended = mintaka("run", "-", "--data", server.data, stdin="(+ 1 2)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "3\n", "")


def test_run_saves_pictures_under_good_names_and_overwrites_nothing(server, tmp_path):
    script = tmp_path / "circle.mtk"
    script.write_text(DRAW)
    first = mintaka("run", script, "--out", tmp_path / "out", "--data", server.data)
    assert first.returncode == 0, first.stderr
    picture = tmp_path / "out" / "circle.png"
    assert str(picture) in first.stdout
    with Image.open(picture) as image:
        assert image.size[0] > 0
    mintaka("run", script, "--out", tmp_path / "out", "--data", server.data)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["circle.png"]
    script.write_text(DRAW.replace(":seed 7", ":seed 8"))
    other = mintaka("run", script, "--out", tmp_path / "out", "--data", server.data, "--json")
    told = json.loads(other.stdout)
    assert told["pictures"][0]["path"] == str(tmp_path / "out" / "circle-2.png")
    assert told["pictures"][0]["seed"] == 8
    assert told["result"]["path"] == told["pictures"][0]["path"]
    assert told["used"]["calls"] == 1


def test_run_fills_in_parameters(server):
    source = '(params (name string "you") (times (int 1 3) 2)) [name times]'
    ended = mintaka("run", "-", "-p", "name=me", "--param", "times=3", "--data", server.data, stdin=source)
    assert ended.stdout == '[\n  "me",\n  3\n]\n'


def test_run_shows_where_a_mistake_stands(server):
    ended = mintaka("run", "-", "--data", server.data, stdin="(+ 1\n   (list.mpa [1] 2))")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "<stdin>:2:5:" in ended.stderr
    assert "\n     (list.mpa [1] 2))\n" in ended.stderr
    assert "^" in ended.stderr
    assert "list.map" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_tells_programs_what_went_wrong(server):
    ended = mintaka("run", "-", "--json", "--data", server.data, stdin='(std.throw "boom")')
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["data"]["kind"] == "thrown"


def test_run_starts_a_server_where_none_runs_and_ends_it(tmp_path):
    ended = mintaka("run", "-", "--data", tmp_path / "data", stdin="(+ 1 2)")
    assert (ended.returncode, ended.stdout) == (0, "3\n"), ended.stderr
    assert (tmp_path / "data" / "mintaka.db").exists()
    assert not (tmp_path / "data" / "server.json").exists()


def test_run_says_why_no_server_can_be_started(tmp_path):
    (tmp_path / "file").write_text("")
    ended = mintaka("run", "-", "--data", tmp_path / "file" / "data", stdin="1")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "is not writable" in ended.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "missing.mtk"], "missing.mtk cannot be read"),
        (["run", "-", "-p", "x"], "--param takes name=value"),
        (["run", "-", "--url", "ws://127.0.0.1:9", "--token", "x"], "No server answers at ws://127.0.0.1:9"),
        (["models", "info", "statrer"], "starter"),
    ],
)
def test_what_a_person_can_mend_is_one_line(args, said, tmp_path):
    ended = mintaka(*args, stdin="1", cwd=tmp_path)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert said in ended.stderr


def test_control_c_cancels_the_job(server, tmp_path):
    # The log line on stderr says that the script is running.
    running = subprocess.Popen(
        [sys.executable, "-m", "mintaka", "run", "-", "--data", str(server.data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is started in the background of a shell inherits that the signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with running:
        assert running.stdin is not None
        assert running.stderr is not None
        # A thousand steps: a loop would use up its fuel before the signal comes where much else goes on.
        running.stdin.write('(log "begun") (let draw (get-capability "diffusers.generate")) ')
        running.stdin.write('(draw.textToImage "a red circle" {:num_inference_steps 1000})')
        running.stdin.close()
        assert running.stderr.readline() == "begun\n"
        running.send_signal(signal.SIGINT)
        assert running.stderr.readline() == "Cancelled.\n"
        assert running.wait(30) == 130
    ended = mintaka("run", "-", "--data", server.data, "--url", server.url, "--token", server.token, stdin="(+ 1 2)")
    assert ended.stdout == "3\n"


def test_the_repl_works_over_a_pipe_and_joins_lines_until_brackets_close(server, tmp_path):
    stdin = f'(+ 1 2)\n(str.concat "a"\n  "b")\n(nonsense)\n{DRAW}'
    ended = mintaka("repl", "--data", server.data, "--out", tmp_path, stdin=stdin)
    lines = ended.stdout.splitlines()
    assert lines[:2] == ["3", '"ab"']
    assert str(tmp_path / "picture.png") in ended.stdout
    assert (tmp_path / "picture.png").exists()
    assert "nonsense" in ended.stderr
    assert ended.returncode == 1


def test_the_repl_remembers_what_was_bound(server):
    stdin = """
    (let x 20)
    (let "odd name" 1)
    (let cap (get-capability "diffusers.generate"))
    (define double [n] (* 2 n))
    (let add (lambda [a b] (+ a b)))
    (set x 21)
    (add (double x) 0)
    (str.len (json.stringify (cap.models)))
    (double y)
    """
    ended = mintaka("repl", "--json", "--data", server.data, stdin=stdin)
    lines = ended.stdout.splitlines()
    assert lines[6] == "42", ended.stderr
    assert int(lines[7]) > 10
    assert "input:1:" in ended.stderr
    assert "(double y)" in ended.stderr


def test_check_finds_mistakes_without_a_server(tmp_path):
    right = mintaka("check", "-", stdin="(+ 1 2)", env={"MINTAKA_DATA": str(tmp_path / "none")})
    assert (right.returncode, right.stdout) == (0, "<stdin>: no mistakes found\n  gives number\n")
    wrong = mintaka("check", "-", stdin="(list.mpa [1] 2)")
    assert wrong.returncode == 1
    assert "^^^^^^^^" in wrong.stdout
    assert "list.map" in wrong.stdout
    told = json.loads(mintaka("check", "-", "--json", stdin="(if)").stdout)
    assert told["ok"] is False
    assert told["diagnostics"][0]["code"] == "arity"


def test_check_tells_what_a_script_takes_needs_and_gives():
    source = (
        '(params (prompt string "a cat" "What to draw") (steps (int 1 50)))\n'
        '(let draw (get-capability "diffusers.generate"))\n'
        "(if (has-capability prompt) (get-capability prompt))\n"
        "(draw.textToImage prompt {:num_inference_steps steps})"
    )
    told = mintaka("check", "-", stdin=source)
    assert told.returncode == 0, told.stdout
    assert told.stdout.splitlines() == [
        "<stdin>: no mistakes found",
        '  takes prompt: string = "a cat"   What to draw',
        "  takes steps: int from 1 to 50",
        "  needs diffusers.generate, for textToImage",
        "  needs a capability whose type is computed at run time",
        "  knows prompt: string",
        "  knows steps: number",
        "  knows draw: diffusers.generate | null",
        "  gives list | image",
    ]


def test_check_takes_several_scripts_and_can_let_warnings_count(tmp_path):
    wrong, doubtful = tmp_path / "wrong.mtk", tmp_path / "doubtful.mtk"
    wrong.write_text('(let draw (get-capability "diffusers.generate"))\n(draw.textToImage "a cat" {:widht 8})')
    doubtful.write_text("(let unused 1)\n(log 2)")
    both = mintaka("check", doubtful, wrong)
    assert both.returncode == 1
    assert f"{wrong}:2:" in both.stdout
    assert "Did you mean `width`?" in both.stdout
    assert both.stdout.splitlines()[-1] == "2 scripts: 1 error, 1 warning"
    lines = [json.loads(line) for line in mintaka("check", "--json", doubtful, wrong).stdout.splitlines()]
    assert [(line["file"], line["ok"]) for line in lines] == [(str(doubtful), True), (str(wrong), False)]
    assert mintaka("check", doubtful).returncode == 0
    assert mintaka("check", "--strict", doubtful).returncode == 1


def test_serve_runs_a_first_script_and_ends(tmp_path):
    script = tmp_path / "hello.mtk"
    script.write_text(DRAW)
    ended = mintaka(
        "serve", "--port", "0", "--data", tmp_path / "data", "--run", script, "--once", "--out", tmp_path / "pictures"
    )
    assert ended.returncode == 0, ended.stderr
    assert "/#token=" in ended.stdout
    assert str(tmp_path / "pictures" / "hello.png") in ended.stdout
    assert (tmp_path / "pictures" / "hello.png").exists()


def test_serve_says_when_the_first_script_fails(tmp_path):
    script = tmp_path / "hello.mtk"
    script.write_text("(nonsense)")
    ended = mintaka("serve", "--port", "0", "--data", tmp_path / "data", "--run", script, "--once")
    assert ended.returncode == 1
    assert "hello.mtk:1:2" in ended.stderr


def test_models_tell_what_they_can_draw():
    assert "starter" in mintaka("models", "list").stdout
    told = mintaka("models", "info", "starter").stdout
    assert "circle" in told
    assert "Prompts to try:" in told
    assert json.loads(mintaka("models", "info", "starter", "--json").stdout)["id"] == "starter"


def test_caps_are_listed_over_the_wire(server):
    listed = json.loads(mintaka("caps", "list", "--json", "--data", server.data).stdout)
    assert {"sys.mint", "diffusers.generate"} <= {each["type"] for each in listed}
    assert "diffusers.generate" in mintaka("caps", "list", "--data", server.data).stdout


def test_doctor_finds_a_healthy_machine(server):
    port = server.http.rpartition(":")[2]
    ended = mintaka("doctor", "--json", "--data", server.data, "--port", port)
    told = json.loads(ended.stdout)
    found = {item["name"]: item for item in told["items"]}
    assert ended.returncode == 0, told
    assert found["running server"]["found"].startswith(server.http)
    assert found[f"port {port}"]["found"] == "used by the running server"
    assert "torch" in found["engine libraries"]["found"]


def test_doctor_says_what_to_do_about_what_fails(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "torch.py").write_text("raise ImportError('this torch is broken')")
    ended = mintaka("doctor", "--data", tmp_path / "file" / "data", env={"PYTHONPATH": str(tmp_path)})
    assert ended.returncode == 1
    assert "FAILS    engine libraries: ImportError: this torch is broken" in ended.stdout
    assert "→ Install them with: pip install 'mintaka[engine]'" in ended.stdout
    assert "FAILS    data folder" in ended.stdout
    assert "→ Choose another with --data DIR" in ended.stdout


@pytest.mark.parametrize(
    "command",
    [
        *("serve", "run", "repl", "check", "ops", "doctor", "version", "caps list"),
        *("models list", "models info", "models add", "models verify", "models remove"),
    ],
)
def test_help_has_an_example(command):
    from typer.testing import CliRunner

    from mintaka.server.command import app

    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.output


def test_the_version_is_printed():
    from mintaka import __version__

    assert mintaka("version").stdout == f"{__version__}\n"
