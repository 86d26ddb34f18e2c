"""Names for torrents: mutable items that hold an infohash (BEP 46).

The value is ``{"ih": <infohash>}``; a magnet link names the item by its public key::

    magnet:?xs=urn:btpk:<public key, hex>&s=<salt, hex>
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from dht.codec.bencode import decode, encode
from dht.mainline.items import MAX_SALT, PUBLIC_SIZE

_URN: Final = "urn:btpk:"
INFOHASH_SIZE: Final = 20
"""Bytes: a SHA-1, or the beginning of a v2 torrent's SHA-256."""


def infohash_value(infohash: bytes) -> bytes:
    """The bencoded value that names a torrent.

    Raises:
        ValueError: ``infohash`` is not 20 bytes. Of a v2 torrent's 32 take the first 20.
    """
    if len(infohash) != INFOHASH_SIZE:
        raise ValueError(f"an infohash has {INFOHASH_SIZE} bytes, not {len(infohash)}")
    return encode({b"ih": infohash})


def read_infohash(value: bytes) -> bytes | None:
    """The infohash that a bencoded value names, or ``None`` if it names none."""
    fields = decode(value)
    infohash = fields.get(b"ih") if isinstance(fields, dict) else None
    fits = isinstance(infohash, bytes) and len(infohash) == INFOHASH_SIZE
    return infohash if isinstance(infohash, bytes) and fits else None


def name_magnet(public: bytes, salt: bytes = b"") -> str:
    """The magnet link of a mutable item."""
    link = f"magnet:?xs={_URN}{public.hex()}"
    return f"{link}&{urlencode({'s': salt.hex()})}" if salt else link


def read_magnet(link: str) -> tuple[bytes, bytes] | None:
    """The public key and the salt that a magnet link names, or ``None`` if it names no item."""
    try:
        parts = urlsplit(link)
        fields = parse_qs(parts.query)
        sources = [xs for xs in fields.get("xs", ()) if xs.lower().startswith(_URN)]
        public = bytes.fromhex(sources[0][len(_URN) :] if sources else "")
        salt = bytes.fromhex(fields.get("s", [""])[0])
    except ValueError:
        return None
    fits = len(public) == PUBLIC_SIZE and len(salt) <= MAX_SALT
    return (public, salt) if fits and parts.scheme == "magnet" else None
