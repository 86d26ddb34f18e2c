"""What is remembered of torrents from one run to the next.

It lies in the state database (:mod:`dht.node.database`), in tables of our own, so that a process
which runs only a node still opens it. Several processes may read it while one writes.

**Order makes it true.** A piece is written, and ``pwrite`` has returned, before a bitfield that
claims it is handed to :meth:`Torrents.advance`; the :mod:`torrent.io.journal` commits at most a
second later. So a process that is killed loses the last second's claims and never claims what is
not there. A power cut may lose written data that the kernel still held, and then a claim is false;
as is one about a file that was changed while nobody ran. Therefore claims are not trust: what is
claimed is hashed before it is served (:mod:`torrent.io.storage`).

**The fingerprint** is what the files looked like when the last run ended in peace; it is empty
while one is under way. Files that look the same need not be hashed before they are said to be
complete; others should be, at leisure.

Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dht.node.guests import GuestState
from dht.node.schema import Guest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from dht.node.database import Database

_FIRST = (
    # `have` is BEP 3's bitfield. `moving` is where the files are being moved; both directories
    # may hold some until it is done. `priorities` has a byte for each file, 0 for not wanted.
    """
    CREATE TABLE torrents (
        infohash BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        directory TEXT NOT NULL,
        moving TEXT,
        priorities BLOB,
        magnet TEXT,
        paused INTEGER NOT NULL,
        added REAL NOT NULL,
        completed REAL,
        have BLOB,
        fingerprint BLOB,
        downloaded INTEGER NOT NULL,
        uploaded INTEGER NOT NULL
    )
    """,
    # Apart, since it is large, written once, and not needed to list torrents.
    """
    CREATE TABLE torrents_metainfo (
        infohash BLOB PRIMARY KEY REFERENCES torrents ON DELETE CASCADE,
        metainfo BLOB NOT NULL
    )
    """,
    # What only the process that seeds it knows. Written when it changes; true as long as that
    # process (`process` is its id) is the node of the state directory.
    """
    CREATE TABLE torrents_standings (
        infohash BLOB PRIMARY KEY REFERENCES torrents ON DELETE CASCADE,
        process INTEGER NOT NULL,
        phase TEXT NOT NULL,
        peers INTEGER NOT NULL,
        download_rate REAL NOT NULL,
        upload_rate REAL NOT NULL,
        fault TEXT NOT NULL
    )
    """,
)

_SECOND = (
    # Where we listened last: one row at most.
    "CREATE TABLE torrents_listening (port INTEGER NOT NULL)",
)

TABLES: Final = Guest("torrents", (_FIRST, _SECOND))

_COLUMNS: Final = (
    "infohash, name, directory, moving, priorities, magnet, paused, added, completed, have, "
    "fingerprint, downloaded, uploaded"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a torrent is: what changes all the time.

    Attributes:
        infohash: Which torrent.
        have: The pieces that are on disk, as BEP 3's bitfield; None if that is not known.
        downloaded: Bytes received, of all runs.
        uploaded: Bytes sent, of all runs.
        fingerprint: What the files look like, at the end of a run; None during it.
        completed: When all that was wanted was there (wall clock).
    """

    infohash: bytes
    have: bytes | None = None
    downloaded: int = 0
    uploaded: int = 0
    fingerprint: bytes | None = None
    completed: float | None = None


@dataclass(frozen=True, slots=True)
class StoredTorrent:
    """A torrent as it is remembered.

    Attributes:
        name: What to call it.
        directory: Where its files are.
        added: When it was added (wall clock).
        progress: How far it is.
        moving: Where its files are being moved; finish that first.
        priorities: One byte for each file, 0 for not wanted; None if all are as any other.
        magnet: The link it was added by, as long as its metadata is not known.
        paused: Not to be started.
    """

    name: str
    directory: Path
    added: float
    progress: Progress
    moving: Path | None = None
    priorities: bytes | None = None
    magnet: str | None = None
    paused: bool = False

    @property
    def infohash(self) -> bytes:
        """Its name: the first of :attr:`torrent.core.metainfo.Info.infohashes`."""
        return self.progress.infohash


@dataclass(frozen=True, slots=True)
class Standing:
    """How a torrent stands in the process that has it at work.

    Attributes:
        infohash: Which torrent.
        process: The process's id.
        phase: A value of :class:`~torrent.io.results.Phase`.
        peers: Connections.
        download_rate: Bytes a second.
        upload_rate: Bytes a second.
        fault: Why it failed; empty if it did not.
    """

    infohash: bytes
    process: int
    phase: str
    peers: int
    download_rate: float
    upload_rate: float
    fault: str = ""


class Torrents(GuestState):
    """The torrents of one state directory."""

    TABLES = TABLES

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        with database.read() as connection:
            self._empty = not TABLES.version(connection)  # what later steps add, readers can miss
            self._version = _data_version(connection)

    def all(self) -> list[StoredTorrent]:
        """Every torrent, without its metainfo; in the order they were added."""
        if self._empty:
            return []
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM torrents ORDER BY added, infohash"  # noqa: S608
            ).fetchall()
        return [_stored(row) for row in rows]

    def changed(self) -> bool:
        """Whether another process, or connection, has committed since this was last asked.

        One ``PRAGMA``, which reads four bytes of memory that all processes share.
        """
        with self._database.read() as connection:
            version, self._version = self._version, _data_version(connection)
        return version != self._version

    def standings(self) -> dict[bytes, Standing]:
        """What processes told of the torrents they have at work, by infohash."""
        if self._empty:
            return {}
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT infohash, process, phase, peers, download_rate, upload_rate, fault "
                "FROM torrents_standings"
            ).fetchall()
        return {row[0]: Standing(*row) for row in rows}

    def tell(self, standings: Iterable[Standing]) -> None:
        """Tell other processes how torrents stand; those that are not remembered are left out."""
        told = {standing.infohash: standing for standing in standings}
        with self._database.write(durable=False) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO torrents_standings "
                "SELECT infohash, ?, ?, ?, ?, ?, ? FROM torrents WHERE infohash = ?",
                [
                    (s.process, s.phase, s.peers, s.download_rate, s.upload_rate, s.fault, name)
                    for name, s in told.items()
                ],
            )

    def metainfo(self, infohash: bytes) -> bytes | None:
        """The torrent file of a torrent; None if it is not known."""
        if self._empty:
            return None
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT metainfo FROM torrents_metainfo WHERE infohash = ?", (infohash,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def add(self, torrent: StoredTorrent, metainfo: bytes | None = None) -> None:
        """Remember a torrent, instead of what was remembered of it.

        When this returns, it survives a power cut.
        """
        with self._database.write(durable=True) as connection:
            connection.execute("DELETE FROM torrents WHERE infohash = ?", (torrent.infohash,))
            connection.execute(
                f"INSERT INTO torrents ({_COLUMNS}) "  # noqa: S608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _row(torrent),
            )
            if metainfo is not None:
                _learn(connection, torrent.infohash, metainfo)

    def learned(self, infohash: bytes, name: str, metainfo: bytes) -> None:
        """Remember the metadata of what was added by a magnet link."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                "UPDATE torrents SET name = ?, magnet = NULL WHERE infohash = ?", (name, infohash)
            )
            _learn(connection, infohash, metainfo)

    def advance(self, progress: Iterable[Progress]) -> None:
        """Remember how far torrents are. What this claims must have been written before."""
        with self._database.write(durable=False) as connection:
            connection.executemany(
                "UPDATE torrents SET have = ?, downloaded = ?, uploaded = ?, fingerprint = ?, "
                "completed = ? WHERE infohash = ?",
                [
                    (p.have, p.downloaded, p.uploaded, p.fingerprint, p.completed, p.infohash)
                    for p in progress
                ],
            )

    def prioritise(self, infohash: bytes, priorities: bytes | None) -> None:
        """Remember which files are wanted how much."""
        self._set(infohash, "priorities", priorities)

    def pause(self, infohash: bytes, *, paused: bool) -> None:
        """Remember whether it is to be started."""
        self._set(infohash, "paused", paused)

    def moving(self, infohash: bytes, directory: Path) -> None:
        """Remember that its files are about to be moved: before the first is."""
        self._set(infohash, "moving", str(directory))

    def moved(self, infohash: bytes) -> None:
        """Remember that they were: after the last was."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                "UPDATE torrents SET directory = moving, moving = NULL "
                "WHERE infohash = ? AND moving IS NOT NULL",
                (infohash,),
            )

    def remove(self, infohash: bytes) -> bool:
        """Forget a torrent; whether there was one. Its files are not touched."""
        with self._database.write(durable=True) as connection:
            deleted = connection.execute("DELETE FROM torrents WHERE infohash = ?", (infohash,))
            return deleted.rowcount > 0

    @property
    def port(self) -> int:
        """Where peers who remember us look for us; 0 if we never said."""
        with self._database.read() as connection:
            row = connection.execute("SELECT port FROM torrents_listening").fetchone()
        return 0 if row is None else int(row[0])

    def listens(self, port: int) -> None:
        """Remember where peers are told to look for us."""
        with self._database.write(durable=False) as connection:
            connection.execute("DELETE FROM torrents_listening")
            connection.execute("INSERT INTO torrents_listening VALUES (?)", (port,))

    def _set(self, infohash: bytes, column: str, value: object) -> None:
        with self._database.write(durable=True) as connection:
            connection.execute(
                f"UPDATE torrents SET {column} = ? WHERE infohash = ?",  # noqa: S608 - ours
                (value, infohash),
            )


def _data_version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return found


def _learn(connection: sqlite3.Connection, infohash: bytes, metainfo: bytes) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO torrents_metainfo VALUES (?, ?)", (infohash, metainfo)
    )


def _row(torrent: StoredTorrent) -> tuple[object, ...]:
    progress = torrent.progress
    return (
        progress.infohash,
        torrent.name,
        str(torrent.directory),
        torrent.moving and str(torrent.moving),
        torrent.priorities,
        torrent.magnet,
        torrent.paused,
        torrent.added,
        progress.completed,
        progress.have,
        progress.fingerprint,
        progress.downloaded,
        progress.uploaded,
    )


def _stored(row: tuple[Any, ...]) -> StoredTorrent:
    (infohash, name, directory, moving, priorities, magnet, paused, added, *rest) = row
    completed, have, fingerprint, downloaded, uploaded = rest
    return StoredTorrent(
        name,
        Path(directory),
        added,
        Progress(infohash, have, downloaded, uploaded, fingerprint, completed),
        moving and Path(moving),
        priorities,
        magnet,
        bool(paused),
    )
