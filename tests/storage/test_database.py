from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, insert, select, table, text, update
from sqlalchemy.exc import IntegrityError

from mintaka.storage import schema
from mintaka.storage.database import Database
from mintaka.storage.errors import StorageFailed, StorageFull


def at(path: Path) -> str:
    return f"sqlite:///{path / 'mintaka.db'}"


def test_the_migrations_lead_from_an_empty_database_to_the_schema() -> None:
    database = Database("sqlite://")
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
        checks = tx.execute(text("SELECT count(*) FROM sqlite_master WHERE sql LIKE '%reserved + spent <=%'")).scalar()
        assert checks == 1
    database.close()


def test_a_transaction_waits_for_the_disk_unless_it_is_told_not_to(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    asked = []
    for flushed in (False, True, False, False, True):
        with database.write(flushed=flushed) as tx:
            asked.append((flushed, tx.exec_driver_sql("PRAGMA synchronous").scalar()))
    assert asked == [(False, 1), (True, 2), (False, 1), (False, 1), (True, 2)]  # 1 is NORMAL, 2 is FULL
    database.close()


def test_what_nobody_waited_for_is_read_at_once_by_everybody(tmp_path: Path) -> None:
    first, second = Database(at(tmp_path)), Database(at(tmp_path))
    before = second.version()
    with first.write(flushed=False) as tx:
        tx.execute(insert(schema.principal).values(name="ann", created=1.5))
    assert second.version() != before
    with second.read() as tx:
        assert tx.execute(select(schema.principal.c.name)).scalar() == "ann"
    first.close()
    second.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/mintaka.db"])
def test_the_version_changes_with_every_commit_and_with_nothing_else(tmp_path: Path, url: str) -> None:
    database = Database(url.format(tmp_path))
    before = database.version()
    with database.read() as tx:
        tx.execute(select(schema.principal)).all()
    assert database.version() == before
    seen = [before]
    for number in range(3):
        with database.write() as tx:
            tx.execute(insert(schema.principal).values(name=f"ann-{number}", created=1.5))
        assert database.version() not in seen
        seen.append(database.version())
    database.close()
    assert database.version() is not None
    database.close()


def test_the_revision_named_in_the_schema_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def test_what_was_committed_is_there_when_the_database_is_opened_again(tmp_path: Path) -> None:
    first = Database(at(tmp_path))
    with first.write() as tx:
        tx.execute(insert(schema.principal).values(name="ann", created=1.5))
    first.close()
    second = Database(at(tmp_path))
    with second.read() as tx:
        assert tx.execute(select(schema.principal)).all() == [("ann", 1.5, "user")]
    second.close()


def test_a_transaction_that_raises_leaves_nothing_behind() -> None:
    database = Database("sqlite://")

    def interrupted() -> None:
        with database.write() as tx:
            tx.execute(insert(schema.principal).values(name="ann", created=1.0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with database.read() as tx:
        assert tx.execute(select(schema.principal)).all() == []
    database.close()


def test_foreign_keys_are_enforced() -> None:
    database = Database("sqlite://")
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(insert(schema.account).values(cap="nobody", unit="uses", limit=1, reserved=0, spent=0))
    database.close()


def test_a_database_of_a_newer_mintaka_is_refused(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    with database.write() as tx:
        tx.execute(update(table("alembic_version", column("version_num"))).values(version_num="9999"))
    database.close()
    with pytest.raises(StorageFailed, match="newer version"):
        Database(at(tmp_path))


def test_a_file_that_is_no_database_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "mintaka.db").write_bytes(b"this is not a database, it is a sentence" * 100)
    with pytest.raises(StorageFailed, match="damaged"):
        Database(at(tmp_path))


def test_a_folder_that_is_not_there_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot be opened") as caught:
        Database(at(tmp_path / "missing"))
    assert str(tmp_path) not in caught.value.message


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    database = Database(at(tmp_path))

    def fill() -> None:
        with database.write() as tx:
            tx.exec_driver_sql("PRAGMA max_page_count = 1")
            for number in range(10_000):
                tx.execute(insert(schema.principal).values(name=f"{number:0200}", created=1.0))

    with pytest.raises(StorageFull, match="full"):
        fill()
    with database.read() as tx:
        assert tx.execute(select(schema.principal)).all() == []
    database.close()


def test_a_database_that_another_program_holds_is_told(tmp_path: Path) -> None:
    first = Database(at(tmp_path))
    second = Database(at(tmp_path), busy_s=0.0)
    with first.write(), pytest.raises(StorageFailed, match="busy"), second.write():
        pass
    with second.write() as tx:
        tx.execute(insert(schema.principal).values(name="ann", created=1.0))
    first.close()
    second.close()


def test_a_reader_sees_one_moment_while_somebody_writes(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    with database.read() as reader:
        assert reader.execute(select(schema.principal)).all() == []
        with database.write() as tx:
            tx.execute(insert(schema.principal).values(name="ann", created=1.0))
        assert reader.execute(select(schema.principal)).all() == []
    database.close()
