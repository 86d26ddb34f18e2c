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

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from dht.core.messages import Record
from dht.mainline.items import ItemRules, mutable_key
from dht.node.database import Database
from dht.node.schema import Guest
from torrent.cdn.name import Name

if TYPE_CHECKING:
    import os
    import sqlite3

MAX_SEEN: Final = 10_000
"""Names remembered, 3 MB. A gateway sees as many as strangers care to ask for; of those that were
not asked for the longest, the first go, and with them only what protects from their past."""

MISSED: Final = 7 * 86400.0
"""Seconds for which a replica that went is missed: then it is gone, and no more to be told of."""

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

_SECOND = (
    # Versions whose files are here, and where: published ones, and those of mirrors. The key comes
    # first: older releases of SQLite take a table without rowids for damaged otherwise, when they
    # check that what must not be NULL is not.
    """
    CREATE TABLE names_versions (
        public BLOB NOT NULL,
        salt BLOB NOT NULL,
        directory TEXT NOT NULL,
        seq INTEGER NOT NULL,
        infohash BLOB NOT NULL,
        PRIMARY KEY (public, salt, directory)
    ) WITHOUT ROWID
    """,
    # What we publish, and how many replicas of it are wanted.
    """
    CREATE TABLE names_sites (
        public BLOB NOT NULL,
        salt BLOB NOT NULL,
        source TEXT NOT NULL,
        replicas INTEGER NOT NULL,
        PRIMARY KEY (public, salt)
    ) WITHOUT ROWID
    """,
    # Who volunteered to have a copy. `passed` is the last challenge that was met, `failed` how
    # many were not since then.
    """
    CREATE TABLE names_volunteers (
        public BLOB NOT NULL,
        salt BLOB NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        asked REAL NOT NULL,
        passed REAL,
        failed INTEGER NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (public, salt, host, port)
    ) WITHOUT ROWID
    """,
)

TABLES: Final = Guest("names", (_FIRST, _SECOND))

_RULES: Final = ItemRules()
_THIS: Final = "public = ? AND salt = ?"


@dataclass(frozen=True, slots=True)
class Shelved:
    """A version whose files are here.

    Attributes:
        seq: Its number.
        infohash: Its torrent, 20 bytes.
        directory: Where a session seeds it from.
    """

    seq: int
    infohash: bytes
    directory: Path


@dataclass(frozen=True, slots=True)
class Site:
    """What is published from here.

    Attributes:
        name: Under which name.
        source: The directory that it is made of.
        replicas: How many others shall have a copy.
    """

    name: Name
    source: Path
    replicas: int


@dataclass(frozen=True, slots=True)
class Volunteer:
    """One who said that it has a copy, and what came of asking for a piece of it.

    Attributes:
        host: Where.
        port: Where it talks to peers.
        asked: When it was last challenged (wall clock).
        passed: When it last met a challenge; ``None`` if it never did.
        failed: Challenges that it failed since.
        why: What went wrong with the last; empty if nothing did.
    """

    host: str
    port: int
    asked: float
    passed: float | None
    failed: int
    why: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is a replica: it met its last challenge."""
        return self.passed is not None and not self.failed

    @property
    def missed(self) -> bool:
        """Whether it was a replica, and is none any more."""
        return self.passed is not None and self.failed > 0


class Memory:
    """What one state directory remembers of names. Several processes may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            # One who only reads may be here before anybody made the tables.
            self._empty = TABLES.version(connection) < len(TABLES.steps)

    @classmethod
    def open(
        cls, directory: str | os.PathLike[str], *, readonly: bool = False, patience: float = 10.0
    ) -> Self:
        """Open the state in ``directory``, making it if need be.

        Raises:
            StateError: It cannot be; the message says why and what to do.
        """
        return cls(
            Database.open(Path(directory), readonly=readonly, patience=patience, guests=(TABLES,))
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

    # Versions that are here.

    def shelve(self, name: Name, version: Shelved) -> None:
        """Note that a version of ``name`` is here, whole."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO names_versions VALUES (?, ?, ?, ?, ?)",
                (*_key(name), str(version.directory), version.seq, version.infohash),
            )

    def shelved(self, name: Name) -> list[Shelved]:
        """The versions of ``name`` that are here, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT seq, infohash, directory FROM names_versions WHERE {_THIS} "  # noqa: S608
                "ORDER BY seq DESC",
                _key(name),
            ).fetchall()
        return [Shelved(seq, infohash, Path(directory)) for seq, infohash, directory in rows]

    def whereabouts(self, infohash: bytes) -> list[Path]:
        """Where a version lies whole, under whatever name."""
        if self._empty:
            return []
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT directory FROM names_versions WHERE infohash = ?", (infohash,)
            ).fetchall()
        return [Path(directory) for (directory,) in rows]

    def unshelve(self, name: Name, version: Shelved) -> None:
        """Note that a version is about to be deleted: before its first file is."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                f"DELETE FROM names_versions WHERE {_THIS} AND directory = ?",  # noqa: S608
                (*_key(name), str(version.directory)),
            )

    # What is published, and who has copies.

    def publishes(self, site: Site) -> None:
        """Note what is published under a name, in place of what was noted of it."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO names_sites VALUES (?, ?, ?, ?)",
                (*_key(site.name), str(site.source), site.replicas),
            )

    def sites(self) -> list[Site]:
        """Everything that is published from here."""
        if self._empty:
            return []
        with self._database.read() as connection:
            rows = connection.execute("SELECT public, salt, source, replicas FROM names_sites")
            return [Site(Name(row[0], row[1]), Path(row[2]), row[3]) for row in rows]

    def volunteers(self, name: Name) -> list[Volunteer]:
        """Who has, or had, a copy; the latest to be asked last."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT host, port, asked, passed, failed, why FROM names_volunteers "  # noqa: S608
                f"WHERE {_THIS} ORDER BY asked, host, port",
                _key(name),
            ).fetchall()
        return [Volunteer(*row) for row in rows]

    def challenged(self, name: Name, outcome: Volunteer) -> None:
        """Note what came of a challenge; who never met one is not remembered."""
        with self._database.write(durable=False) as connection:
            if outcome.passed is None:
                return
            connection.execute(
                "INSERT OR REPLACE INTO names_volunteers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *_key(name),
                    outcome.host,
                    outcome.port,
                    outcome.asked,
                    outcome.passed,
                    outcome.failed,
                    outcome.why,
                ),
            )
            connection.execute(
                f"DELETE FROM names_volunteers WHERE {_THIS} AND passed < ?",  # noqa: S608
                (*_key(name), outcome.asked - MISSED),
            )


def _key(name: Name) -> tuple[bytes, bytes]:
    return name.public, name.salt


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
