"""One SQLite file shared by several processes: opening it, writing to it, explaining its errors.

**Several processes.** In WAL mode readers never wait and writers queue for one lock. A transaction
that will write says so when it begins (``BEGIN IMMEDIATE``): one that reads first and writes later
can find that the lock it needs was taken meanwhile, and no waiting helps it then. Transactions are
short, so ``patience`` (SQLite's busy timeout) is only ever reached if something is badly wrong.

**Durability.** A commit in WAL mode is safe against the death of the process in any case: the
kernel has the data. Against the death of the machine it is safe only with ``synchronous=FULL``,
which waits for the disk at each commit; ``NORMAL`` may lose the last commits in a power cut, never
the consistency of the file. Promises are written with the former, what we hold for others (and what
k - 1 other nodes hold too) with the latter. The setting belongs to the connection and may change
between transactions; a FULL commit also flushes the NORMAL ones before it.

**POSIX locks.** Closing *any* descriptor of a file drops all of the process's fcntl locks on it,
SQLite's included. So nothing here ever opens the database file but SQLite: the one exception is
the creation of a file that did not exist, which nobody can have locked.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dht.node import schema
from dht.node.disk import FileLock, StateError, explained, private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dht.node.schema import Guest

FILE = "state.sqlite3"
OPENING = "opening.lock"
_PARTS = ("-wal", "-shm", "")
"""A database's files, in the order to move them: a log left beside a new file would be replayed
into it."""
_WAL_LIMIT = 16 * 1024 * 1024
"""The log is cut back to this after a burst, lest it keep the size of its worst moment."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = (
    "was locked by another process for longer than {patience:g} s: look for one that hangs on it "
    "(`fuser {path}`), or is stopped, and end it"
)
_UNWRITABLE = (
    "cannot be opened or written: it, or its directory, is not yours or is read-only; change the "
    "permissions or choose another state directory"
)
_ADVICE = {
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: free some space and try again; what was "
    "acknowledged is safe",
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNWRITABLE,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_IOERR: "could not be read or written by the operating system: the disk may be "
    "failing or full, or the file system (NFS?) may not support locks; choose a local directory",
}
_DAMAGE_SEEN = (
    "{path} is damaged ({why}): start a node or run any command that writes, which sets the file "
    "aside, tells where, and begins anew"
)
_UNEXPECTED = "met an error it should not meet: please report this with the message in brackets"


class Database:
    """A connection to the state database. One thread at a time is inside; others wait."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        patience: float,
        *,
        readonly: bool = False,
        guests: Sequence[Guest] = (),
    ) -> None:
        self.path = path
        self._connection = connection
        self._patience = patience
        self._readonly = readonly
        self._guests = guests
        self._inode = _inode(path)
        self._inside = threading.RLock()

    @classmethod
    def open(
        cls, directory: Path, *, readonly: bool, patience: float, guests: Sequence[Guest] = ()
    ) -> Database:
        """Open the database of ``directory``, making or migrating it if need be.

        ``guests`` are packages above that have tables in it, too. A reader may find theirs missing:
        ``guest.version()`` is 0 then.

        Raises:
            StateError: It cannot be opened, or is damaged, or belongs to a newer release.
        """
        path = directory / FILE
        with explained(path):
            return (_open_readonly if readonly else _open_writable)(path, patience, guests)

    def close(self) -> None:
        """Close the connection; the last one to close moves the log into the database."""
        with self._inside, suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def write(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """A transaction that writes: committed when the block ends, undone if it raises.

        With ``durable``, what it wrote survives even a power cut once the block has ended.
        """
        with self._explained() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with _transaction(connection, "BEGIN IMMEDIATE"):
                yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction that only reads: all its answers come from one instant."""
        with self._explained() as connection, _transaction(connection, "BEGIN"):
            yield connection

    def check(self) -> None:
        """Read every page and every index.

        Raises:
            StateError: The database is damaged; it was set aside.
        """
        with self._explained() as connection:
            verdict: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise self._abandoned(verdict)

    def still_current(self) -> None:
        """Notice what other processes may do to the file under a long-lived connection.

        Raises:
            StateError: It was replaced, or migrated by a newer release.
        """
        if _inode(self.path) != self._inode:
            raise StateError(
                f"{self.path} was moved or replaced while in use: restart this process, so that "
                "it works on the new one"
            )
        with self._explained() as connection:
            schema.check(connection)
            for guest in self._guests:
                guest.check(connection)

    @contextmanager
    def _explained(self) -> Iterator[sqlite3.Connection]:
        with self._inside:
            try:
                yield self._connection
            except sqlite3.Error as error:
                if _code(error) in _DAMAGED:
                    raise self._abandoned(str(error)) from error
                raise _explain(error, self.path, self._patience) from error

    def _abandoned(self, why: str) -> StateError:
        """Set the damaged file aside; what to tell the user."""
        # Closed before it is renamed: SQLite deletes its log by name when it closes, and by then
        # that name could belong to the next database.
        self.close()
        if self._readonly:
            return StateError(_DAMAGE_SEEN.format(path=self.path, why=why))
        with FileLock(self.path.with_name(OPENING)) as lock:
            if lock.acquire(self._patience) and _inode(self.path) == self._inode:
                return _set_aside(self.path, why)
        return StateError(
            f"{self.path} was damaged ({why}) and another process has dealt with it: run the "
            "command again"
        )


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite may have undone it already, for one when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _open_writable(path: Path, patience: float, guests: Sequence[Guest]) -> Database:
    """Open to write. One process at a time does this, under a lock of its own.

    Two processes that both switch a new file to WAL mode get 'database is locked' at once, since
    SQLite does not wait there; and a damaged file must be set aside by one of them only.
    """
    private_directory(path.parent)
    with FileLock(path.with_name(OPENING)) as lock:
        if not lock.acquire(patience):
            raise StateError(f"{path} {_LOCKED.format(path=path, patience=patience)}")
        _create_private(path)
        try:
            return Database(path, _prepare(path, patience, guests), patience, guests=guests)
        except sqlite3.Error as error:
            if _code(error) in _DAMAGED:
                raise _set_aside(path, str(error)) from error
            raise _explain(error, path, patience) from error


def _prepare(path: Path, patience: float, guests: Sequence[Guest]) -> sqlite3.Connection:
    connection = _connect(path, "rw", patience)
    try:
        _configure(connection)
        schema.migrate(connection, guests=guests)
    except (sqlite3.Error, StateError):
        connection.close()
        raise
    return connection


def _open_readonly(path: Path, patience: float, guests: Sequence[Guest]) -> Database:
    """Open to read: nothing is created, migrated or set aside. No database is an empty one.

    (SQLite itself may put an index of the log beside a database that nobody else has open.)
    """
    if not path.exists():
        empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        schema.migrate(empty)
        empty.execute("PRAGMA query_only = ON")
        return Database(path, empty, patience, readonly=True, guests=guests)
    try:
        connection = _inspect(path, patience, guests)
        return Database(path, connection, patience, readonly=True, guests=guests)
    except sqlite3.Error as error:
        if _code(error) in _DAMAGED:
            raise StateError(_DAMAGE_SEEN.format(path=path, why=error)) from error
        raise _explain(error, path, patience) from error


def _inspect(path: Path, patience: float, guests: Sequence[Guest]) -> sqlite3.Connection:
    connection = _connect(path, "ro", patience)
    try:
        schema.check_equal(connection)
        for guest in guests:
            guest.check(connection)
    except (sqlite3.Error, StateError):
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str, patience: float) -> sqlite3.Connection:
    # Threads: trio hands each call to whichever worker thread is free, so the connection wanders
    # between them; `Database._inside` keeps them apart.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )


def _configure(connection: sqlite3.Connection) -> None:
    for setting in (
        "journal_mode = WAL",
        "foreign_keys = ON",
        f"journal_size_limit = {_WAL_LIMIT}",
        # macOS: an ordinary fsync there does not wait for the disk itself.
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _create_private(path: Path) -> None:
    """Make the empty file ourselves: SQLite's files get the mode of the first, ours is private."""
    with explained(path), suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _inode(path: Path) -> int:
    """Which file the name stands for now; 0 for none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _code(error: sqlite3.Error) -> int:
    """The primary result code (the low byte); 0 for errors of the module, not the library."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _explain(error: sqlite3.Error, path: Path, patience: float) -> StateError:
    advice = _ADVICE.get(_code(error), _UNEXPECTED).format(path=path, patience=patience)
    return StateError(f"{path} {advice} ({error})")


def _set_aside(path: Path, why: str) -> StateError:
    """Rename a damaged database and its companions. Nothing is deleted: it may be recovered."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    with explained(path):
        for part in _PARTS:
            with suppress(FileNotFoundError):
                path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    return StateError(
        f"{path} was damaged ({why}) and is now kept as {aside}: run the command again to begin "
        "with an empty state, and promise again what should stay published; "
        f"`sqlite3 {aside} .recover` may bring back what was in it"
    )
