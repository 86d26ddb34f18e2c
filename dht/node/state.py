"""What a node remembers from one life to the next.

Four things, by who wants them back: *records* and *providers* that we hold for others, so that a
restart loses the network nothing; *contacts*, so that we rejoin through old acquaintances and not
through the bootstrap list; *promises*, what we undertook to keep published. All lie in one SQLite
database (see :mod:`dht.node.database` for durability and sharing, :mod:`dht.node.promises` for
what a promise is). Several processes may use one directory at once.

Everything here blocks, if briefly: call it from a worker thread. Calls from several threads queue.

**Two clocks.** The engine lives by a monotonic clock that starts anew with each process; the
database keeps wall-clock instants. A :class:`Clock` is one reading of both and converts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dht.core.effects import Change, Erased, Held, Hosted
from dht.node import promises
from dht.node.database import Database
from dht.node.promises import Content, Keeping, StalePromiseError, StoredPromise
from dht.node.rows import (
    PROVIDER_COLUMNS,
    RECORD_COLUMNS,
    blob_key,
    contact_row,
    host_port,
    key_blob,
    provider_row,
    record_row,
    row_contact,
    row_provider,
    row_record,
)

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Iterable

    from dht.core.keys import Key
    from dht.core.messages import Contact

__all__ = ["Clock", "Keeping", "StalePromiseError", "State", "Statistics", "StoredPromise"]

MAX_CONTACTS = 2000
"""Saved per engine: more than a full table of 160 buckets of 8, and 0.3 MB."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One instant on both clocks: ``now`` is the engine's seconds, ``wall`` the world's."""

    now: float
    wall: float

    def to_wall(self, at: float) -> float:
        """The wall-clock time of the engine's ``at``."""
        return self.wall + (at - self.now)

    def to_monotonic(self, at: float) -> float:
        """The engine's time of the wall clock's ``at``; negative for what was long ago."""
        return self.now + (at - self.wall)

    def past(self, at: float) -> float:
        """The same for something that has happened: never later than now.

        The wall clock may have been set back since; a record "received tomorrow" would
        otherwise outlive its lifetime by a day.
        """
        return min(self.now, self.to_monotonic(at))

    def within(self, period: float) -> Callable[[float], float]:
        """The same for something due: never further away than its ``period``."""
        return lambda at: min(self.now + period, self.to_monotonic(at))


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much is stored, of all networks."""

    records: int
    providers: int
    contacts: int
    promises: int
    size: int
    """Bytes of the database file, its log not included."""


class State:
    """The state database of one directory.

    ``network`` and ``family`` name the engine whose things are meant, in the words of its policy
    and of its socket: ``"mainline"``, ``"ipv4"``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(
        cls, directory: str | os.PathLike[str], *, readonly: bool = False, patience: float = 10.0
    ) -> State:
        """Open the state in ``directory``, making both if need be.

        Args:
            directory: Where; made with mode 0700 if it does not exist.
            readonly: Change nothing that is stored; no state reads as an empty one.
            patience: Seconds to wait for other processes before giving up.

        Raises:
            StateError: It cannot be; the message says why and what to do.
        """
        return cls(Database.open(Path(directory), readonly=readonly, patience=patience))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; closing twice is closing once. Without it, nothing committed is lost."""
        self._database.close()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    def check(self) -> None:
        """Read everything, looking for damage.

        Raises:
            StateError: There is some; the database was set aside and the message says where.
        """
        self._database.check()

    # What we hold for others.

    def apply(
        self,
        network: str,
        family: str,
        changes: Iterable[Change],
        wall_of: Callable[[float], float],
    ) -> None:
        """Make an engine's changes, in order, in one transaction.

        When this returns they survive the death of this process (a power cut may undo the last
        ones; the file stays whole). ``wall_of`` is usually :meth:`Clock.to_wall`.
        """
        with self._database.write(durable=False) as connection:
            for change in changes:
                _apply(connection, (network, family), change, wall_of)

    def load_records(
        self, network: str, family: str, monotonic_of: Callable[[float], float]
    ) -> list[Held]:
        """The records held, oldest first. ``monotonic_of`` is usually :meth:`Clock.past`."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT received, {RECORD_COLUMNS} FROM records "  # noqa: S608
                "WHERE network = ? AND family = ? ORDER BY received",
                (network, family),
            ).fetchall()
        return [Held(row_record(row[1:]), monotonic_of(row[0])) for row in rows]

    def load_providers(
        self, network: str, family: str, monotonic_of: Callable[[float], float]
    ) -> list[Hosted]:
        """The providers hosted, oldest first. ``monotonic_of`` is usually :meth:`Clock.past`."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT received, key, {PROVIDER_COLUMNS} FROM providers "  # noqa: S608
                "WHERE network = ? AND family = ? ORDER BY received",
                (network, family),
            ).fetchall()
        return [Hosted(blob_key(r[1]), row_provider(r[2:]), monotonic_of(r[0])) for r in rows]

    def prune(self, network: str, family: str, *, records: float, providers: float) -> int:
        """Drop what was received before these wall-clock instants; how many rows that was.

        Call it before loading: what expired while nobody ran has no engine to say so.
        """
        dropped = 0
        with self._database.write(durable=False) as connection:
            for table, before in (("records", records), ("providers", providers)):
                dropped += connection.execute(
                    f"DELETE FROM {table} "  # noqa: S608
                    "WHERE network = ? AND family = ? AND received < ?",
                    (network, family, before),
                ).rowcount
        return dropped

    # Whom we know.

    def save_contacts(
        self, network: str, family: str, contacts: Iterable[tuple[Contact, float]]
    ) -> None:
        """Replace the saved contacts: each with the wall-clock time it was last seen.

        Of too many, those seen last stay; of two with one key, the one given last.
        """
        newest = sorted(contacts, key=lambda pair: pair[1])[-MAX_CONTACTS:]
        with self._database.write(durable=False) as connection:
            connection.execute(
                "DELETE FROM contacts WHERE network = ? AND family = ?", (network, family)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO contacts (network, family, key, host, port, seen) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [(network, family, *contact_row(contact), seen) for contact, seen in newest],
            )

    def load_contacts(self, network: str, family: str) -> list[tuple[Contact, float]]:
        """The saved contacts and when each was last seen (wall clock), latest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT seen, key, host, port FROM contacts "
                "WHERE network = ? AND family = ? ORDER BY seen DESC, key",
                (network, family),
            ).fetchall()
        return [(row_contact(row[1:]), row[0]) for row in rows]

    # What we promised.

    def promise(
        self, network: str, key: Key, what: Content, wall: float, *, due: float | None = None
    ) -> int:
        """Promise to keep ``what`` published under ``key``; the promise's number.

        When this returns, the promise survives a power cut. Promising the same again returns the
        number it has; a newer version of a record replaces the older promise, under a new number.

        Args:
            network: The network to keep it in.
            key: Under which key; a record's own.
            what: The record or the provider.
            wall: Now, wall clock.
            due: When a running node should first publish it; now if not given. A process that
                is about to publish it itself gives a later time, lest both do.

        Raises:
            StalePromiseError: The version promised is at least as new.
        """
        with self._database.write(durable=True) as connection:
            return promises.make(
                connection, network, key, what, wall=wall, due=wall if due is None else due
            )

    def withdraw(self, network: str, key: Key, wall: float) -> tuple[int, ...]:
        """End every promise under ``key``; the numbers of those that stood."""
        with self._database.write(durable=True) as connection:
            return promises.withdraw(connection, network, key, wall)

    def promised(self, network: str, key: Key, what: Content) -> tuple[int, Content] | None:
        """The promise that one of ``what`` would replace: its number, and what is promised."""
        with self._database.read() as connection:
            return promises.promised(connection, network, key, what)

    def renounce(self, promise: int, earlier: Content | None, wall: float) -> None:
        """End one promise, if it still stands; ``earlier``, which it replaced, stands again."""
        with self._database.write(durable=True) as connection:
            promises.renounce(connection, promise, earlier, wall)

    def kept(self, promise: int, family: str, wall: float, *, copies: int, due: float) -> bool:
        """Note that a renewal was attempted and how many took it (0: it failed).

        ``due`` is when the next is. False if the promise has ended meanwhile.
        """
        keeping = Keeping(
            family, attempted=wall, succeeded=wall if copies else None, copies=copies, due=due
        )
        with self._database.write(durable=False) as connection:
            return promises.keep(connection, promise, keeping)

    def promises(self, network: str | None = None) -> list[StoredPromise]:
        """The promises that stand, of one network or of all, oldest first."""
        with self._database.read() as connection:
            return promises.standing(connection, network)

    def changes_since(self, network: str, revision: int) -> tuple[int, list[StoredPromise]]:
        """Promises that were made or ended, by anybody, after ``revision``; and the newest one.

        Cheap enough to ask every second. Begin with ``-1``, then hand back what was returned.
        Renewals are not news: whoever keeps a promise knows. The first answer may name promises
        that ended within the last week, too.

        Raises:
            StateError: Also when the file was replaced, or migrated by a newer release.
        """
        self._database.still_current()
        with self._database.read() as connection:
            news = promises.since(connection, network, revision)
        return max([revision, *(promise.revision for promise in news)]), news

    def last_seq(self, network: str, key: Key) -> int | None:
        """The highest version ever promised under ``key``, also if it was since forgotten."""
        with self._database.read() as connection:
            return promises.last_seq(connection, network, key)

    def statistics(self) -> Statistics:
        """Count everything."""
        with self._database.read() as connection:
            pages, width = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            return Statistics(
                records=_count(connection, "records"),
                providers=_count(connection, "providers"),
                contacts=_count(connection, "contacts"),
                promises=_count(connection, "promises WHERE withdrawn IS NULL"),
                size=pages * width,
            )


def _count(connection: sqlite3.Connection, rows: str) -> int:
    number: int = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]  # noqa: S608
    return number


def _apply(
    connection: sqlite3.Connection,
    engine: tuple[str, str],
    change: Change,
    wall_of: Callable[[float], float],
) -> None:
    match change:
        case Held(record, at):
            connection.execute(
                f"INSERT OR REPLACE INTO records (network, family, {RECORD_COLUMNS}, received) "  # noqa: S608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*engine, *record_row(record), wall_of(at)),
            )
        case Hosted(key, provider, at):
            connection.execute(
                "INSERT OR REPLACE INTO providers (network, family, key, "  # noqa: S608
                f"{PROVIDER_COLUMNS}, received) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*engine, key_blob(key), *provider_row(provider), wall_of(at)),
            )
        case Erased(key):
            connection.execute(
                "DELETE FROM records WHERE network = ? AND family = ? AND key = ?",
                (*engine, key_blob(key)),
            )
        case _:
            connection.execute(
                "DELETE FROM providers WHERE network = ? AND family = ? AND key = ? "
                "AND host = ? AND port = ?",
                (*engine, key_blob(change.key), *host_port(change.provider.endpoint)),
            )
