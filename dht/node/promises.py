"""Promises on disk: what we undertook to keep published, until it is withdrawn.

A promise is made by one process and kept by another: a verb writes it and leaves, a running node
finds it within seconds and renews it for as long as it stands. Both only ever meet in these rows.

**One promise per name.** Under one key a network has one record, so one record promise; it has one
provider promise per endpoint that provides. Promising the same again changes nothing. A newer
version takes the older one's place under a *new* number, and the older number ends: a renewal of
the old version that is still under way must not count as one of the new. An older version never
takes a newer one's place.

**News.** Each change takes the next ``revision``. Writers queue for one lock, so revisions are
committed in their order and a reader that has seen revision n has seen all before it: asking for
what is newer than n misses nothing, which timestamps could not guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dht.core.messages import Provider, Record
from dht.node.disk import StateError
from dht.node.rows import (
    PROVIDER_COLUMNS,
    RECORD_COLUMNS,
    Row,
    blob_key,
    host_port,
    key_blob,
    provider_row,
    record_row,
    row_provider,
    row_record,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from dht.core.keys import Key

REMEMBER_ENDED = 7 * 86400.0
"""Ended promises stay this long, emptied, for running nodes to see that they ended. A node looks
every few seconds; a week is for the one that was stopped in between and knows its last revision."""

Content: TypeAlias = Record | Provider

_COLUMNS = (
    f"id, revision, network, created, due, withdrawn, kind, {RECORD_COLUMNS}, {PROVIDER_COLUMNS}"
)
_STANDING = "network = ? AND kind = ? AND key = ? AND host = ? AND port = ? AND withdrawn IS NULL"


class StalePromiseError(StateError):
    """A version that is not newer than the promised one was offered in its place."""

    def __init__(self, held: int | None, offered: int | None) -> None:
        super().__init__(
            f"version {held} of this name is already promised and {offered} is not newer: publish "
            "a higher version, or forget the promise first"
        )
        self.held = held
        self.offered = offered


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a promise fares in one address family. All instants are wall-clock.

    Attributes:
        family: Of which engine.
        attempted: The last renewal, whatever came of it.
        succeeded: The last one that stored a copy; ``None`` if none did yet.
        copies: How many contacts took it then.
        due: When the next is.
    """

    family: str
    attempted: float
    succeeded: float | None
    copies: int
    due: float


@dataclass(frozen=True, slots=True)
class StoredPromise:
    """A promise as it stands in the database. All instants are wall-clock.

    Attributes:
        id: Its number, never used for another.
        revision: When it last changed, in the order of changes; see ``State.changes_since``.
        network: The network it is kept in.
        key: Under which key.
        what: The record or the provider to publish; ``None`` once withdrawn.
        created: When it was made.
        due: When it is first due.
        withdrawn: When it was withdrawn or replaced; ``None`` while it stands.
        keepings: How it fares, for each family in which it was tried.
    """

    id: int
    revision: int
    network: str
    key: Key
    what: Content | None
    created: float
    due: float
    withdrawn: float | None
    keepings: tuple[Keeping, ...] = ()

    def due_in(self, family: str) -> float:
        """When it is next due in ``family``."""
        return next((k.due for k in self.keepings if k.family == family), self.due)

    @property
    def succeeded(self) -> float | None:
        """The last success in any family."""
        return max((k.succeeded for k in self.keepings if k.succeeded is not None), default=None)

    @property
    def copies(self) -> int:
        """Copies stored at the last success of each family, together."""
        return sum(keeping.copies for keeping in self.keepings)


def make(
    connection: sqlite3.Connection,
    network: str,
    key: Key,
    what: Content,
    *,
    wall: float,
    due: float,
) -> int:
    """Promise ``what``; the number of the promise that stands afterwards.

    Raises:
        StalePromiseError: The promise that stands is of a version at least as new.
        ValueError: ``what`` is the record of another key.
    """
    if isinstance(what, Record) and what.key != key:
        raise ValueError(f"a record of {what.key:x} cannot be promised under {key:x}")
    held = _standing(connection, network, key, what)
    if held is not None:
        if _same(held.what, what):
            return held.id
        _must_be_newer(held.what, what)
        _end(connection, [held.id], wall)
    connection.execute("DELETE FROM promises WHERE withdrawn < ?", (wall - REMEMBER_ENDED,))
    number = _insert(connection, network, key, what, wall=wall, due=due)
    if isinstance(what, Record) and what.seq is not None:
        _remember_seq(connection, network, key, what.seq)
    return number


def withdraw(
    connection: sqlite3.Connection, network: str, key: Key, wall: float
) -> tuple[int, ...]:
    """End every promise under ``key``; their numbers."""
    rows = connection.execute(
        "SELECT id FROM promises WHERE network = ? AND key = ? AND withdrawn IS NULL ORDER BY id",
        (network, key_blob(key)),
    )
    numbers = tuple(number for (number,) in rows)
    _end(connection, numbers, wall)
    return numbers


def renounce(
    connection: sqlite3.Connection, number: int, earlier: Content | None, wall: float
) -> None:
    """End promise ``number``; ``earlier``, which it had replaced, stands again, due at once.

    Only if it still stands: whoever replaced it since knew better.
    """
    found = _select(connection, "id = ? AND withdrawn IS NULL", (number,))
    _end(connection, [promise.id for promise in found], wall)
    for promise in found:
        if earlier is not None:
            _insert(connection, promise.network, promise.key, earlier, wall=wall, due=wall)


def promised(
    connection: sqlite3.Connection, network: str, key: Key, what: Content
) -> tuple[int, Content] | None:
    """The promise in whose place ``what`` would come: its number, and what is promised."""
    held = _standing(connection, network, key, what)
    return None if held is None or held.what is None else (held.id, held.what)


def keep(connection: sqlite3.Connection, number: int, keeping: Keeping) -> bool:
    """Note an attempt (``keeping.copies`` of 0: a failed one); False if the promise has ended."""
    if not connection.execute(
        "SELECT 1 FROM promises WHERE id = ? AND withdrawn IS NULL", (number,)
    ).fetchone():
        return False
    # What an earlier success stored is still out there after a failed attempt.
    connection.execute(
        "INSERT INTO keepings (promise, family, attempted, succeeded, copies, due) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (promise, family) DO UPDATE SET "
        "attempted = excluded.attempted, due = excluded.due, "
        "succeeded = coalesce(excluded.succeeded, succeeded), "
        "copies = CASE WHEN excluded.succeeded IS NULL THEN copies ELSE excluded.copies END",
        (
            number,
            keeping.family,
            keeping.attempted,
            keeping.succeeded,
            keeping.copies,
            keeping.due,
        ),
    )
    return True


def standing(connection: sqlite3.Connection, network: str | None) -> list[StoredPromise]:
    """All promises that stand, of one network or of all, oldest first."""
    where = "withdrawn IS NULL" if network is None else "withdrawn IS NULL AND network = ?"
    return _select(connection, where, () if network is None else (network,))


def since(connection: sqlite3.Connection, network: str, revision: int) -> list[StoredPromise]:
    """What changed after ``revision``, ended promises included, oldest first."""
    return _select(connection, "revision > ? AND network = ?", (revision, network))


def last_seq(connection: sqlite3.Connection, network: str, key: Key) -> int | None:
    """The highest version ever promised under ``key``; ``None`` if there was none."""
    row = connection.execute(
        "SELECT seq FROM sequences WHERE network = ? AND key = ?", (network, key_blob(key))
    ).fetchone()
    return None if row is None else int(row[0])


def _same(held: Content | None, offered: Content) -> bool:
    # Not the signature: signing the same version twice need not give the same bytes.
    if isinstance(held, Record) and isinstance(offered, Record):
        return (held.value, held.seq) == (offered.value, offered.seq)
    return held == offered


def _must_be_newer(held: Content | None, offered: Content) -> None:
    if isinstance(held, Record) and isinstance(offered, Record):
        newer = offered.seq is not None and (held.seq is None or held.seq < offered.seq)
        if not newer:
            raise StalePromiseError(held.seq, offered.seq)


def _kind_and_place(what: Content) -> tuple[str, str, int]:
    """What tells promises under one key apart: the kind, and the endpoint of a provider."""
    if isinstance(what, Record):
        return "record", "", 0
    return "provider", *host_port(what.endpoint)


def _standing(
    connection: sqlite3.Connection, network: str, key: Key, what: Content
) -> StoredPromise | None:
    kind, host, port = _kind_and_place(what)
    found = _select(connection, _STANDING, (network, kind, key_blob(key), host, port))
    return found[0] if found else None


def _insert(
    connection: sqlite3.Connection,
    network: str,
    key: Key,
    what: Content,
    *,
    wall: float,
    due: float,
) -> int:
    head: Row = (_next_revision(connection), network, wall, due)
    if isinstance(what, Record):
        kind, columns, row = "record", RECORD_COLUMNS, record_row(what)
    else:
        kind, columns = "provider", f"key, {PROVIDER_COLUMNS}"
        row = (key_blob(key), *provider_row(what))
    marks = ", ".join("?" * (len(head) + 1 + len(row)))
    cursor = connection.execute(
        f"INSERT INTO promises (revision, network, created, due, kind, {columns}) "  # noqa: S608
        f"VALUES ({marks})",
        (*head, kind, *row),
    )
    return cursor.lastrowid or 0


def _end(connection: sqlite3.Connection, numbers: Iterable[int], wall: float) -> None:
    for number in numbers:
        connection.execute(
            "UPDATE promises SET withdrawn = ?, revision = ?, value = x'', signature = x'' "
            "WHERE id = ?",
            (wall, _next_revision(connection), number),
        )


def _next_revision(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    row = connection.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
    return int(row[0])


def _remember_seq(connection: sqlite3.Connection, network: str, key: Key, seq: int) -> None:
    highest = last_seq(connection, network, key)
    if highest is None or highest < seq:
        connection.execute(
            "INSERT OR REPLACE INTO sequences (network, key, seq) VALUES (?, ?, ?)",
            (network, key_blob(key), str(seq)),
        )


def _select(connection: sqlite3.Connection, where: str, arguments: Row) -> list[StoredPromise]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM promises WHERE {where} ORDER BY revision",  # noqa: S608
        arguments,
    ).fetchall()
    return [_promise(row, _keepings(connection, row[0])) for row in rows]


def _keepings(connection: sqlite3.Connection, number: int) -> tuple[Keeping, ...]:
    rows = connection.execute(
        "SELECT family, attempted, succeeded, copies, due FROM keepings WHERE promise = ? "
        "ORDER BY family",
        (number,),
    )
    return tuple(Keeping(*row) for row in rows)


def _promise(row: Row, keepings: tuple[Keeping, ...]) -> StoredPromise:
    number, revision, network, created, due, withdrawn, kind, *content = row
    record, provider = tuple(content[:6]), tuple(content[6:])
    what: Content | None = None
    if withdrawn is None:
        what = row_record(record) if kind == "record" else row_provider(provider)
    return StoredPromise(
        id=number,
        revision=revision,
        network=network,
        key=blob_key(record[0]),
        what=what,
        created=created,
        due=due,
        withdrawn=withdrawn,
        keepings=keepings,
    )
