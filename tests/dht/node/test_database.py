"""Opening, sharing, failing: each error of SQLite is provoked for real and explained."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from dht.node.database import FILE, OPENING, Database
from dht.node.disk import FileLock, StateError
from tests.dht.node.samples import SPAWN, mode, raw, unprivileged_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INSERT = "INSERT INTO meta VALUES (?, ?)"
SHORT = 0.05


def opened(home: Path, *, readonly: bool = False, patience: float = 10.0) -> Database:
    return Database.open(home, readonly=readonly, patience=patience)


def put(database: Database, name: str, value: object = 1) -> None:
    with database.write(durable=True) as connection:
        connection.execute(INSERT, (name, value))


def names(database: Database) -> set[str]:
    with database.read() as connection:
        return {name for (name,) in connection.execute("SELECT name FROM meta")}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = opened(tmp_path)
    yield database
    database.close()


def test_everything_on_disk_is_private(tmp_path: Path) -> None:
    home = tmp_path / "new"
    database = opened(home)
    put(database, "x")
    files = {path.name: mode(path) for path in home.iterdir()}
    assert files == dict.fromkeys([FILE, f"{FILE}-wal", f"{FILE}-shm", OPENING], 0o600)
    assert mode(home) == 0o700
    database.close()


def put_and_fail(database: Database) -> None:
    with database.write(durable=False) as connection:
        connection.execute(INSERT, ("x", 1))
        raise ZeroDivisionError


def test_a_block_that_raises_is_undone(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        put_and_fail(database)
    assert names(database) == {"revision"}
    put(database, "y")
    assert names(database) == {"revision", "y"}


def test_what_was_committed_outlives_the_connection(tmp_path: Path) -> None:
    database = opened(tmp_path)
    put(database, "x")
    database.close()
    database.close()
    again = opened(tmp_path)
    assert names(again) == {"revision", "x"}
    again.close()


def test_promises_wait_for_the_disk_and_the_rest_does_not(database: Database) -> None:
    """SQLite's words: 2 is FULL, 1 is NORMAL, and the log is what FULL waits for."""
    for durable, level in ((True, 2), (False, 1), (True, 2)):
        with database.write(durable=durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_commit_is_in_the_files_when_it_returns(tmp_path: Path) -> None:
    """What a machine would find that took the files at this moment, the connection still open."""
    database = opened(tmp_path)
    put(database, "x")
    assert (tmp_path / f"{FILE}-wal").stat().st_size > 0
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in ("", "-wal"):
        (copy / f"{FILE}{part}").write_bytes((tmp_path / f"{FILE}{part}").read_bytes())
    survivor = opened(copy)
    assert "x" in names(survivor)
    survivor.close()
    database.close()


def test_a_reader_sees_one_instant(tmp_path: Path, database: Database) -> None:
    other = opened(tmp_path)
    with database.read() as connection:
        count = "SELECT count(*) FROM meta"
        before = connection.execute(count).fetchone()
        put(other, "x")
        assert connection.execute(count).fetchone() == before
    assert names(database) == {"revision", "x"}
    other.close()


def test_threads_take_turns(database: Database) -> None:
    def work(worker: int) -> None:
        for turn in range(20):
            put(database, f"{worker}-{turn}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 81


def put_many(home: Path, worker: int, count: int) -> None:
    database = opened(home)
    for turn in range(count):
        put(database, f"{worker}-{turn}")
    database.close()


def test_processes_that_open_a_new_directory_at_once_all_succeed(tmp_path: Path) -> None:
    home = tmp_path / "new"
    workers = [SPAWN.Process(target=put_many, args=(home, n, 10)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    database = opened(home)
    assert len(names(database)) == 41
    database.close()


def test_a_lock_held_too_long_is_said_to_be(tmp_path: Path) -> None:
    opened(tmp_path).close()
    hog = raw(tmp_path)
    hog.execute("BEGIN IMMEDIATE")
    database = opened(tmp_path, patience=SHORT)
    with pytest.raises(StateError, match=r"locked by another process for longer than 0\.05 s"):
        put(database, "x")
    hog.execute("ROLLBACK")
    put(database, "x")
    database.close()
    hog.close()


def test_an_opening_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    with FileLock(tmp_path / OPENING) as lock:
        assert lock.claim()
        with pytest.raises(StateError, match="locked by another process"):
            opened(tmp_path, patience=SHORT)


def test_a_full_disk_loses_nothing_acknowledged(database: Database) -> None:
    put(database, "before")
    with database.read() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with database.read() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="disk is full: free some space"):
        put(database, "huge", b"x" * 100_000)
    assert names(database) == {"revision", "before"}
    with database.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    put(database, "huge", b"x" * 100_000)
    assert "huge" in names(database)


def test_a_directory_of_others_is_said_to_be() -> None:
    with unprivileged_home() as home, pytest.raises(StateError, match="may not write there"):
        opened(home)


def test_a_file_of_others_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match="not yours or is read-only"):
        opened(tmp_path)
    with pytest.raises(StateError, match="by the operating system"):
        opened(tmp_path, readonly=True)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    put(writer, "x")
    reader = opened(tmp_path, readonly=True)
    assert "x" in names(reader)
    with pytest.raises(StateError, match="read-only"):
        put(reader, "y")
    put(writer, "z")
    assert "z" in names(reader)
    reader.close()
    writer.close()


def test_a_reader_of_nothing_reads_nothing_and_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "absent"
    reader = opened(home, readonly=True)
    assert names(reader) == {"revision"}
    reader.still_current()
    with pytest.raises(StateError, match="read-only"):
        put(reader, "x")
    reader.close()
    assert not home.exists()


def test_using_it_after_closing_is_reported_as_our_mistake(database: Database) -> None:
    database.close()
    with pytest.raises(StateError, match="please report this"):
        names(database)


# Damage.


def damage_pages(home: Path) -> None:
    """Keep the header, so that it opens, and overwrite the rest."""
    path = home / FILE
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize("garbage", [b"not a database at all" * 400, b"\x00" * 5000])
def test_garbage_is_set_aside_and_the_next_start_is_empty(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / FILE).write_bytes(garbage)
    with pytest.raises(StateError, match="begin with an empty state") as caught:
        opened(tmp_path)
    aside = tmp_path / f"{FILE}.damaged-1"
    assert str(aside) in str(caught.value)
    assert aside.read_bytes() == garbage
    database = opened(tmp_path)
    assert names(database) == {"revision"}
    database.close()


def test_what_was_set_aside_before_is_not_overwritten(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / FILE).write_bytes(b"garbage %d" % number * 900)
        with pytest.raises(StateError, match=f"damaged-{number}"):
            opened(tmp_path)
    kept = [tmp_path / f"{FILE}.damaged-{number}" for number in (1, 2, 3)]
    assert [path.read_bytes()[:9] for path in kept] == [b"garbage 1", b"garbage 2", b"garbage 3"]


def test_a_log_goes_with_its_database(tmp_path: Path) -> None:
    """Beside a new database, the old log would be replayed into it."""
    (tmp_path / FILE).write_bytes(b"garbage" * 900)
    (tmp_path / f"{FILE}-wal").write_bytes(b"old log")
    with pytest.raises(StateError, match="damaged"):
        opened(tmp_path)
    assert not (tmp_path / f"{FILE}-wal").exists()
    assert (tmp_path / f"{FILE}.damaged-1").exists()


def test_damage_met_later_is_set_aside_too(tmp_path: Path) -> None:
    first = opened(tmp_path)
    put(first, "x")
    first.close()
    damage_pages(tmp_path)
    database = opened(tmp_path)
    with pytest.raises(StateError, match="damaged-1"):
        put(database, "y")
    assert (tmp_path / f"{FILE}.damaged-1").exists()
    assert not (tmp_path / FILE).exists()


def test_a_check_finds_what_queries_pass_by(tmp_path: Path) -> None:
    """An index that lost an entry answers wrongly, without an error."""
    first = opened(tmp_path)
    first.check()
    first.close()
    connection = raw(tmp_path)
    connection.execute(
        "INSERT INTO records VALUES ('m', 'ipv4', x'01', x'', NULL, x'', x'', x'', 1.0)"
    )
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_master WHERE name = 'promises_news'")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    database = opened(tmp_path)
    with pytest.raises(StateError, match="damaged-1"):
        database.check()
    assert (tmp_path / f"{FILE}.damaged-1").exists()


def test_damage_that_another_process_dealt_with_is_left_to_it(tmp_path: Path) -> None:
    first = opened(tmp_path)
    put(first, "x")
    first.close()
    damage_pages(tmp_path)
    slow, quick = opened(tmp_path), opened(tmp_path)
    with pytest.raises(StateError, match="damaged-1"):
        quick.check()
    fresh = opened(tmp_path)
    put(fresh, "new")
    with pytest.raises(StateError, match="another process has dealt with it"):
        slow.check()
    assert names(fresh) == {"revision", "new"}
    assert not (tmp_path / f"{FILE}.damaged-2").exists()
    fresh.close()


def test_a_reader_reports_damage_and_touches_nothing(tmp_path: Path) -> None:
    first = opened(tmp_path)
    put(first, "x")
    first.close()
    damage_pages(tmp_path)
    reader = opened(tmp_path, readonly=True)
    with pytest.raises(StateError, match="run any command that writes"):
        reader.check()
    (tmp_path / FILE).write_bytes(b"garbage" * 900)
    with pytest.raises(StateError, match="run any command that writes"):
        opened(tmp_path, readonly=True)
    assert (tmp_path / FILE).exists()
    assert not list(tmp_path.glob("*damaged*"))


# What others do to the file meanwhile.


def test_a_replaced_file_is_noticed(tmp_path: Path, database: Database) -> None:
    database.still_current()
    (tmp_path / FILE).rename(tmp_path / "moved")
    with pytest.raises(StateError, match="moved or replaced"):
        database.still_current()
    (tmp_path / FILE).touch()
    with pytest.raises(StateError, match="restart this process"):
        database.still_current()


def test_a_migration_by_a_newer_release_is_noticed(tmp_path: Path, database: Database) -> None:
    newer = raw(tmp_path)
    newer.execute("PRAGMA user_version = 7")
    newer.close()
    with pytest.raises(StateError, match="newer release"):
        database.still_current()


def test_sqlite_itself_finds_nothing_wrong(tmp_path: Path, database: Database) -> None:
    for number in range(50):
        put(database, f"n{number}", b"x" * 500)
    database.check()
    outside = sqlite3.connect(tmp_path / FILE)
    assert outside.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    outside.close()
