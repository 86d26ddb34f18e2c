"""Databases of every released version become the newest; those of the future are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dht.core.keys import Key
from dht.core.messages import Record
from dht.node import schema
from dht.node.database import FILE
from dht.node.disk import StateError
from dht.node.state import Keeping, State
from tests.dht.node.samples import NETWORK, named, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).parent / "fixtures"

# A later version, as one may look: a new table, and a column with what was known before.
LATER = (
    *schema.STEPS,
    (
        "CREATE TABLE resume (torrent BLOB PRIMARY KEY, data BLOB NOT NULL)",
        "ALTER TABLE promises ADD COLUMN label TEXT NOT NULL DEFAULT ''",
        "UPDATE promises SET label = kind || ' of ' || network",
    ),
    ("DROP TABLE contacts",),
)


@pytest.fixture
def memory() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def build(name: str, connection: sqlite3.Connection) -> None:
    connection.executescript((FIXTURES / name).read_text())


def test_an_empty_file_gets_all_tables(memory: sqlite3.Connection) -> None:
    assert schema.version(memory) == 0
    assert not schema.check(memory)
    schema.migrate(memory)
    assert schema.check(memory)
    assert schema.version(memory) == len(schema.STEPS)
    assert tables(memory) == {
        "meta", "records", "providers", "contacts", "promises", "keepings", "sequences",
    }  # fmt: skip


def test_migrating_again_changes_nothing(memory: sqlite3.Connection) -> None:
    schema.migrate(memory)
    before = list(memory.iterdump())
    schema.migrate(memory)
    assert list(memory.iterdump()) == before


def test_the_first_version_is_what_was_released(memory: sqlite3.Connection) -> None:
    """A released step is never edited: its tables are those of the fixture, to the letter."""
    old = sqlite3.connect(":memory:", isolation_level=None)
    build("state-v1.sql", old)
    schema.migrate(memory, schema.STEPS[:1])
    layout = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"

    def squeezed(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
        return [(t, n, " ".join(sql.split())) for t, n, sql in connection.execute(layout)]

    assert squeezed(old) == squeezed(memory)
    old.close()


def test_a_database_of_version_1_keeps_everything(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    build("state-v1.sql", old)
    old.close()
    with State.open(tmp_path) as state:
        first, second = state.promises()
        assert (first.id, first.key, first.what) == (2, Key(7), named(7, 4))
        assert first.keepings == (Keeping("ipv4", 1010.0, 1010.0, 8, 4610.0),)
        assert (second.key, second.what) == (Key(9), provider())
        assert state.last_seq(NETWORK, Key(7)) == 4
        [held] = state.load_records(NETWORK, "ipv4", lambda at: at)
        assert held.record == Record(Key(2**255), b"1:x", 2**70, b"P", b"s", b"G")
        assert held.at == 1000.5
        assert len(state.load_providers(NETWORK, "ipv6", lambda at: at)) == 1
        assert len(state.load_contacts(NETWORK, "ipv4")) == 2
        _, changed = state.changes_since(NETWORK, -1)
        assert [promise.withdrawn for promise in changed] == [1002.0, None, None]


def test_later_steps_build_on_the_data(memory: sqlite3.Connection) -> None:
    build("state-v1.sql", memory)
    schema.migrate(memory, LATER)
    assert schema.version(memory) == len(LATER)
    labels = memory.execute("SELECT label FROM promises WHERE withdrawn IS NULL ORDER BY id")
    assert labels.fetchall() == [("record of mainline",), ("provider of mainline",)]
    assert "resume" in tables(memory)
    assert "contacts" not in tables(memory)


def test_a_step_that_fails_leaves_the_old_version(memory: sqlite3.Connection) -> None:
    build("state-v1.sql", memory)
    before = list(memory.iterdump())
    broken = (*LATER, ("CREATE TABLE fine (x)", "DROP TABLE absent"))
    with pytest.raises(sqlite3.OperationalError, match="absent"):
        schema.migrate(memory, broken)
    assert list(memory.iterdump()) == before
    assert schema.version(memory) == 1
    assert not memory.in_transaction


def test_an_interrupted_migration_is_resumed_by_the_next(tmp_path: Path) -> None:
    """What a process killed inside the transaction leaves is the old database."""
    path = tmp_path / FILE
    killed = sqlite3.connect(path, isolation_level=None)
    killed.execute("BEGIN IMMEDIATE")
    killed.execute(schema.STEPS[0][0])
    killed.close()  # as the kernel closes it: no commit
    with State.open(tmp_path) as state:
        assert state.promises() == []


def test_the_future_is_refused(memory: sqlite3.Connection) -> None:
    schema.migrate(memory, LATER)
    before = list(memory.iterdump())
    for refuse in (schema.check, schema.migrate, schema.check_equal):
        with pytest.raises(StateError, match="newer release; use that release"):
            refuse(memory)
    assert list(memory.iterdump()) == before


def test_the_future_is_refused_on_opening(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for readonly in (False, True):
        with pytest.raises(StateError, match="version 99"):
            State.open(tmp_path, readonly=readonly)
    assert (tmp_path / FILE).exists()


def test_a_reader_does_not_migrate(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with pytest.raises(StateError, match="start a node once"):
        State.open(tmp_path, readonly=True)
    assert (tmp_path / FILE).stat().st_size == 0
