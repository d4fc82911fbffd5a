"""Durable runs in the database: accepted, journaled, resumed, ended; and a process that is really killed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mintaka.storage import schema
from mintaka.storage.database import Database
from mintaka.storage.errors import StorageFailed
from mintaka.storage.journal import Row, RunJournal, Runs, RunState

ROOT = Path(__file__).resolve().parents[2]
ROWS: list[Row] = [
    ("", "start", "tree", "args", "{}", 0.0),
    ("0", "call", "door.open", "d0", None, 0.25),
    ("1.0/2", "read", "time", "", '{"value":1e300}', 0.5),
]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'mintaka.db'}")


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database, clock=lambda: 12.5)


def add(runs: Runs, id: str = "r_1") -> RunJournal:
    return runs.add(id, tree="t", program='["std.args"]', args="[1]", budget="{}")


def test_entries_come_back_as_they_were_and_in_their_order(database: Database, runs: Runs) -> None:
    journal = add(runs)
    assert journal.run == "r_1"
    assert journal.read() == []
    journal.append(ROWS[:1])
    journal.append(ROWS[1:])
    database.close()
    again = Runs(database, clock=lambda: 0.0).journal("r_1")
    assert again.read() == ROWS
    again.append([("2", "emit", "log", "d", '{"value":"\\u00e9"}', 1.0)])
    assert len(journal.read()) == 4


def test_runs_that_have_not_ended_are_found_with_all_it_takes_to_resume_them(runs: Runs) -> None:
    add(runs, "r_2")
    add(runs, "r_1")
    first, second = runs.unfinished()
    assert (first.id, second.id) == ("r_1", "r_2")
    assert (first.tree, first.program, first.args, first.budget) == ("t", '["std.args"]', "[1]", "{}")
    assert (first.state, first.created, first.ended, first.outcome) == (RunState.RUNNING, 12.5, None, None)


def test_a_run_that_ends_keeps_its_outcome_and_loses_its_journal(database: Database, runs: Runs) -> None:
    journal = add(runs)
    journal.append(ROWS)
    runs.end("r_1", RunState.DONE, "[3]")
    runs.end("r_1", RunState.FAILED)
    ended = runs.get("r_1")
    assert ended is not None
    assert (ended.state, ended.outcome, ended.ended) == (RunState.DONE, "[3]", 12.5)
    assert runs.unfinished() == []
    with database.read() as tx:
        assert tx.execute(select(func.count()).select_from(schema.journal)).scalar() == 0
    assert runs.get("r_9") is None


def test_of_two_processes_that_go_on_with_a_run_the_second_to_write_is_refused(runs: Runs) -> None:
    add(runs).append(ROWS[:1])
    first, second = runs.journal("r_1"), runs.journal("r_1")
    assert first.read() == second.read()
    first.append(ROWS[1:2])
    with pytest.raises(StorageFailed, match="another process"):
        second.append(ROWS[1:])
    assert runs.journal("r_1").read() == ROWS[:2]


def test_nothing_is_written_for_a_run_that_has_ended(runs: Runs) -> None:
    journal = add(runs)
    runs.end("r_1", RunState.CANCELLED)
    with pytest.raises(StorageFailed, match="ended"):
        journal.append(ROWS)


# A real process, really killed

SOURCE = """
(let printer (arg 0))
(let first (printer.print "first"))
(let both (par.map ["a" "b"] (lambda [x] (printer.print x))))
[first both (== (time.now) (time.now)) (printer.print (str.concat first (list.get both 1)))]
"""


def test_a_process_killed_again_and_again_is_gone_on_with_and_does_everything_once(tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    effects.touch()
    url = f"sqlite:///{tmp_path / 'mintaka.db'}"
    Database(url).close()
    lines: list[str] = []
    for killed_at in (1, 2, 3, 1, None):
        lines = outlived(killed_at, url, effects)
    value = json.loads(lines[-1].removeprefix("value "))
    assert value == ["first!", ["a!", "b!"], value[2], "first!b!!"]
    done = [line.partition(" ") for line in effects.read_text().splitlines()]
    assert sorted(text for _, _, text in done) == ["a", "b", "first", "first!b!"]
    assert len({name for name, _, _ in done}) == 4
    saved = Runs(Database(url), clock=lambda: 0.0).get("r_1")
    assert saved is not None
    assert (saved.state, json.loads(saved.outcome or "")) == (RunState.DONE, value)


def outlived(killed_at: int | None, url: str, effects: Path) -> list[str]:
    """What a process says until it is killed, when it has said so many things, or until it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.durable_process", url, str(effects), SOURCE],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == killed_at:
                process.kill()
                break
            if line.startswith("value"):
                break
            process.stdin.write("\n")
            process.stdin.flush()
        process.stdin.close()
        assert (process.wait() != 0) == (killed_at is not None)
    return lines
