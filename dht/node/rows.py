"""Between the core's words and the columns of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from dht.core.keys import Key
from dht.core.messages import Contact, Provider, Record

if TYPE_CHECKING:
    from dht.core.messages import Endpoint

_KEY_BYTES = 32
"""The widest key space in use; narrower keys have leading zeros, so the blobs sort as the keys."""

Row: TypeAlias = tuple[Any, ...]

RECORD_COLUMNS = "key, value, seq, signer, salt, signature"
PROVIDER_COLUMNS = "host, port, seed"


def key_blob(key: Key) -> bytes:
    """Write a key of any network."""
    return key.to_bytes(_KEY_BYTES, "big")


def blob_key(blob: bytes) -> Key:
    """Read it back."""
    return Key(int.from_bytes(blob, "big"))


def host_port(endpoint: Endpoint) -> tuple[str, int]:
    """An endpoint as two columns.

    Raises:
        TypeError: It is not a ``(host, port)`` pair: a network whose endpoints are something else
            needs columns of its own, which is for its author to notice, not for its user.
    """
    match endpoint:
        case (str(host), int(port)):
            return host, port
        case _:
            raise TypeError(f"only (host, port) endpoints can be stored, not {endpoint!r}")


def record_row(record: Record) -> Row:
    """The columns ``RECORD_COLUMNS`` of a record."""
    return (
        key_blob(record.key),
        record.value,
        None if record.seq is None else str(record.seq),
        record.signer,
        record.salt,
        record.signature,
    )


def row_record(row: Row) -> Record:
    """A record from the columns ``RECORD_COLUMNS``."""
    key, value, seq, signer, salt, signature = row
    return Record(
        key=blob_key(key),
        value=value,
        seq=None if seq is None else int(seq),
        signer=signer,
        salt=salt,
        signature=signature,
    )


def provider_row(provider: Provider) -> Row:
    """The columns ``PROVIDER_COLUMNS`` of a provider."""
    return (*host_port(provider.endpoint), int(provider.seed))


def row_provider(row: Row) -> Provider:
    """A provider from the columns ``PROVIDER_COLUMNS``."""
    host, port, seed = row
    return Provider((host, port), seed=bool(seed))


def contact_row(contact: Contact) -> Row:
    """The columns ``key, host, port`` of a contact."""
    return (key_blob(contact.key), *host_port(contact.endpoint))


def row_contact(row: Row) -> Contact:
    """A contact from the columns ``key, host, port``."""
    key, host, port = row
    return Contact(blob_key(key), (host, port))
