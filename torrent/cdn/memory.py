"""What is remembered of names: the newest version seen of each, above all.

A record proves who signed it, not that it is the newest: whoever kept an old one can show it to us
at any time (a replay), and who surrounds a name in the DHT can hide the newer from us (a rollback).
The only defence is to remember. So every version that was ever believed is written down before it
is used, and nothing below it is believed later, in this process or another.

The tables lie in the state database as those of a guest (:mod:`dht.node.schema`). ``seq`` is a
number here: what was admitted is below 2^63 (:data:`dht.mainline.items.MAX_SEQ`).

Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from dht.core.messages import Record
from dht.mainline.items import ItemRules, mutable_key
from dht.node.database import Database
from dht.node.schema import Guest

if TYPE_CHECKING:
    import os
    import sqlite3

    from torrent.cdn.name import Name

MAX_SEEN: Final = 10_000
"""Names remembered, 3 MB. A gateway sees as many as strangers care to ask for; of those that were
not asked for the longest, the first go, and with them only what protects from their past."""

_FIRST = (
    """
    CREATE TABLE names_seen (
        public BLOB NOT NULL,
        salt BLOB NOT NULL,
        seq INTEGER NOT NULL,
        value BLOB NOT NULL,
        signature BLOB NOT NULL,
        seen REAL NOT NULL,
        PRIMARY KEY (public, salt)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX names_seen_age ON names_seen (seen)",
)

TABLES: Final = Guest("names", (_FIRST,))

_RULES: Final = ItemRules()
_THIS: Final = "public = ? AND salt = ?"


class Memory:
    """What one state directory remembers of names. Several processes may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, directory: str | os.PathLike[str], *, patience: float = 10.0) -> Self:
        """Open the state in ``directory``, making it if need be.

        Raises:
            StateError: It cannot be; the message says why and what to do.
        """
        return cls(
            Database.open(Path(directory), readonly=False, patience=patience, guests=(TABLES,))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; nothing committed is lost without."""
        self._database.close()

    def seen(self, name: Name) -> Record | None:
        """The newest record ever seen of ``name``."""
        with self._database.read() as connection:
            return _seen(connection, name)

    def saw(self, name: Name, record: Record, wall: float) -> Record:
        """A *verified* record of ``name`` was seen; the newest one, which may be another.

        When this returns, no process of this state directory believes in less any more.
        """
        with self._database.write(durable=True) as connection:
            held = _seen(connection, name)
            if held is not None and not _RULES.better(record, held):
                return held
            connection.execute(
                "INSERT OR REPLACE INTO names_seen (public, salt, seq, value, signature, seen) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (name.public, name.salt, record.seq, record.value, record.signature, wall),
            )
            _forget_the_oldest(connection)
        return record


def _seen(connection: sqlite3.Connection, name: Name) -> Record | None:
    row = connection.execute(
        f"SELECT value, seq, signature FROM names_seen WHERE {_THIS}",  # noqa: S608
        (name.public, name.salt),
    ).fetchone()
    if row is None:
        return None
    value, seq, signature = row
    key = mutable_key(name.public, name.salt)
    return Record(key, value, seq, name.public, name.salt, signature)


def _forget_the_oldest(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM names_seen WHERE (public, salt) IN ("
        "SELECT public, salt FROM names_seen ORDER BY seen DESC LIMIT -1 OFFSET ?)",
        (MAX_SEEN,),
    )
