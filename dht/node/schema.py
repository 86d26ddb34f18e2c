"""The tables of the state database, and how a database of an older version becomes a newer one.

``STEPS[n]`` takes a database from version ``n`` to ``n + 1``; SQLite's ``user_version`` says where
a file stands. A step that was released is never edited, only followed by another: that is what
makes a database written by any released version readable by every later one. All missing steps
run in one transaction, so a process killed in the middle leaves the old version whole.

Conventions of the columns:

* Keys are blobs of 32 bytes, big-endian, whatever the width of the network's space.
* Instants are wall-clock seconds: the engine's monotonic clock means nothing in its next life.
* ``seq`` is decimal text. A stranger may sign an integer wider than SQLite's 64 bits, and storing
  his record must not fail; versions are compared in Python.
* A record or provider belongs to one engine, so to a network and a family. A promise belongs to a
  network; how it fares in each family stands in ``keepings``.
* Only old SQL is used (no STRICT, no RETURNING): the SQLite of the system's Python may be old.

**Guests.** Packages above this one keep tables of their own in the same file, which this one knows
nothing about: each is a :class:`Guest` with steps and a version of its own (in ``meta``), so that a
process which does not know a guest can still use the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dht.node.disk import StateError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_FIRST = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # Counts the changes of promises; see `promises.revision`.
    "INSERT INTO meta VALUES ('revision', 0)",
    """
    CREATE TABLE records (
        network TEXT NOT NULL,
        family TEXT NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        seq TEXT,
        signer BLOB NOT NULL,
        salt BLOB NOT NULL,
        signature BLOB NOT NULL,
        received REAL NOT NULL,
        PRIMARY KEY (network, family, key)
    )
    """,
    """
    CREATE TABLE providers (
        network TEXT NOT NULL,
        family TEXT NOT NULL,
        key BLOB NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        seed INTEGER NOT NULL,
        received REAL NOT NULL,
        PRIMARY KEY (network, family, key, host, port)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE contacts (
        network TEXT NOT NULL,
        family TEXT NOT NULL,
        key BLOB NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        seen REAL NOT NULL,
        PRIMARY KEY (network, family, key)
    ) WITHOUT ROWID
    """,
    # AUTOINCREMENT, since a number must never be given out again: a node that was told of the
    # promise it named may still use it. `revision` grows with every change, so that a running
    # node asks for what is newer than it has seen. A promise that was withdrawn or replaced
    # stays for a while with its content emptied, for the node to see that it has ended.
    """
    CREATE TABLE promises (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        revision INTEGER NOT NULL,
        network TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('record', 'provider')),
        key BLOB NOT NULL,
        value BLOB NOT NULL DEFAULT x'',
        seq TEXT,
        signer BLOB NOT NULL DEFAULT x'',
        salt BLOB NOT NULL DEFAULT x'',
        signature BLOB NOT NULL DEFAULT x'',
        host TEXT NOT NULL DEFAULT '',
        port INTEGER NOT NULL DEFAULT 0,
        seed INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        due REAL NOT NULL,
        withdrawn REAL
    )
    """,
    """
    CREATE UNIQUE INDEX promises_standing ON promises (network, kind, key, host, port)
    WHERE withdrawn IS NULL
    """,
    "CREATE INDEX promises_news ON promises (revision)",
    """
    CREATE TABLE keepings (
        promise INTEGER NOT NULL REFERENCES promises ON DELETE CASCADE,
        family TEXT NOT NULL,
        attempted REAL NOT NULL,
        succeeded REAL,
        copies INTEGER NOT NULL,
        due REAL NOT NULL,
        PRIMARY KEY (promise, family)
    ) WITHOUT ROWID
    """,
    # The highest version ever promised of each name outlives the promise: the network may still
    # hold it after we forgot it, and would refuse anything lower.
    """
    CREATE TABLE sequences (
        network TEXT NOT NULL,
        key BLOB NOT NULL,
        seq TEXT NOT NULL,
        PRIMARY KEY (network, key)
    ) WITHOUT ROWID
    """,
)

STEPS: Sequence[Sequence[str]] = (_FIRST,)


@dataclass(frozen=True, slots=True)
class Guest:
    """Tables of another package in the same file; their names begin with the guest's.

    Attributes:
        name: Whose they are.
        steps: As :data:`STEPS`; never edited once released.
    """

    name: str
    steps: Sequence[Sequence[str]]

    def version(self, connection: sqlite3.Connection) -> int:
        """The version its tables are at; 0 if there are none."""
        if not version(connection):
            return 0  # an empty file: not even ours are there
        row = connection.execute(
            "SELECT value FROM meta WHERE name = ?", (f"version of {self.name}",)
        ).fetchone()
        return row[0] if row else 0

    def check(self, connection: sqlite3.Connection) -> bool:
        """As the function of that name, for these tables."""
        return _known(self.version(connection), len(self.steps), f"the part {self.name!r} of it")

    def migrate(self, connection: sqlite3.Connection) -> None:
        """Bring its tables to the newest version, inside a transaction."""
        for step in self.steps[self.version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            (f"version of {self.name}", len(self.steps)),
        )


def version(connection: sqlite3.Connection) -> int:
    """The version the database is at; 0 for an empty file."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def check(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = STEPS) -> bool:
    """Whether the database is at the version of this program; False if it is older.

    Raises:
        StateError: It was written by a newer program, whose tables we would misread.
    """
    return _known(version(connection), len(steps), "the state database")


def _known(found: int, newest: int, what: str) -> bool:
    if found > newest:
        raise StateError(
            f"{what} has version {found} and this program knows {newest}: it was "
            "written by a newer release; use that release, or another state directory"
        )
    return found == newest


def check_equal(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Refuse any version but ours: for a reader, who may not migrate.

    Raises:
        StateError: It is newer, or older.
    """
    if not check(connection, steps):
        raise StateError(
            f"the state database has version {version(connection)}, of an older release than this "
            f"({len(steps)}): start a node once, which brings it up to date"
        )


def migrate(
    connection: sqlite3.Connection,
    steps: Sequence[Sequence[str]] = STEPS,
    guests: Sequence[Guest] = (),
) -> None:
    """Bring the database to the newest version: all of the way, or not at all.

    Raises:
        StateError: It is newer than this program.
    """
    # Each is asked, whatever the others say: a newer one must not be taken for an older.
    if all([check(connection, steps), *(guest.check(connection) for guest in guests)]):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: whoever held the write lock before us may have migrated it.
        for step in steps[version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        for guest in guests:
            guest.migrate(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
