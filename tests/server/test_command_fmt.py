"""``mintaka fmt`` as a person or a script meets it."""

import errno
import os
import stat
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mintaka.server.command import app
from mintaka.server.command.faults import CommandFault
from mintaka.server.command.fmt import fmt

UGLY = "(let x   1) ; one\n\n\n(log\n  x)\n"
FORMATTED = "(let x 1)  ; one\n\n(log x)\n"


@pytest.fixture
def mintaka():
    return lambda *args, stdin=None: CliRunner().invoke(app, ["fmt", *map(str, args)], input=stdin)


def test_files_are_formatted_in_place_and_named(mintaka, tmp_path):
    ugly, well = tmp_path / "ugly.mtk", tmp_path / "well.mtk"
    ugly.write_text(UGLY)
    well.write_text(FORMATTED)
    before = well.stat()
    ended = mintaka(ugly, well)
    assert (ended.exit_code, ended.stdout) == (0, f"{ugly} formatted\n")
    assert ugly.read_text() == FORMATTED
    assert well.stat().st_ino == before.st_ino  # not even touched
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ugly.mtk", "well.mtk"]


def test_permissions_and_links_stay(mintaka, tmp_path):
    script = tmp_path / "script.mtk"
    script.write_text(UGLY)
    script.chmod(0o750)
    link = tmp_path / "link.mtk"
    link.symlink_to(script)
    assert mintaka(link).exit_code == 0
    assert link.is_symlink()
    assert script.read_text() == FORMATTED
    assert stat.S_IMODE(script.stat().st_mode) == 0o750


def test_lines_that_end_as_on_windows_are_rewritten(mintaka, tmp_path):
    script = tmp_path / "script.mtk"
    script.write_bytes(FORMATTED.replace("\n", "\r\n").encode())
    assert mintaka(script).exit_code == 0
    assert script.read_bytes() == FORMATTED.encode()


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    script = tmp_path / "script.mtk"
    script.write_text(UGLY)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CommandFault, match="cannot be written: no space left on device"):
        fmt([str(script)])
    assert script.read_text() == UGLY
    assert [path.name for path in tmp_path.iterdir()] == ["script.mtk"]


def test_standard_input_is_printed_formatted(mintaka):
    ended = mintaka("-", stdin=UGLY)
    assert (ended.exit_code, ended.stdout) == (0, FORMATTED)


def test_check_lists_what_would_change_and_changes_nothing(mintaka, tmp_path):
    ugly, well = tmp_path / "ugly.mtk", tmp_path / "well.mtk"
    ugly.write_text(UGLY)
    well.write_text(FORMATTED)
    ended = mintaka("--check", ugly, well)
    assert (ended.exit_code, ended.stdout) == (1, f"{ugly} would be changed\n")
    assert ugly.read_text() == UGLY
    assert mintaka("--check", well).exit_code == 0


def test_diff_shows_the_changes_and_makes_none(mintaka, tmp_path):
    script = tmp_path / "script.mtk"
    script.write_text(UGLY)
    ended = mintaka("--diff", script)
    assert ended.exit_code == 0
    assert "-(let x   1) ; one\n" in ended.stdout
    assert "+(let x 1)  ; one\n" in ended.stdout
    assert script.read_text() == UGLY


def test_a_file_with_mistakes_is_told_of_and_left_alone_and_the_others_are_formatted(mintaka, tmp_path):
    wrong, ugly = tmp_path / "wrong.mtk", tmp_path / "ugly.mtk"
    wrong.write_text("(log   1\n(log 1a)\n")
    ugly.write_text(UGLY)
    ended = mintaka(wrong, ugly)
    assert ended.exit_code == 1
    assert f"{wrong}:1:1\n(log   1\n^\nerror: This `(` is never closed." in ended.stderr
    assert "neither a number nor a name" in ended.stderr
    assert wrong.read_text() == "(log   1\n(log 1a)\n"
    assert ugly.read_text() == FORMATTED


def test_a_missing_file_is_one_line_and_no_server_extra_is_needed(tmp_path):
    code = "import sys; sys.modules.update(starlette=None, sqlalchemy=None); from mintaka.server.command import main"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; main()", "fmt", str(tmp_path / "missing.mtk")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"mintaka: {tmp_path / 'missing.mtk'} cannot be read: no such file or directory."
    ]
