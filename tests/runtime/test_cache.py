"""Compiled programs are kept by their source; what is damaged or foreign in the folder is made anew."""

import asyncio
import random
from pathlib import Path

import pytest

from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.cache import ProgramCache
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from tests.runtime.conftest import OPS

SOURCE = "(define double [x] (* x 2))\n(list.map [1 2 3] double)"
SECRET = b"a secret of the embedder"


class Maker:
    """Compiles a source and counts how often."""

    def __init__(self, source: str = SOURCE) -> None:
        self.source = source
        self.made = 0

    def __call__(self) -> Program:
        self.made += 1
        return compile_tree(parse(self.source), OPS)


def result(program: Program) -> object:
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    return asyncio.run(execute(program, budget=Budget(), powers=powers)).value


def test_a_source_is_compiled_once() -> None:
    cache, make = ProgramCache(OPS), Maker()
    assert cache.program("text", SOURCE, make) is cache.program("text", SOURCE, make)
    assert make.made == 1
    cache.program("json", SOURCE, make)
    assert make.made == 2


def test_only_the_last_used_programs_stay_in_memory() -> None:
    cache, make = ProgramCache(OPS, most=2), Maker()
    for source in ("a", "b", "a", "c", "a", "b"):
        cache.program("text", source, make)
    assert make.made == 4  # a, b, c, and b again


def test_what_cannot_be_compiled_is_not_kept() -> None:
    cache = ProgramCache(OPS)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.program("text", SOURCE, lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    assert result(cache.program("text", SOURCE, Maker())) == [2, 4, 6]


def test_a_folder_outlives_the_process(tmp_path: Path) -> None:
    ProgramCache(OPS, folder=tmp_path / "programs", secret=SECRET).program("text", SOURCE, Maker())
    make = Maker()
    program = ProgramCache(OPS, folder=tmp_path / "programs", secret=SECRET).program("text", SOURCE, make)
    assert make.made == 0
    assert result(program) == [2, 4, 6]
    fresh = Maker()()
    assert (program.sites, program.functions, program.digest()) == (fresh.sites, fresh.functions, fresh.digest())


def test_an_error_of_a_program_from_the_folder_has_its_place(tmp_path: Path) -> None:
    source = "(let x 1)\n(throw x)"
    for _ in range(2):
        program = ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", source, Maker(source))
    with pytest.raises(ScriptError) as caught:
        result(program)
    assert str(caught.value.span) == "line 2, column 1"


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_entry_is_made_anew_and_rewritten(tmp_path: Path, damage: bytes | None) -> None:
    ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", SOURCE, Maker())
    (entry,) = tmp_path.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    make = Maker()
    assert result(ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", SOURCE, make)) == [2, 4, 6]
    assert make.made == 1
    ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", SOURCE, make)
    assert make.made == 1


def test_an_entry_of_another_secret_or_under_another_name_is_not_read(tmp_path: Path) -> None:
    ProgramCache(OPS, folder=tmp_path, secret=b"another secret").program("text", SOURCE, Maker())
    make = Maker()
    cache = ProgramCache(OPS, folder=tmp_path, secret=SECRET)
    cache.program("text", SOURCE, make)
    (entry,) = tmp_path.iterdir()
    cache.program("text", "1", Maker("1"))
    (other,) = set(tmp_path.iterdir()) - {entry}
    other.write_bytes(entry.read_bytes())
    again = Maker("1")
    assert result(ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", "1", again)) == 1
    assert (make.made, again.made) == (1, 1)


def test_a_program_for_other_ops_is_not_found(tmp_path: Path) -> None:
    ProgramCache(OPS, folder=tmp_path, secret=SECRET).program("text", "1", Maker("1"))
    make = Maker("1")
    ProgramCache(OpTable({}), folder=tmp_path, secret=SECRET).program("text", "1", make)
    assert make.made == 1


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "programs").write_text("a file stands here")
    cache = ProgramCache(OPS, folder=tmp_path / "programs", secret=SECRET)
    assert result(cache.program("text", SOURCE, Maker())) == [2, 4, 6]


def test_a_folder_without_a_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="secret"):
        ProgramCache(OPS, folder=tmp_path)
