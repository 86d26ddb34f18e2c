"""One key, its records, and networks that hold what a test wants them to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.codec.bencode import encode
from dht.core.effects import Held
from dht.mainline.items import sign_record
from torrent.cdn.name import Name, Version

if TYPE_CHECKING:
    from dht.core.messages import Record
    from dht.testing import Testnet

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = Name(KEY.public_key().public_bytes_raw(), b"site")


def infohash(number: int) -> bytes:
    """The torrent that version ``number`` leads to."""
    return (number % 2**64).to_bytes(20, "big")


def record(
    seq: int,
    ih: bytes | None = None,
    *,
    salt: bytes = NAME.salt,
    key: Ed25519PrivateKey = KEY,
) -> Record:
    """A signed version."""
    return sign_record(key, encode({b"ih": infohash(seq) if ih is None else ih}), seq, salt)


def version_of(seq: int) -> Version:
    """The same, read."""
    found = Version.of(record(seq))
    assert found is not None
    return found


def plant(net: Testnet, planted: Record) -> None:
    """Let every node hold a record, whatever a node would say of it."""
    for node in net.nodes:
        for port in node._living.host.ports:
            records = port.engine.records
            if planted.key in records:
                records._erase(planted.key)
            records.restore([Held(planted, trio.current_time())])
